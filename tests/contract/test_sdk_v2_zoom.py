"""The official client keeps, shows, changes and deletes Zoom credentials."""

from collections.abc import Callable
from typing import Any

import pytest
from official_sdk import OfficialSdk
from v2_served import Served
from v2_world import ABSENT

NEW: dict[str, Any] = {"name": "Main", "client_id": "id-1", "client_secret": "zoom-s3cret"}
UNKNOWN = (404, "FST_ERR_ZOOM_CREDENTIAL_NOT_FOUND_BY_ID")


@pytest.fixture(scope="module")
def sdk(served: Served, sdk_of: Callable[[str, str], OfficialSdk]) -> OfficialSdk:
    return sdk_of(served.address, served.key)


def test_a_credential_lives_through_all_five_methods_and_never_shows_its_secret(sdk: OfficialSdk) -> None:
    made = sdk.data("createZoomCredential", NEW)
    assert (made["name"], made["credential_type"], made["state"]) == ("Main", "app", "active")
    ref = {"id": made["credential_id"]}
    assert sdk.data("getZoomCredential", ref) == made
    assert made in sdk.data("listZoomCredentials")
    changed = sdk.data("updateZoomCredential", ref | {"body": {"name": "Second"}})
    assert changed["name"] == "Second"
    assert "zoom-s3cret" not in str([made, changed])
    assert sdk.data("deleteZoomCredential", ref)["message"]
    assert sdk.refusal("getZoomCredential", ref) == UNKNOWN
    assert made["credential_id"] not in [one["credential_id"] for one in sdk.data("listZoomCredentials")]


@pytest.mark.parametrize(
    ("method", "more"),
    [("getZoomCredential", {}), ("updateZoomCredential", {"body": {"name": "X"}}), ("deleteZoomCredential", {})],
)
def test_an_unknown_credential_is_404(sdk: OfficialSdk, method: str, more: dict[str, Any]) -> None:
    assert sdk.refusal(method, {"id": ABSENT, **more}) == UNKNOWN


def test_a_code_needs_its_redirect_address_and_a_secret_its_id(sdk: OfficialSdk) -> None:
    assert sdk.refusal("createZoomCredential", NEW | {"authorization_code": "c"}) == (400, "FST_ERR_VALIDATION")
    made = sdk.data("createZoomCredential", NEW)
    half = {"id": made["credential_id"], "body": {"client_secret": "other"}}
    assert sdk.refusal("updateZoomCredential", half) == (400, "FST_ERR_VALIDATION")


def test_a_key_that_only_sends_bots_sees_no_credentials(served: Served, sdk: OfficialSdk) -> None:
    assert sdk.refusal("listZoomCredentials", api_key=served.sending_key) == (403, "FST_ERR_FORBIDDEN")
