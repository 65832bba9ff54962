"""Our description of v2 beside the published one: we take at least what it allows, and give nothing it does not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from v2_schemas import V2Schemas
from v2_world import V2World

OPERATIONS = {
    "createBot",
    "batchCreateBots",
    "listBots",
    "getBotDetails",
    "getBotStatus",
    "getBotScreenshots",
    "leaveBot",
    "sendChatMessage",
    "pauseBotRecording",
    "resumeBotRecording",
    "deleteBotData",
    "resendFinalWebhook",
    "retryCallback",
    "updateBotConfig",
    "retranscribeBot",
    "createScheduledBot",
    "batchCreateScheduledBots",
    "listScheduledBots",
    "getScheduledBotDetails",
    "updateScheduledBot",
    "deleteScheduledBot",
    "createZoomCredential",
    "listZoomCredentials",
    "getZoomCredential",
    "updateZoomCredential",
    "deleteZoomCredential",
    *(
        f"{verb}{kind}"
        for kind in ("MeetWorkspace", "TeamsWorkspace", "MeetLogin", "TeamsLogin")
        for verb in ("create", "get", "update", "delete")
    ),
    "listMeetWorkspaces",
    "listTeamsWorkspaces",
    "listMeetLogins",
    "listTeamsLogins",
    "getMeetLoginUtilization",
    "getTeamsLoginUtilization",
    "getStorageConfig",
    "setStorageConfig",
    "deleteStorageConfig",
    "testStorageConfig",
}
# Fields that newer sources require in objects which the specification closes. Source: contract.md C18.
ADDED_FIELDS = {"callback_config", "meet_login_credential_id", "max_recording_duration"}
# Wider by a newer source than by the specification. Source: contract.md C14.
WIDER_ANSWERS = {"transcription_provider", "provider"}
Schema = dict[str, Any]


class Document:
    """An OpenAPI document whose references are followed on the way."""

    def __init__(self, raw: Schema) -> None:
        self.raw = raw

    def operations(self) -> dict[str, tuple[str, str, Schema]]:
        return {
            operation["operationId"]: (method, path, operation)
            for path, methods in self.raw["paths"].items()
            for method, operation in methods.items()
        }

    def follow(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self.raw
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema

    def options(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, flattened; null is one of them."""
        schema = self.follow(schema)
        if "anyOf" in schema:
            return [option for one in schema["anyOf"] for option in self.options(one)]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": one} for one in schema["type"]]
        return [schema]

    def request(self, operation: Schema) -> Schema | None:
        body = operation.get("requestBody")
        return body and self.merged(body["content"]["application/json"]["schema"])

    def merged(self, schema: Schema) -> Schema:
        """One schema for several that must all hold."""
        schema = self.follow(schema)
        if "items" in schema:
            return {**schema, "items": self.merged(schema["items"])}
        parts = [self.merged(part) for part in schema.get("allOf", ())]
        if not parts:
            return schema
        properties = {name: one for part in parts for name, one in part["properties"].items()}
        return {**parts[0], "properties": properties, "required": [n for part in parts for n in part["required"]]}

    def response(self, operation: Schema, status: str) -> Schema:
        return operation["responses"][status]["content"]["application/json"]["schema"]


def kind(schema: Schema) -> str:
    if "const" in schema:
        return {bool: "boolean", str: "string", int: "number", float: "number"}[type(schema["const"])]
    found = schema.get("type", "any")
    return "number" if found == "integer" else found


def words(schema: Schema) -> set[Any] | None:
    """The closed set of values, if it is one."""
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


LOWER = ("minimum", "minLength", "minItems", "exclusiveMinimum")
UPPER = ("maximum", "maxLength", "maxItems")


def refusals(ours: Document, mine: Schema, theirs: Document, other: Schema, at: str = "") -> Iterator[str]:
    """What the other schema accepts and mine does not."""
    candidates = ours.options(mine)
    for wanted in theirs.options(other):
        fitting = [c for c in candidates if kind(c) == kind(wanted) or kind(c) == "any" or (words(c) and words(wanted))]
        if not fitting:
            yield f"{at}: no {kind(wanted)}"
            continue
        if all(words(c) for c in fitting) and words(wanted):
            missing = words(wanted) - set().union(*(words(c) or set() for c in fitting))
            if missing:
                yield f"{at}: not {missing}"
            continue
        yield from _refusals_of_one(ours, fitting[0], theirs, wanted, at)


def _refusals_of_one(ours: Document, mine: Schema, theirs: Document, other: Schema, at: str) -> Iterator[str]:
    for bound in LOWER:
        if bound in mine and mine[bound] > other.get(bound, float("-inf")):
            yield f"{at}: {bound}"
    for bound in UPPER:
        # The specification sets the largest safe integer where it means no limit.
        if bound in mine and mine[bound] < other.get(bound, float("inf")):
            yield f"{at}: {bound}"
    if kind(other) == "array" and "items" in other:
        yield from refusals(ours, mine["items"], theirs, other["items"], f"{at}[]")
    for name, schema in other.get("properties", {}).items():
        if name not in mine.get("properties", {}):
            yield f"{at}.{name}: unknown"
        else:
            yield from refusals(ours, mine["properties"][name], theirs, schema, f"{at}.{name}")
    for name in set(mine.get("required", ())) - set(other.get("required", ())):
        yield f"{at}.{name}: required"


def surprises(ours: Document, mine: Schema, theirs: Document, other: Schema, at: str = "") -> Iterator[str]:
    """What my schema may send and the other does not allow."""
    candidates = theirs.options(other)
    for sent in ours.options(mine):
        fitting = [c for c in candidates if kind(c) in (kind(sent), "any")]
        if not fitting:
            yield f"{at}: may be {kind(sent)}"
            continue
        yield from _surprises_of_one(ours, sent, theirs, fitting[0], at)


