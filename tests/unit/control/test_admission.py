"""Who may send a bot, asked in the order of the contract, and right however many ask at once."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from meetfleet.control import admission
from meetfleet.control.admission import Admission, Refusal
from meetfleet.control.tokens import Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import TooManyRequests
from meetfleet.store.jobs import Job
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import TeamRow
from meetfleet.testing.control_plane import MEETING, ControlPlane

OWN_KEY = {"transcription_enabled": True, "transcription_config": {"provider": "gladia", "api_key": "sealed"}}


async def team_of(plane: ControlPlane, plan: str, *, tokens: str | None = "100", **limits: Any) -> TeamRow:
    team = await plane.new_team(plan=plan, settings={"limits": limits})
    if tokens is not None:
        await Tokens(plane.database, plane.clock).grant(team, Decimal(tokens), "for the test")
    plane.team = team
    return team


async def refusal(plane: ControlPlane, **changes: Any) -> Refusal | None:
    try:
        await plane.new_bot(**changes)
    except Refusal as error:
        return error
    return None


async def try_many(plane: ControlPlane, count: int, **changes: Any) -> list[str]:
    found = await asyncio.gather(*(refusal(plane, **changes) for _ in range(count)))
    return sorted("created" if error is None else error.code for error in found)


async def test_a_self_hosted_team_is_never_refused_and_nothing_is_set_aside(plane: ControlPlane):
    for _ in range(3):
        await plane.new_bot(options=OWN_KEY)
    balance = await Tokens(plane.database, plane.clock).balance(plane.team)
    assert (balance.available, balance.reserved) == (0, 0)


@pytest.mark.parametrize(
    "options",
    [
        OWN_KEY,
        {"streaming_enabled": True, "streaming_config": {"transcription": {"provider": "gladia", "api_key": "x"}}},
    ],
)
async def test_a_key_of_ones_own_needs_a_plan_that_takes_it(plane: ControlPlane, options: dict[str, Any]):
    await team_of(plane, "payg")
    error = await refusal(plane, options=options)
    assert error is not None
    assert (error.status, error.code) == (400, "byok_transcription_not_enabled_on_plan")
    await team_of(plane, "pro")
    assert await refusal(plane, options=options) is None


async def test_a_key_for_something_switched_off_does_not_count(plane: ControlPlane):
    await team_of(plane, "payg")
    assert await refusal(plane, options={**OWN_KEY, "transcription_enabled": False}) is None


async def test_the_daily_cap_counts_any_24_hours_and_says_when_there_is_room(plane: ControlPlane):
    await team_of(plane, "pro", bots_per_day=2)
    await plane.new_bot()
    await plane.clock.advance(3600)
    await plane.new_bot()

    error = await refusal(plane)
    assert isinstance(error, TooManyRequests)
    assert error.message == "Daily bot cap has been reached: 2 bots created within the last 24 hours"
    assert (error.code, error.retry_after_s) == ("daily_bot_cap_reached", 23 * 3600)

    await plane.clock.advance(23 * 3600 + 1)
    assert await refusal(plane) is None
    assert await refusal(plane) is not None


async def test_a_cap_of_zero_lets_nobody_through(plane: ControlPlane):
    await team_of(plane, "pro", bots_per_day=0)
    error = await refusal(plane)
    assert error is not None
    assert error.end_reason is EndReason.DAILY_BOT_CAP_REACHED


async def test_without_half_a_token_no_bot_runs(plane: ControlPlane):
    await team_of(plane, "pro", tokens=None)
    error = await refusal(plane)
    assert error is not None
    assert (error.status, error.message) == (402, "Insufficient tokens. Available: 0, Required: 0.5")


async def test_each_bot_under_way_sets_half_a_token_aside(plane: ControlPlane):
    team = await team_of(plane, "pro", tokens="1.2")
    tokens = Tokens(plane.database, plane.clock)
    await plane.new_bot()
    await plane.new_bot()
    balance = await tokens.balance(team)
    assert (balance.available, balance.reserved) == (Decimal("0.2"), Decimal("1.0"))
    error = await refusal(plane)
    assert error is not None
    assert error.message == "Insufficient tokens. Available: 0.2, Required: 0.5"


async def test_of_many_at_once_exactly_those_get_through_for_which_there_is_room(plane: ControlPlane):
    await team_of(plane, "pro", bots_per_day=3)
    assert await try_many(plane, 8) == ["created"] * 3 + ["daily_bot_cap_reached"] * 5
    team = await team_of(plane, "pro", tokens="1.7")
    assert await try_many(plane, 8) == ["created"] * 3 + ["insufficient_tokens"] * 5
    assert (await Tokens(plane.database, plane.clock).balance(team)).available == Decimal("0.2")
    await team_of(plane, "pro")
    found = await try_many(plane, 5, allow_multiple_bots=False)
    assert found == ["bot_already_exists"] * 4 + ["created"]


async def test_what_is_asked_first_is_told_first(plane: ControlPlane):
    """Entitlement, cap, tokens, then the meeting."""
    only = {"allow_multiple_bots": False}
    team = await team_of(plane, "payg", tokens="0.5", bots_per_day=1)
    await plane.new_bot(**only)
    told: list[EndReason] = []
    for cure in ({"byok": True}, {"bots_per_day": 9}, {"billed": False}, {}):
        error = await refusal(plane, options=OWN_KEY, **only)
        assert error is not None
        told.append(error.end_reason)
        async with plane.database.transaction() as session:
            stored = await session.get(TeamRow, team.id)
            assert stored is not None
            stored.settings = {"limits": {**stored.settings["limits"], **cure}}
            plane.team = stored
    assert told == [
        EndReason.BYOK_NOT_ENABLED,
        EndReason.DAILY_BOT_CAP_REACHED,
        EndReason.INSUFFICIENT_TOKENS,
        EndReason.BOT_ALREADY_EXISTS,
    ]


async def test_a_refused_bot_leaves_no_trace(plane: ControlPlane):
    team = await team_of(plane, "pro", tokens="5")
    await plane.new_bot(allow_multiple_bots=False)
    jobs = len(plane.queue.jobs)
    assert await refusal(plane, allow_multiple_bots=False) is not None
    balance = await Tokens(plane.database, plane.clock).balance(team)
    assert (balance.available, balance.reserved) == (Decimal("4.5"), Decimal("0.5"))
    assert len([e for e in plane.queue.jobs if e.job is Job.DISPATCH]) == jobs


async def test_a_refusal_of_a_stored_bot_has_written_nothing(plane: ControlPlane):
    """So that whoever asks for a bot that is due can let it fail in the same transaction."""
    team = await team_of(plane, "pro", tokens="5")
    await plane.new_bot(allow_multiple_bots=False)
    later = await plane.new_bot()
    async with plane.database.transaction() as session:
        bot = await BotRepository(session).get(later.id, lock=True)
        assert bot is not None
        bot.allow_multiple_bots = False
        with pytest.raises(Refusal):
            await Admission(plane.clock).check(session, team, bot)
        bot.waiting_for = "the transaction goes on"
    assert (await plane.row(later.id)).waiting_for == "the transaction goes on"
    assert (await Tokens(plane.database, plane.clock).balance(team)).reserved == Decimal("1.0")


async def test_while_the_meeting_stays_locked_a_bot_is_created_all_the_same(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(admission, "DEDUPLICATION_PATIENCE_S", 0.05)
    key = f"{plane.team.id} {MEETING.url}"
    async with plane.database.transaction() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": key})
        assert await refusal(plane, allow_multiple_bots=False) is None
