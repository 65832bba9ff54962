"""The published Meeting BaaS v2 specification as a judge of what we send. It is not part of this repository.

Its folder is named by MEETFLEET_SPECS; by default it lies beside the checkout, in `../shared/specs`.
"""

import json
import os
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator, FormatChecker

SPEC_NAME = "meeting-baas-v2.openapi.json"
ADDITIONS_NAME = "meeting-baas-v2.sdk-6.2.4-additions.openapi.json"
FOLDER = Path(os.environ.get("MEETFLEET_SPECS") or Path(__file__).parents[2].parent / "shared" / "specs")

_WEBHOOKS = {
    "bot.status_change": "BotWebhookStatusChange",
    "bot.completed": "BotWebhookCompleted",
    "bot.failed": "BotWebhookFailed",
    "bot.chat_message": "BotWebhookChatMessage",
}
_CALLBACKS = {"bot.completed": "CallbackCompleted", "bot.failed": "CallbackFailed"}
# Newer sources add fields to objects that the specification closes. Source: contract.md C18, C38.
_ADDED = {
    "GetBotDetailsResponse": ("callback_config", "meet_login_credential_id"),
    "GetScheduledBotResponse": ("timeout_config.max_recording_duration",),
    "BotWebhookCompleted": ("chat_messages",),
    "CallbackCompleted": ("chat_messages",),
}


class V2Schemas:
    """Validates bodies against the specification, formats and patterns included."""

    def __init__(self, specification: dict[str, Any], additions: dict[str, Any] | None = None) -> None:
        self.specification = specification
        self.additions = additions or {"components": {}, "paths": {}}
        self.schemas: dict[str, Any] = specification["components"]["schemas"]

    def check(self, name: str, body: dict[str, Any]) -> None:
        """Raises if `body` is not what the schema `name` says, but for fields that newer sources add."""
        judged = deepcopy(body)
        for field in _ADDED.get(name, ()):
            *path, last = field.split(".")
            holder = reduce(lambda found, step: found[step], path, judged["data"])
            assert last in holder, f"{name} lacks {field}"
            del holder[last]
        self.check_against(self.schemas[name], judged)

    def check_against(self, schema: dict[str, Any], body: object, specification: dict[str, Any] | None = None) -> None:
        plain = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
        root = {**plain, "components": (specification or self.specification)["components"]}
        jsonschema.validate(body, root, Draft202012Validator, format_checker=FormatChecker())

    def check_webhook(self, body: dict[str, Any]) -> None:
        self.check(_WEBHOOKS[body["event"]], body)

    def check_callback(self, body: dict[str, Any]) -> None:
        self.check(_CALLBACKS[body["event"]], body)

    def check_response(self, method: str, path: str, status: int, body: dict[str, Any]) -> None:
        """Raises if the operation documents no such response, or another body for it."""
        newer = path not in self.specification["paths"]
        specification = self.additions if newer else self.specification
        responses = specification["paths"][path][method.lower()]["responses"]
        # Every operation can refuse a key, though the specification names neither status.
        reference = {"$ref": "#/components/schemas/ErrorResponse"}
        if status in (401, 403) or (status == 409 and path.endswith(("/delete-data", "/retranscribe"))):
            self.check_against(reference, body)
            return
        assert str(status) in responses, f"{method} {path} does not document {status}"
        schema = responses[str(status)]["content"]["application/json"]["schema"]
        name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
        if name and not newer:
            self.check(name, body)
        else:
            self.check_against(schema, body, specification)


class NoJudge(V2Schemas):
    """Where the specification is not at hand: what does not need it is tested all the same."""

    def __init__(self) -> None:
        super().__init__({"components": {"schemas": {}}, "paths": {}})

    def check(self, name: str, body: dict[str, Any]) -> None: ...

    def check_response(self, method: str, path: str, status: int, body: dict[str, Any]) -> None: ...


@pytest.fixture(scope="session")
def v2_schemas() -> V2Schemas:
    """The judge, or a lenient stand-in."""
    file, additions = FOLDER / SPEC_NAME, FOLDER / ADDITIONS_NAME
    if not (file.is_file() and additions.is_file()):
        return NoJudge()
    return V2Schemas(json.loads(file.read_text()), json.loads(additions.read_text()))


@pytest.fixture(scope="session")
def published(v2_schemas: V2Schemas) -> V2Schemas:
    """The judge; a test that is about nothing else is skipped without it."""
    if isinstance(v2_schemas, NoJudge):
        pytest.skip(f"the published specification is not in {FOLDER} (set MEETFLEET_SPECS)")
    return v2_schemas
