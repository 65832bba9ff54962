"""Meeting BaaS v2: workspaces of both platforms. Every answer is judged by the newer SDK's published shapes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from structlog.testing import capture_logs
from v2_keys import certificate_pem, ec_key, private_pem, rsa_key
from v2_world import ABSENT, V2World

from meetfleet.store.tables import CredentialState, WorkspaceRow

MEET, TEAMS = "/v2/meet-workspaces", "/v2/teams-workspaces"
CODE = "FST_ERR_WORKSPACE_NOT_FOUND_BY_ID"
GENERATED = {"domain": "example.org", "generate_keypair": True}


def brought(**changes: Any) -> dict[str, Any]:
    key = rsa_key()
    return {"domain": "example.org", "cert_pem": certificate_pem(key), "private_key_pem": private_pem(key), **changes}


async def made(api: V2World, path: str = MEET, **body: Any) -> dict[str, Any]:
    answer = await api.call("POST", path, json={**(brought() if path == MEET else {"domain": "example.org"}), **body})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def row(api: V2World, workspace_id: str) -> WorkspaceRow:
    async with api.database.transaction() as session:
        found = await session.get(WorkspaceRow, workspace_id)
    assert found is not None
    return found


async def failed(api: V2World, workspace_id: str) -> None:
    """The other side has refused it."""
    async with api.database.transaction() as session:
        found = await session.get(WorkspaceRow, workspace_id)
        assert found is not None
        found.state, found.failure_data = CredentialState.INVALID, {"code": "saml_rejected"}
        found.last_error_message, found.last_error_at = "Google refused.", datetime.now(UTC)


async def test_a_key_pair_is_made_on_request_and_belongs_together(api: V2World) -> None:
    answer = await api.call("POST", MEET, json=GENERATED)
    assert answer.status_code == 201
    shown = answer.json()["data"]
    assert (shown["name"], shown["domain"], shown["state"]) == ("Google Workspace", "example.org", "active")
    certificate = x509.load_pem_x509_certificate(shown["cert_pem"].encode())
    sealed = (await row(api, shown["workspace_id"])).private_key
    assert sealed is not None
    key = load_pem_private_key(api.box.open(sealed).encode(), None)
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certificate.public_key().public_bytes(*public) == key.public_key().public_bytes(*public)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=example.org"
    assert certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3000)
    again = (await api.call("POST", MEET, json=GENERATED)).json()["data"]
    assert again["cert_pem"] != shown["cert_pem"]


async def test_a_key_pair_that_was_brought_is_kept(api: V2World) -> None:
    body = brought(name="Acme", extra={"tenant": "acme"})
    shown = await made(api, **body)
    assert shown["cert_pem"].strip() == body["cert_pem"].strip()
    assert (shown["name"], shown["extra"], shown["failure_data"]) == ("Acme", {"tenant": "acme"}, None)
    assert (await api.call("GET", f"{MEET}/{shown['workspace_id']}")).json()["data"] == shown


async def test_a_key_pair_that_cannot_be_used_is_400_and_says_why(api: V2World) -> None:
    weak, curve, other = rsa_key(1024), ec_key(), rsa_key(2048, 2)
    for spoilt, why in (
        ({"cert_pem": "no certificate"}, "no X.509 certificate"),
        ({"private_key_pem": "no key"}, "no private key"),
        ({"private_key_pem": private_pem(rsa_key(), b"pw")}, "protected by a password"),
        ({"private_key_pem": private_pem(other)}, "does not belong"),
        ({"cert_pem": certificate_pem(rsa_key(), days=0)}, "expired"),
        ({"cert_pem": certificate_pem(weak), "private_key_pem": private_pem(weak)}, "2048 or more bits"),
        ({"cert_pem": certificate_pem(curve), "private_key_pem": private_pem(curve)}, "no RSA key"),
    ):
        body = brought(**spoilt)
        answer = await api.call("POST", MEET, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION"), why
        assert why in answer.json()["message"]
        assert body["private_key_pem"][-80:] not in answer.text
    assert (await api.call("GET", MEET)).json()["data"] == []


async def test_a_body_that_does_not_fit_is_400(api: V2World) -> None:
    for body in (
        {},
        {"domain": "example.org"},
        {**GENERATED, "domain": "no domain"},
        {**GENERATED, "domain": "Example.ORG"},
        {**GENERATED, "domain": "x" * 250 + ".org"},
        {**GENERATED, "name": ""},
        {**GENERATED, "name": "x" * 101},
        {**GENERATED, "extra": "text"},
        {**GENERATED, "generate_keypair": "yes"},
        {**brought(), "generate_keypair": True},
        {"domain": "example.org", "cert_pem": "x"},
        {"domain": "example.org", "private_key_pem": "x"},
    ):
        assert (await api.call("POST", MEET, json=body)).status_code == 400, body
    for body in ({}, {"domain": "nodot"}, {"domain": "example.org", "name": ""}):
        assert (await api.call("POST", TEAMS, json=body)).status_code == 400, body


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_change_leaves_alone_what_it_does_not_name(api: V2World, path: str) -> None:
    shown = await made(api, path, extra={"a": 1})
    one = f"{path}/{shown['workspace_id']}"
    renamed = (await api.call("PATCH", one, json={"name": "Renamed"})).json()["data"]
    assert renamed == {**shown, "name": "Renamed", "updated_at": renamed["updated_at"]}
    cleared = (await api.call("PATCH", one, json={"extra": None})).json()["data"]
    assert (cleared["extra"], cleared["name"]) == (None, "Renamed")
    assert (await api.call("PATCH", one, json={"name": ""})).status_code == 400


async def test_key_pairs_are_changed_together_or_not_at_all(api: V2World) -> None:
    one = f"{MEET}/{(await made(api))['workspace_id']}"
    before = (await api.call("GET", one)).json()["data"]
    key = rsa_key(2048, 2)
    for body in (
        {"cert_pem": certificate_pem(key)},
        {"private_key_pem": private_pem(key)},
        {"cert_pem": certificate_pem(key), "private_key_pem": private_pem(rsa_key())},
    ):
        assert (await api.call("PATCH", one, json=body)).status_code == 400
    assert (await api.call("GET", one)).json()["data"] == before
    pair = {"cert_pem": certificate_pem(key), "private_key_pem": private_pem(key)}
    after = (await api.call("PATCH", one, json=pair)).json()["data"]
    assert after["cert_pem"].strip() == pair["cert_pem"].strip() != before["cert_pem"].strip()


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_one_that_failed_can_only_be_made_active(api: V2World, path: str) -> None:
    shown = await made(api, path)
    one = f"{path}/{shown['workspace_id']}"
    await failed(api, shown["workspace_id"])
    found = (await api.call("GET", one)).json()["data"]
    assert (found["state"], found["last_error_message"]) == ("invalid", "Google refused.")
    assert found["failure_data"] == {"code": "saml_rejected"}
    assert (await api.call("PATCH", one, json={"name": "x"})).json()["data"]["state"] == "invalid"
    assert (await api.call("PATCH", one, json={"state": "invalid"})).status_code == 400
    again = (await api.call("PATCH", one, json={"state": "active"})).json()["data"]
    assert again["state"] == "active"
    assert (again["failure_data"], again["last_error_message"], again["last_error_at"]) == (None, None, None)


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_the_list_holds_the_teams_own_newest_first_and_is_narrowed_by_extra(api: V2World, path: str) -> None:
    await made(api, path, name="one", extra={"n": "1", "all": "yes"})
    await made(api, path, name="two", extra={"n": "2", "all": "yes"})
    _, stranger = await api.new_team()

    async def names(**more: Any) -> list[str]:
        return [one["name"] for one in (await api.call("GET", path, **more)).json()["data"]]

    assert await names() == ["two", "one"]
    assert await names(params={"extra": "all:yes,n:1"}) == ["one"]
    assert await names(params={"extra": "n:3"}) == []
    assert await names(key=stranger) == []
    assert (await api.call("GET", path, params={"extra": "broken"})).status_code == 400
    other = TEAMS if path == MEET else MEET
    assert (await api.call("GET", other)).json()["data"] == []


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_foreign_or_deleted_one_is_unknown(api: V2World, path: str) -> None:
    shown = await made(api, path)
    one = f"{path}/{shown['workspace_id']}"
    _, stranger = await api.new_team()
    other = (TEAMS if path == MEET else MEET) + f"/{shown['workspace_id']}"
    for key, wanted in ((stranger, one), (api.key, other), (api.key, f"{path}/{ABSENT}")):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await api.call(method, wanted, key=key, json={})
            assert (answer.status_code, answer.json()["code"]) == (404, CODE)
    assert (await api.call("DELETE", one)).json()["data"]["message"].endswith("deleted successfully")
    assert (await api.call("GET", one)).status_code == 404
    assert (await api.call("DELETE", one)).status_code == 404
    assert (await row(api, shown["workspace_id"])).private_key is None


async def test_deleting_one_deletes_its_logins_and_no_others(api: V2World) -> None:
    kept, gone = await made(api, TEAMS), await made(api, TEAMS)
    for workspace in (kept, gone):
        body = {"workspace_id": workspace["workspace_id"], "name": "N", "email": "a@example.org", "password": "p"}
        assert (await api.call("POST", "/v2/teams-logins", json=body)).status_code == 201
    await api.call("DELETE", f"{TEAMS}/{gone['workspace_id']}")
    left = (await api.call("GET", "/v2/teams-logins")).json()["data"]
    assert [login["workspace_id"] for login in left] == [kept["workspace_id"]]


async def test_the_private_key_is_in_no_answer_no_log_and_not_readable_in_the_database(api: V2World) -> None:
    body = brought()
    with capture_logs() as logs:
        created = await api.call("POST", MEET, json=body)
        one = f"{MEET}/{created.json()['data']['workspace_id']}"
        answers = [created, await api.call("GET", one), await api.call("GET", MEET)]
        answers.append(await api.call("PATCH", one, json={k: v for k, v in body.items() if k != "domain"}))
        answers.append(await api.call("POST", MEET, json={**body, "cert_pem": "spoilt"}))
    kept = await row(api, created.json()["data"]["workspace_id"])
    told = "".join(answer.text for answer in answers) + str(logs) + str(kept.private_key)
    lines = [line for line in body["private_key_pem"].splitlines() if "-----" not in line]
    assert [line for line in lines if line in told] == []
    assert "PRIVATE KEY" not in told
