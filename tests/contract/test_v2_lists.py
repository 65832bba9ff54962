"""Meeting BaaS v2: lists of bots, their filters, and pages that stay true while bots are added."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from v2_world import MEET, TO_RECORDING, V2World

from meetfleet.domain.dialects.v2 import Status
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.database import Database
from meetfleet.store.ids import uuid7
from meetfleet.store.tables import BotRow, ParticipantRow


def at(days: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def add(api: V2World, **fields: Any) -> UUID:
    """A bot that was not created over the API."""
    known = {"meeting_url": MEET, "platform": Platform.GOOGLE_MEET, "native_id": "abc-defg-hij", "bot_name": "Notes"}
    sent = {"spawned_at": fields.get("created_at") or datetime.now(UTC)}
    bot = BotRow(id=uuid7(), team_id=api.team.id, **{**known, **sent, **fields})
    async with api.database.transaction() as session:
        session.add(bot)
    return bot.id


async def test_an_item_shows_what_the_details_show(api: V2World) -> None:
    bot_id = await api.create(extra={"a": 1})
    await api.finish(bot_id, {})
    details = await api.details(bot_id)
    (item,) = (await api.list())["data"]
    shared = {name: value for name, value in item.items() if name in details}
    assert shared == {name: details[name] for name in shared}
    assert (item["duration"], item["ended_at"] is not None) == (61.25, True)


async def test_a_team_sees_its_own_bots_only(api: V2World) -> None:
    await api.create()
    _, stranger = await api.new_team()
    answer = await api.call("GET", "/v2/bots", key=stranger)
    assert answer.json() == {"success": True, "data": [], "cursor": None, "prev_cursor": None}


async def test_text_filters_find_parts_in_any_case_and_take_wildcards_literally(api: V2World) -> None:
    sales = await api.create(bot_name="Weekly SALES call")
    other = await api.create(bot_name="100%_sure", meeting_url="https://us05web.zoom.us/j/987")
    assert await api.listed(bot_name="sales") == {sales}
    assert await api.listed(bot_name="%_") == {other}
    assert await api.listed(meeting_url="ZOOM.us") == {other}
    assert await api.listed(bot_id=str(sales)[5:].upper()) == {sales}
    assert await api.listed(bot_name="", bot_id="") == {sales, other}


async def test_bots_are_found_by_who_was_there(api: V2World) -> None:
    bot_id, now = await api.create(), datetime.now(UTC)
    await api.create()
    async with api.database.transaction() as session:
        session.add(
            ParticipantRow(
                bot_id=bot_id, participant_id="p", number=1, name="John Smith", first_seen_at=now, last_seen_at=now
            )
        )
    assert await api.listed(participant_name="john") == {bot_id}
    assert await api.listed(participant_name="jane") == set()


async def test_time_filters_reach_back_ninety_days(api: V2World) -> None:
    now = datetime.now(UTC)
    old = await add(api, created_at=now - timedelta(days=80), ended_at=now - timedelta(days=79))
    new = await add(api, created_at=now - timedelta(days=2), ended_at=now - timedelta(days=1))
    ancient = await add(api, created_at=now - timedelta(days=91), ended_at=now)
    assert await api.listed() == {old, new}
    assert await api.listed(created_after=at(-3)) == {new}
    assert await api.listed(created_before=at(-3)) == {old}
    assert await api.listed(ended_after=at(-2)) == {new}
    assert ancient not in await api.listed(ended_after=at(-200))


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", -91, 1, "9999-12-31T23:59:59-14:00"])
async def test_a_date_that_cannot_be_read_or_lies_out_of_reach_is_400(
    api: V2World, name: str, value: str | int
) -> None:
    wanted = at(value) if isinstance(value, int) else value
    answer = await api.call("GET", "/v2/bots", params={name: wanted})
    assert (answer.status_code, name in answer.json()["message"]) == (400, True)


async def test_dates_may_have_any_offset_or_none(api: V2World) -> None:
    bot_id = await api.create()
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    east = hour_ago.astimezone(UTC).isoformat().replace("+00:00", "") + "+00:00"
    for value in (east, hour_ago.replace(tzinfo=None).isoformat(), hour_ago.isoformat(timespec="seconds")):
        assert await api.listed(created_after=value) == {bot_id}
        assert (await api.call("GET", f"/v2/bots?created_after={value}")).json()["data"] != []


async def test_platforms_can_be_combined_under_both_spellings(api: V2World) -> None:
    meet = await api.create()
    zoom = await api.create(meeting_url="https://zoom.us/j/1234567890")
    teams = await api.create(meeting_url="https://teams.microsoft.com/l/meetup-join/19%3ameeting_x/0")
    jitsi = await add(api, platform=Platform.JITSI, origin="meetbot")
    assert await api.listed(meeting_platform="zoom,teams") == {zoom, teams}
    assert await api.listed(platform="meet") == {meet}
    assert await api.listed() == {meet, zoom, teams}
    assert (await api.call("GET", f"/v2/bots/{jitsi}")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"meeting_platform": "jitsi"},
        {"meeting_platform": "zoom,fax"},
        {"status": "dancing"},
        {"status": "queued,,nope"},
        {"extra": "no colon"},
        {"extra": "a:1,b"},
        {"limit": 0},
        {"limit": 251},
        {"limit": "many"},
        {"cursor": "!!!"},
        {"cursor": base64.b64encode(b"2026-01-01T00:00:00Z").decode()},
        {"cursor": base64.b64encode(b"yesterday::" + str(uuid4()).encode()).decode()},
        {"cursor": base64.b64encode(b"2026-01-01T00:00:00Z::7").decode()},
        {"cursor": base64.b64encode(b"0001-01-01T00:00:00+14:00::" + str(uuid4()).encode()).decode()},
        {"cursor": "-"},
        {"cursor": "x" * 1000},
    ],
)
async def test_an_unknown_word_or_mark_is_400(api: V2World, query: dict[str, Any]) -> None:
    assert (await api.call("GET", "/v2/bots", params=query)).status_code == 400


async def test_extra_conditions_must_all_match_exactly(api: V2World) -> None:
    one = await api.create(extra={"customer": "12", "project": "sales", "n": 7})
    two = await api.create(extra={"customer": "12", "project": "Sales"})
    await api.create()
    assert await api.listed(extra="customer:12") == {one, two}
    assert await api.listed(extra="customer:12,project:sales") == {one}
    assert await api.listed(extra="n:7") == {one}
    assert await api.listed(extra="customer:1") == set()
    assert await api.listed(extra='it\'s "quoted":x') == set()


async def test_each_bot_is_found_by_the_status_it_shows_and_by_no_other(api: V2World) -> None:
    paths: list[tuple[tuple[BotState, ...], EndReason | None]] = [
        ((), None),
        ((BotState.PICKUP_DELAYED,), None),
        (TO_RECORDING[:2], None),
        (TO_RECORDING[:3], None),
        ((*TO_RECORDING[:2], BotState.WAITING_HOST), None),
        (TO_RECORDING[:4], None),
        (TO_RECORDING, None),
        ((*TO_RECORDING, BotState.PAUSED), None),
        ((*TO_RECORDING, BotState.PAUSED, BotState.RECORDING), None),
        ((*TO_RECORDING, BotState.LEAVING), EndReason.API_REQUEST),
        ((*TO_RECORDING, BotState.LEAVING), EndReason.BOT_REMOVED),
        ((*TO_RECORDING[:4], BotState.LEAVING), EndReason.BOT_REMOVED),
        ((*TO_RECORDING[:3], BotState.LEAVING), EndReason.BOT_NOT_ACCEPTED),
        ((*TO_RECORDING[:3], BotState.LEAVING), EndReason.WAITING_ROOM_TIMEOUT),
        ((*TO_RECORDING[:2], BotState.LEAVING), EndReason.MEETING_NOT_FOUND),
        ((*TO_RECORDING, BotState.PROCESSING), EndReason.NO_ATTENDEES),
        ((*TO_RECORDING, BotState.PROCESSING), EndReason.BROWSER_CRASHED),
        ((*TO_RECORDING[:4], BotState.PROCESSING), EndReason.API_REQUEST),
        ((*TO_RECORDING, BotState.PROCESSING, BotState.TRANSCRIBING), EndReason.NO_ATTENDEES),
        ((*TO_RECORDING, BotState.PROCESSING, BotState.COMPLETED), EndReason.NO_ATTENDEES),
        ((*TO_RECORDING[:2], BotState.FAILED), EndReason.LOGIN_REQUIRED),
    ]
    for states, reason in paths:
        bot_id = await api.create()
        *before, last = states or (None,)
        await api.step(bot_id, *[state for state in before if state])
        if last:
            await api.step(bot_id, last, reason=reason)
    shown = {UUID(item["bot_id"]): item["status"] for item in (await api.list())["data"]}
    assert len(set(shown.values())) >= 16
    for status in Status:
        assert await api.listed(status=status) == {bot_id for bot_id, word in shown.items() if word == status}
    several = await api.listed(status="joining, completed,recording_resumed")
    assert {shown[bot_id] for bot_id in several} == {"joining_call", "completed", "recording_resumed"}


async def test_pages_lead_forth_and_back_without_loss(api: V2World) -> None:
    made = [await api.create() for _ in range(11)]
    pages = [await api.list(limit=4)]
    while pages[-1]["cursor"]:
        pages.append(await api.list(limit=4, cursor=pages[-1]["cursor"]))
    assert [UUID(item["bot_id"]) for page in pages for item in page["data"]] == list(reversed(made))
    assert [len(page["data"]) for page in pages] == [4, 4, 3]
    assert (pages[0]["prev_cursor"], pages[-1]["cursor"]) == (None, None)
    second = await api.list(limit=4, cursor=pages[2]["prev_cursor"])
    assert second["data"] == pages[1]["data"]
    first = await api.list(limit=4, cursor=second["prev_cursor"])
    assert (first["data"], first["prev_cursor"]) == (pages[0]["data"], None)
    assert (await api.list(limit=4, cursor=first["cursor"]))["data"] == pages[1]["data"]


async def test_a_backward_mark_is_read_with_its_minus_inside_or_outside(api: V2World) -> None:
    for _ in range(5):
        await api.create()
    second = await api.list(limit=2, cursor=(await api.list(limit=2))["cursor"])
    outside = second["prev_cursor"]
    assert outside.startswith("-")
    plain = base64.urlsafe_b64decode(outside[1:] + "==").decode()
    for mark in (
        outside,
        base64.b64encode(f"-{plain}".encode()).decode(),
        base64.b64encode(outside.encode()).decode(),
    ):
        assert (await api.list(limit=2, cursor=mark))["data"] == (await api.list(limit=2))["data"]


async def test_bots_of_one_moment_are_told_apart(api: V2World) -> None:
    moment = datetime.now(UTC)
    made = {await add(api, created_at=moment) for _ in range(7)}
    seen: list[str] = []
    page = await api.list(limit=2)
    while True:
        seen += [item["bot_id"] for item in page["data"]]
        if page["cursor"] is None:
            break
        page = await api.list(limit=2, cursor=page["cursor"])
    assert len(seen) == 7
    assert {UUID(bot_id) for bot_id in seen} == made


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 7), before=st.integers(0, 20), during=st.lists(st.integers(0, 3), max_size=8))
def test_each_bot_is_listed_exactly_once_while_others_are_added(
    database_url: str, limit: int, before: int, during: list[int]
) -> None:
    asyncio.run(_page_through(database_url, limit, before, list(during)))


async def _page_through(database_url: str, limit: int, before: int, during: list[int]) -> None:
    from v2_schemas import NoJudge

    database = Database(database_url, pool_size=3)
    api = await V2World(database, NoJudge()).start()
    try:
        old = [await add(api) for _ in range(before)]
        seen: list[UUID] = []
        cursor: str | None = None
        while True:
            page, *_ = await asyncio.gather(
                api.list(limit=limit, **({"cursor": cursor} if cursor else {})),
                *(add(api) for _ in range(during.pop() if during else 0)),
            )
            seen += [UUID(item["bot_id"]) for item in page["data"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        assert [bot_id for bot_id in seen if bot_id in set(old)] == list(reversed(old))
        assert len(seen) == len(set(seen))
    finally:
        await api.client.aclose()
        await database.close()
