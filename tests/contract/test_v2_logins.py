"""Meeting BaaS v2: logins of both platforms, how busy they are, and what a bot that asks for one comes to."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from v2_world import ABSENT, LOGIN_SESSIONS, TO_RECORDING, V2World

from meetfleet.domain.lifecycle import BotState
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import CredentialState, LoginRow

MEET, TEAMS = "/v2/meet-logins", "/v2/teams-logins"
CODE = "FST_ERR_LOGIN_NOT_FOUND_BY_ID"
PASSWORD = "correct-horse-battery"


async def workspace(api: V2World, path: str = MEET, key: str | None = None) -> str:
    body = {"domain": "example.org"} | ({"generate_keypair": True} if path == MEET else {})
    answer = await api.call("POST", path.replace("logins", "workspaces"), key=key, json=body)
    return answer.json()["data"]["workspace_id"]


def login(path: str, workspace_id: str, **more: Any) -> dict[str, Any]:
    password = {"password": PASSWORD} if path == TEAMS else {}
    return {"workspace_id": workspace_id, "name": "Notes 1", "email": "notes1@example.org", **password, **more}


async def made(api: V2World, path: str = MEET, workspace_id: str | None = None, **more: Any) -> dict[str, Any]:
    body = login(path, workspace_id or await workspace(api, path), **more)
    answer = await api.call("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def change_row(api: V2World, login_id: str, **values: Any) -> None:
    async with api.database.transaction() as session:
        row = await session.get(LoginRow, login_id)
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)


async def bot_with(api: V2World, login_id: str, *states: BotState) -> UUID:
    """A bot that was given a login and has come so far."""
    bot_id = await api.create()
    async with api.database.transaction() as session:
        bot = await BotRepository(session).get(bot_id, lock=True)
        assert bot is not None
        bot.login_id = UUID(login_id)
    await api.step(bot_id, *states)
    return bot_id


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_login_is_stored_and_shown_without_its_secrets(api: V2World, path: str) -> None:
    shown = await made(api, path, email_group="notes@example.org", extra={"n": "1"})
    assert (shown["name"], shown["email"], shown["email_group"]) == (
        "Notes 1",
        "notes1@example.org",
        "notes@example.org",
    )
    assert (shown["state"], shown["active_session_count"], shown["last_used_at"]) == ("active", 0, None)
    assert "password" not in shown
    assert (await api.call("GET", f"{path}/{shown['credential_id']}")).json()["data"] == shown


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_body_that_does_not_fit_is_400(api: V2World, path: str) -> None:
    good = login(path, await workspace(api, path))
    spoilt: list[dict[str, Any]] = [
        {"workspace_id": "no id"},
        {"name": ""},
        {"name": "x" * 101},
        {"email": "no address"},
        {"email": "x" * 250 + "@a.org"},
        {"email": ""},
        {"email_group": "no address"},
        {"extra": 1},
        *([{"password": ""}, {"password": "x" * 1025}] if path == TEAMS else []),
    ]
    for change in spoilt:
        assert (await api.call("POST", path, json={**good, **change})).status_code == 400, change
    for missing in good:
        body = {name: value for name, value in good.items() if name != missing}
        assert (await api.call("POST", path, json=body)).status_code == 400, missing


async def test_a_login_needs_a_workspace_of_its_own_team_and_platform(api: V2World) -> None:
    _, stranger = await api.new_team()
    foreign, other = await workspace(api, MEET, stranger), await workspace(api, TEAMS)
    for workspace_id in (ABSENT, foreign, other):
        answer = await api.call("POST", MEET, json=login(MEET, workspace_id))
        assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_WORKSPACE_NOT_FOUND_BY_ID")


async def test_one_address_is_one_login_of_a_workspace(api: V2World) -> None:
    workspace_id = await workspace(api)
    first = await made(api, MEET, workspace_id)
    again = await api.call("POST", MEET, json=login(MEET, workspace_id, email="NOTES1@example.org"))
    assert again.status_code == 400
    assert "already" in again.json()["message"]
    await api.call("DELETE", f"{MEET}/{first['credential_id']}")
    await made(api, MEET, workspace_id)


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_change_leaves_alone_what_it_does_not_name(api: V2World, path: str) -> None:
    shown = await made(api, path, email_group="notes@example.org", extra={"a": 1})
    one = f"{path}/{shown['credential_id']}"
    renamed = (await api.call("PATCH", one, json={"name": "Renamed"})).json()["data"]
    assert renamed == {**shown, "name": "Renamed", "updated_at": renamed["updated_at"]}
    moved = (await api.call("PATCH", one, json={"email_group": "more@example.org", "extra": None})).json()["data"]
    assert (moved["email_group"], moved["extra"]) == ("more@example.org", None)
    out = (await api.call("PATCH", one, json={"email_group": "" if path == MEET else None})).json()["data"]
    assert out["email_group"] is None
    for bad in ({"email_group": "no address"}, {"name": ""}, {"state": "invalid"}):
        assert (await api.call("PATCH", one, json=bad)).status_code == 400


async def test_a_new_password_replaces_the_old_one(api: V2World) -> None:
    shown = await made(api, TEAMS)
    await api.call("PATCH", f"{TEAMS}/{shown['credential_id']}", json={"password": "another"})
    async with api.database.transaction() as session:
        row = await session.get(LoginRow, shown["credential_id"])
    assert row is not None
    assert row.password is not None
    assert api.box.open(row.password) == "another"


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_one_that_failed_is_tried_again_once_it_is_made_active(api: V2World, path: str) -> None:
    shown = await made(api, path)
    one = f"{path}/{shown['credential_id']}"
    error = {"last_error_message": "Refused.", "last_error_at": datetime.now(UTC), "failure_data": {"code": "mfa"}}
    await change_row(api, shown["credential_id"], state=CredentialState.INVALID, **error)
    found = (await api.call("GET", one)).json()["data"]
    assert (found["state"], found["failure_data"]) == ("invalid", {"code": "mfa"})
    again = (await api.call("PATCH", one, json={"state": "active"})).json()["data"]
    assert (again["state"], again["failure_data"], again["last_error_at"]) == ("active", None, None)


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_the_list_is_the_teams_own_newest_first_and_narrowed_by_extra(api: V2World, path: str) -> None:
    workspace_id = await workspace(api, path)
    for n in ("1", "2"):
        await made(api, path, workspace_id, name=n, email=f"n{n}@example.org", extra={"n": n})
    _, stranger = await api.new_team()

    async def names(**more: Any) -> list[str]:
        return [one["name"] for one in (await api.call("GET", path, **more)).json()["data"]]

    assert await names() == ["2", "1"]
    assert await names(params={"extra": "n:1"}) == ["1"]
    assert await names(key=stranger) == []
    assert (await api.call("GET", path, params={"extra": ":"})).status_code == 400


@pytest.mark.parametrize("path", [MEET, TEAMS])
async def test_a_foreign_or_deleted_one_is_unknown(api: V2World, path: str) -> None:
    shown = await made(api, path)
    one = f"{path}/{shown['credential_id']}"
    _, stranger = await api.new_team()
    other = (TEAMS if path == MEET else MEET) + f"/{shown['credential_id']}"
    for key, wanted in ((stranger, one), (api.key, other), (api.key, f"{path}/{ABSENT}")):
        for method in ("GET", "PATCH", "DELETE"):
            answer = await api.call(method, wanted, key=key, json={})
            assert (answer.status_code, answer.json()["code"]) == (404, CODE)
    assert (await api.call("DELETE", one)).json()["data"]["message"].endswith("login deleted successfully")
    assert (await api.call("GET", one)).status_code == 404
    assert (await api.call("GET", path)).json()["data"] == []


async def test_sessions_are_counted_while_bots_are_in_their_meetings(api: V2World) -> None:
    workspace_id = await workspace(api)
    busy = await made(api, MEET, workspace_id, email="a@example.org", email_group="g@example.org")
    idle = await made(api, MEET, workspace_id, email="b@example.org", email_group="g@example.org")
    broken = await made(api, MEET, workspace_id, email="c@example.org")
    await change_row(api, broken["credential_id"], state=CredentialState.INVALID)
    recording = await bot_with(api, busy["credential_id"], *TO_RECORDING)
    await bot_with(api, busy["credential_id"])
    used = (await api.call("GET", f"{MEET}/{busy['credential_id']}")).json()["data"]
    assert used["active_session_count"] == 1
    found = (await api.call("GET", f"{MEET}/utilization")).json()["data"]
    assert found == {
        "logins_total": 3,
        "logins_active": 2,
        "logins_invalid": 1,
        "concurrent_sessions": 1,
        "concurrent_capacity": 2 * LOGIN_SESSIONS,
        "utilization_pct": 12.5,
        "by_email_group": [
            {"email_group": None, "logins": 1, "concurrent": 0, "capacity": 0},
            {"email_group": "g@example.org", "logins": 2, "concurrent": 1, "capacity": 2 * LOGIN_SESSIONS},
        ],
    }
    assert (await api.details(recording))["meet_login_credential_id"] == busy["credential_id"]
    await api.step(recording, BotState.PROCESSING)
    assert (await api.call("GET", f"{MEET}/utilization")).json()["data"]["concurrent_sessions"] == 0
    assert (await api.call("GET", f"{MEET}/{idle['credential_id']}")).json()["data"]["active_session_count"] == 0
    # Which login it was stays known.
    assert (await api.details(recording))["meet_login_credential_id"] == busy["credential_id"]


async def test_a_team_without_logins_has_nothing_to_use(api: V2World) -> None:
    for path in (MEET, TEAMS):
        found = (await api.call("GET", f"{path}/utilization")).json()["data"]
        assert (found["logins_total"], found["utilization_pct"], found["by_email_group"]) == (0, 0, [])


async def test_a_password_is_in_no_answer_no_log_and_not_readable_in_the_database(api: V2World) -> None:
    with capture_logs() as logs:
        shown = await made(api, TEAMS)
        one = f"{TEAMS}/{shown['credential_id']}"
        answers = [await api.call("GET", one), await api.call("GET", TEAMS)]
        answers.append(await api.call("PATCH", one, json={"password": PASSWORD, "name": ""}))
        answers.append(await api.call("POST", TEAMS, json=login(TEAMS, ABSENT)))
        answers.append(await api.call("POST", TEAMS, json=login(TEAMS, shown["workspace_id"])))
    async with api.database.transaction() as session:
        row = await session.get(LoginRow, shown["credential_id"])
    assert row is not None
    assert PASSWORD not in "".join(a.text for a in answers) + str(shown) + str(logs) + str(row.password)
    await api.call("DELETE", one)
    async with api.database.transaction() as session:
        gone = await session.get(LoginRow, shown["credential_id"])
    assert gone is not None
    assert gone.password is None
