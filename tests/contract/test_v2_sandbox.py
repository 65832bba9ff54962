"""What a key of the sandbox reaches: bots of its own kind, by whatever route they are made, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from v2_world import MEET, V2World

DENIED = "https://meet.google.com/acc-essd-eny"


@pytest.fixture
async def test_key(api: V2World) -> str:
    return (await api.keys.create(api.team, "ci", sandbox=True))[1]


def bot(**more: Any) -> dict[str, Any]:
    return {"bot_name": "Notes", "meeting_url": DENIED, **more}


def later() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def made(api: V2World, path: str, body: Any, key: str) -> UUID:
    answer = await api.call("POST", path, key=key, json=body)
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    return UUID((data[0] if isinstance(data, list) else data)["bot_id"])


@pytest.mark.parametrize(
    ("path", "is_batch", "is_scheduled"),
    [
        ("/v2/bots", False, False),
        ("/v2/bots/batch", True, False),
        ("/v2/bots/scheduled", False, True),
        ("/v2/bots/scheduled/batch", True, True),
    ],
)
async def test_every_route_that_makes_bots_makes_them_of_the_keys_kind(
    api: V2World, test_key: str, path: str, is_batch: bool, is_scheduled: bool
) -> None:
    item = bot(join_at=later()) if is_scheduled else bot()
    body = [item] if is_batch else item
    played, live = [await api.row(await made(api, path, body, key)) for key in (test_key, api.key)]
    assert (played.is_sandbox, played.options["sandbox"]["scenario"]) == (True, "denied")
    assert (live.is_sandbox, "sandbox" in live.options) == (False, False)


async def test_a_change_leaves_a_scheduled_bot_in_its_world(api: V2World, test_key: str) -> None:
    bot_id = await made(api, "/v2/bots/scheduled", bot(join_at=later()), test_key)
    change = {"meeting_url": "https://meet.google.com/bot-remo-ved"}
    answer = await api.call("PATCH", f"/v2/bots/scheduled/{bot_id}", key=api.key, json=change)
    assert answer.status_code == 200, answer.text
    row = await api.row(bot_id)
    assert (row.is_sandbox, row.options["sandbox"]["scenario"]) == (True, "removed")


async def test_it_sees_no_live_bots_and_a_live_key_sees_all(api: V2World, test_key: str) -> None:
    live, played = await made(api, "/v2/bots", bot(), api.key), await made(api, "/v2/bots", bot(), test_key)
    for key, seen in ((test_key, {played}), (api.key, {live, played})):
        listed = (await api.call("GET", "/v2/bots", key=key)).json()["data"]
        assert {UUID(item["bot_id"]) for item in listed} == seen
    for method, path in (("GET", ""), ("POST", "/leave"), ("DELETE", "/delete-data")):
        answer = await api.call(method, f"/v2/bots/{live}{path}", key=test_key)
        assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_BOT_NOT_FOUND_BY_ID")
    assert (await api.call("GET", f"/v2/bots/{played}", key=test_key)).status_code == 200


async def test_it_sees_no_live_schedules(api: V2World, test_key: str) -> None:
    await made(api, "/v2/bots/scheduled", bot(join_at=later()), api.key)
    played = await made(api, "/v2/bots/scheduled", bot(join_at=later()), test_key)
    listed = (await api.call("GET", "/v2/bots/scheduled", key=test_key)).json()["data"]
    assert [UUID(item["bot_id"]) for item in listed] == [played]


@pytest.mark.parametrize("path", ["/v2/zoom-credentials", "/v2/meet-workspaces"])
async def test_it_manages_nothing(api: V2World, test_key: str, path: str) -> None:
    answer = await api.call("GET", path, key=test_key)
    assert (answer.status_code, answer.json()["code"]) == (403, "FST_ERR_FORBIDDEN")


async def test_a_live_keys_words_about_the_sandbox_are_only_words(api: V2World) -> None:
    extra = {"sandbox": {"scenario": "apocalypse"}}
    bot_id = await made(api, "/v2/bots", bot(meeting_url=MEET, extra=extra), api.key)
    row = await api.row(bot_id)
    assert (row.is_sandbox, row.extra) == (False, extra)
