"""Meeting BaaS v2: what plans allow, as callers are told. Every answer is judged by the published specification."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from v2_schemas import V2Schemas
from v2_world import ABSENT, MEET, V2World

from meetfleet.control.tokens import Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.store.database import Database
from meetfleet.store.tables import Permissions

BODY = {"bot_name": "Notes", "meeting_url": MEET}
HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


class Worlds:
    """Makes servers and teams; every server is closed at the end."""

    def __init__(self, database: Database, schemas: V2Schemas) -> None:
        self._database = database
        self._schemas = schemas
        self.open: list[V2World] = []

    def server(self) -> V2World:
        world = V2World(self._database, self._schemas)
        self.open.append(world)
        return world

    async def team(self, plan: str, tokens: int = 100, **limits: Any) -> V2World:
        world = await self.server().start(plan=plan, settings={"limits": limits})
        if tokens:
            await Tokens(self._database, world.clock).grant(world.team, Decimal(tokens), "for the test")
        return world


@pytest.fixture
async def worlds(database: Database, v2_schemas: V2Schemas) -> AsyncIterator[Worlds]:
    found = Worlds(database, v2_schemas)
    yield found
    for world in found.open:
        await world.client.aclose()


def told(answer: httpx2.Response) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in HEADERS)


async def test_calls_that_change_something_tell_what_is_left_of_the_second(worlds: Worlds) -> None:
    api = await worlds.team("pro")
    assert told(await api.call("POST", "/v2/bots", json=BODY)) == ("10", "9", "1")
    assert told(await api.call("POST", "/v2/bots", json=BODY)) == ("10", "8", "1")
    await api.rate_clock.advance(1)
    assert told(await api.call("POST", "/v2/bots", json=BODY)) == ("10", "9", "1")


async def test_one_call_too_many_is_refused_with_the_time_to_wait(worlds: Worlds) -> None:
    api = await worlds.team("pro", requests_per_second=2)
    for _ in range(2):
        assert (await api.call("POST", "/v2/bots", json=BODY)).status_code == 201
    refused = await api.call("POST", "/v2/bots", json=BODY)
    assert refused.status_code == 429
    body = refused.json()
    assert (body["error"], body["code"], body["retryAfter"]) == ("Rate Limited", "FST_ERR_TOO_MANY_REQUESTS", 1)
    assert refused.headers["retry-after"] == "1"
    assert told(refused) == ("2", "0", "1")
    await api.rate_clock.advance(1)
    assert (await api.call("POST", "/v2/bots", json=BODY)).status_code == 201


async def test_every_kind_of_change_counts_and_reading_never_does(worlds: Worlds) -> None:
    api = await worlds.team("pro", requests_per_second=3)
    for _ in range(5):
        assert told(await api.call("GET", "/v2/bots")) == (None, None, None)
    for method, path, left in (
        ("POST", f"/v2/bots/{ABSENT}/leave", "2"),
        ("PATCH", f"/v2/bots/{ABSENT}/update-config", "1"),
        ("DELETE", f"/v2/bots/{ABSENT}/delete-data", "0"),
    ):
        answer = await api.call(method, path, json={"extra": None})
        assert (answer.status_code, told(answer)[1]) == (404, left)
    assert (await api.call("DELETE", f"/v2/bots/{ABSENT}/delete-data")).status_code == 429
    assert (await api.call("GET", "/v2/bots")).status_code == 200


async def test_limits_are_looked_at_after_permission_and_before_the_body(worlds: Worlds) -> None:
    api = await worlds.team("pro", requests_per_second=2)
    assert told(await api.call("POST", "/v2/bots", json=BODY, key="unknown")) == (None, None, None)
    forbidden = await api.call("POST", f"/v2/bots/{ABSENT}/leave", key=api.sending_key)
    assert (forbidden.status_code, told(forbidden)) == (403, (None, None, None))
    invalid = await api.call("POST", "/v2/bots", json={})
    assert (invalid.status_code, told(invalid)) == (400, ("2", "1", "1"))
    unreadable = await api.call("POST", "/v2/bots", content=b"{")
    assert (unreadable.status_code, told(unreadable)) == (400, ("2", "0", "1"))
    assert (await api.call("POST", "/v2/bots", content=b"{")).status_code == 429


async def test_a_batch_counts_once(worlds: Worlds) -> None:
    api = await worlds.team("pro", requests_per_second=2)
    answer = await api.call("POST", "/v2/bots/batch", json=[BODY] * 5)
    assert (len(answer.json()["data"]), told(answer)) == (5, ("2", "1", "1"))


async def test_all_servers_and_keys_of_a_team_share_its_second(worlds: Worlds) -> None:
    first = await worlds.team("scale", requests_per_second=7)
    second = worlds.server()
    _, other_key = await first.keys.create(first.team, "another", Permissions.FULL)
    calls = [
        world.call("POST", f"/v2/bots/{ABSENT}/leave", key=key)
        for world, key in ((first, first.key), (second, other_key))
        for _ in range(7)
    ]
    found = sorted(answer.status_code for answer in await asyncio.gather(*calls))
    assert found == [404] * 7 + [429] * 7


async def test_teams_do_not_share_and_self_hosted_ones_have_no_limit(worlds: Worlds, api: V2World) -> None:
    busy, other = await worlds.team("pro", requests_per_second=1), await worlds.team("pro", requests_per_second=1)
    for world, expected in ((busy, 201), (busy, 429), (other, 201)):
        assert (await world.call("POST", "/v2/bots", json=BODY)).status_code == expected
    assert told(await api.call("POST", "/v2/bots", json=BODY)) == (None, None, None)


@pytest.mark.parametrize(
    ("plan", "tokens", "limits", "more", "status", "code", "message"),
    [
        (
            "payg",
            9,
            {},
            {"transcription_enabled": True, "transcription_config": {"provider": "gladia", "api_key": "gl-secret"}},
            400,
            "BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN",
            "Your plan does not allow transcription with an API key of your own.",
        ),
        (
            "pro",
            9,
            {"bots_per_day": 0},
            {},
            429,
            "DAILY_BOT_CAP_REACHED",
            "Daily bot cap has been reached: 0 bots created within the last 24 hours",
        ),
        ("pro", 0, {}, {}, 402, "INSUFFICIENT_TOKENS", "Insufficient tokens. Available: 0, Required: 0.5"),
    ],
)
async def test_what_a_plan_refuses_has_its_published_code_alone_and_in_a_batch(
    worlds: Worlds,
    plan: str,
    tokens: int,
    limits: dict[str, Any],
    more: dict[str, Any],
    status: int,
    code: str,
    message: str,
) -> None:
    api = await worlds.team(plan, tokens, **limits)
    answer = await api.call("POST", "/v2/bots", json=BODY | more)
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (status, f"FST_ERR_{code}", message)
    batch = (await api.call("POST", "/v2/bots/batch", json=[BODY | more])).json()
    assert [(item["index"], item["code"], item["message"]) for item in batch["errors"]] == [(0, code, message)]


async def test_a_batch_stops_where_cap_or_tokens_end(worlds: Worlds) -> None:
    api = await worlds.team("pro", tokens=1)
    answer = (await api.call("POST", "/v2/bots/batch", json=[BODY] * 4)).json()
    assert [item["index"] for item in answer["data"]] == [0, 1]
    assert [item["code"] for item in answer["errors"]] == ["INSUFFICIENT_TOKENS"] * 2


async def test_what_a_bot_cost_is_null_until_charged_and_then_the_same_in_list_and_details(api: V2World) -> None:
    bot_id = await api.create()
    assert (await api.details(bot_id))["tokens"] is None
    await api.finish(bot_id, {}, EndReason.NO_ATTENDEES)
    shown = (await api.details(bot_id))["tokens"]
    assert shown == {
        "recording": 0.017,
        "transcription": 0,
        "byok_transcription": 0,
        "streaming_input": 0,
        "streaming_output": 0,
        "total": 0.017,
    }
    listed = (await api.list())["data"]
    assert next(bot["tokens"] for bot in listed if bot["bot_id"] == str(bot_id)) == shown