def _surprises_of_one(ours: Document, sent: Schema, theirs: Document, other: Schema, at: str) -> Iterator[str]:
    allowed, mine = words(other), words(sent)
    if allowed is not None and at.rsplit(".", 1)[-1] not in WIDER_ANSWERS and (mine is None or mine - allowed):
        yield f"{at}: may be {mine and mine - allowed}"
    if other.get("type") == "integer" and sent.get("type") == "number":
        yield f"{at}: may have a fraction"
    if kind(other) == "array":
        yield from surprises(ours, sent["items"], theirs, other["items"], f"{at}[]")
    if kind(other) != "object" or "properties" not in other:
        return
    properties = sent.get("properties", {})
    for name in set(other.get("required", ())) - set(sent.get("required", ())):
        # A constant with a default is always sent.
        if "const" not in properties.get(name, {}):
            yield f"{at}.{name}: may be missing"
    for name, schema in properties.items():
        if name in other["properties"]:
            yield from surprises(ours, schema, theirs, other["properties"][name], f"{at}.{name}")
        elif name not in ADDED_FIELDS:
            yield f"{at}.{name}: unknown"


@pytest.fixture
async def ours(api: V2World) -> Document:
    answer = await api.client.get("/v2/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return Document(answer.json())


@pytest.fixture
def theirs(published: V2Schemas) -> Document:
    """The specification, and beside it the operations that only newer SDKs know."""
    newer = json.loads(json.dumps(published.additions).replace("#/components/schemas/", "#/newer/"))
    paths = {**newer["paths"], **published.specification["paths"]}
    return Document({**published.specification, "paths": paths, "newer": newer["components"]["schemas"]})


async def test_the_document_is_openapi_3_1_and_describes_these_operations(ours: Document) -> None:
    assert ours.raw["openapi"].startswith("3.1")
    assert set(ours.operations()) == OPERATIONS


async def test_it_needs_no_key_and_names_the_header_that_the_others_need(ours: Document) -> None:
    assert ours.raw["components"]["securitySchemes"] == {
        "ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "x-meeting-baas-api-key"}
    }
    assert ours.raw["security"] == [{"ApiKeyAuth": []}]


async def test_every_reference_leads_somewhere_and_nothing_of_the_framework_shows(ours: Document) -> None:
    text = json.dumps(ours.raw)
    assert "HTTPValidationError" not in text
    for piece in text.split('"$ref": "')[1:]:
        assert ours.follow({"$ref": piece.split('"')[0]})


async def test_operations_have_their_published_names_and_places(ours: Document, theirs: Document) -> None:
    for name, (method, path, _) in ours.operations().items():
        assert theirs.operations()[name][:2] == (method, path)


async def test_every_published_parameter_is_taken_and_none_but_the_path_is_needed(
    ours: Document, theirs: Document
) -> None:
    for name, (_, _, mine) in ours.operations().items():
        known = {(p["name"], p["in"]): p for p in mine.get("parameters", [])}
        for parameter in theirs.operations()[name][2].get("parameters", []):
            taken = known[parameter["name"], parameter["in"]]
            found = list(refusals(ours, taken["schema"], theirs, _plain_query(theirs, parameter)))
            assert not found, f"{name} {parameter['name']}: {found}"
        assert {p["name"] for p in known.values() if p["required"]} == {
            p["name"] for p in known.values() if p["in"] == "path"
        }


def _plain_query(theirs: Document, parameter: Schema) -> Schema:
    """In a query nothing is null, and limits above zero are limits from one."""
    schema = next(option for option in theirs.options(parameter["schema"]) if option.get("type") != "null")
    exclusive = schema.get("exclusiveMinimum")
    return schema if exclusive is None else {**schema, "minimum": exclusive + 1}


async def test_every_published_request_is_accepted(ours: Document, theirs: Document) -> None:
    for name, (_, _, mine) in ours.operations().items():
        other = theirs.request(theirs.operations()[name][2])
        if other is not None:
            found = list(refusals(ours, ours.request(mine) or {}, theirs, other, name))
            assert not found


async def test_what_newer_sdks_send_is_accepted(ours: Document, published: V2Schemas) -> None:
    newer = Document(published.additions)
    schemas = newer.raw["components"]["schemas"]
    for name, body in (
        ("createBot", "CreateBotAdditions"),
        ("sendChatMessage", "SendChatMessageBody"),
        ("pauseBotRecording", "PauseResumeBody"),
        ("resumeBotRecording", "PauseResumeBody"),
    ):
        mine = ours.request(ours.operations()[name][2])
        assert mine is not None
        found = [r for r in refusals(ours, mine, newer, schemas[body], name) if not r.endswith(": required")]
        assert not found


async def test_nothing_is_answered_that_the_specification_does_not_allow(ours: Document, theirs: Document) -> None:
    for name, (_, _, mine) in ours.operations().items():
        other = theirs.operations()[name][2]
        for status in set(mine["responses"]) & set(other["responses"]):
            found = list(
                surprises(ours, ours.response(mine, status), theirs, theirs.response(other, status), f"{name} {status}")
            )
            assert not found


async def test_statuses_beyond_the_published_ones_are_those_that_the_contract_names(
    ours: Document, theirs: Document
) -> None:
    for name, (_, _, mine) in ours.operations().items():
        more = set(mine["responses"]) - set(theirs.operations()[name][2]["responses"])
        assert more == {"401", "403"} | ({"409"} if name in ("deleteBotData", "retranscribeBot") else set())
        assert set(theirs.operations()[name][2]["responses"]) <= set(mine["responses"])
