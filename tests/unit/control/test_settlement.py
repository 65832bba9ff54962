"""What a bot's end does to its team's tokens: charged once, explained, and the rest given back."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from meetfleet.control.tokens import Standing, Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.tokens import TokenRepository
from meetfleet.store.tables import EntryKind, TeamRow, TokenEntryRow
from meetfleet.store.times import utc
from meetfleet.testing.control_plane import ControlPlane

S = BotState


@pytest.fixture
async def team(plane: ControlPlane) -> TeamRow:
    """A team that is billed, and has ten tokens."""
    plane.team = await plane.new_team(plan="pro")
    await Tokens(plane.database, plane.clock).grant(plane.team, Decimal(10), "for the test")
    return plane.team


async def step(plane: ControlPlane, bot_id: UUID, *states: BotState, reason: EndReason | None = None) -> None:
    async with plane.database.transaction() as session:
        bot = await BotRepository(session).get(bot_id, lock=True)
        assert bot is not None
        for state in states:
            why = reason if state is states[-1] else None
            at = utc(plane.clock.now_ns())
            await plane.lifecycle.advance(session, bot, state, at=at, cause="link", reason=why)


async def record(plane: ControlPlane, bot_id: UUID, seconds: float, pause_s: float = 0) -> None:
    """From the queue to the end of a recording."""
    await step(plane, bot_id, S.STARTING, S.JOINING, S.IN_CALL, S.RECORDING)
    await plane.clock.advance(seconds)
    if pause_s:
        await step(plane, bot_id, S.PAUSED)
        await plane.clock.advance(pause_s)
    await step(plane, bot_id, S.PROCESSING, reason=EndReason.NO_ATTENDEES)


async def transcribe(plane: ControlPlane, bot_id: UUID, seconds: float, column: str = "transcribed_s") -> None:
    await step(plane, bot_id, S.TRANSCRIBING)
    async with plane.database.transaction() as session:
        bot = await BotRepository(session).get(bot_id, lock=True)
        assert bot is not None
        setattr(bot, column, getattr(bot, column) + seconds)
    await step(plane, bot_id, S.COMPLETED)


async def entries(plane: ControlPlane, bot_id: UUID) -> Sequence[TokenEntryRow]:
    async with plane.database.transaction() as session:
        return await TokenRepository(session).of_bot(bot_id)


async def told(plane: ControlPlane, bot_id: UUID) -> list[tuple[str, str]]:
    return sorted((e.kind.value, str(e.amount)) for e in await entries(plane, bot_id))


async def available(plane: ControlPlane) -> Decimal:
    return (await Tokens(plane.database, plane.clock).balance(plane.team)).available


async def test_a_recording_is_charged_by_the_second_without_its_pauses(plane: ControlPlane, team: TeamRow):
    bot = await plane.new_bot()
    await record(plane, bot.id, 1800, pause_s=900)
    await plane.finaliser.finalise(bot.id)
    assert await told(plane, bot.id) == [("recording", "-0.5000"), ("release", "0.5000"), ("reserve", "-0.5000")]
    charge = next(e for e in await entries(plane, bot.id) if e.kind is EntryKind.RECORDING)
    assert (charge.seconds, charge.rate, charge.reason) == (1800, 1, "Recorded.")
    assert await available(plane) == Decimal("9.5")
    assert (await plane.row(bot.id)).tokens == {
        "recording": 0.5,
        "transcription": 0.0,
        "byok_transcription": 0.0,
        "streaming_input": 0.0,
        "streaming_output": 0.0,
        "total": 0.5,
    }


@pytest.mark.parametrize(
    ("column", "meter", "amount"),
    [("transcribed_s", "transcription", "-0.2500"), ("byok_transcribed_s", "byok_transcription", "-0.0500")],
)
async def test_a_transcript_that_was_delivered_is_charged(
    plane: ControlPlane, team: TeamRow, column: str, meter: str, amount: str
):
    bot = await plane.new_bot()
    await record(plane, bot.id, 3600)
    await transcribe(plane, bot.id, 3600, column)
    assert (meter, amount) in await told(plane, bot.id)


async def test_a_transcript_made_later_adds_its_own_charge_and_no_second_one_for_the_recording(
    plane: ControlPlane, team: TeamRow
):
    bot = await plane.new_bot()
    await record(plane, bot.id, 3600)
    await plane.finaliser.finalise(bot.id)
    await transcribe(plane, bot.id, 3600)
    assert await available(plane) == Decimal("8.75")
    shown = (await plane.row(bot.id)).tokens
    assert shown is not None
    assert (shown["recording"], shown["transcription"], shown["total"]) == (1.0, 0.25, 1.25)


async def test_who_was_not_let_in_pays_for_waiting(plane: ControlPlane, team: TeamRow):
    bot = await plane.new_bot()
    await step(plane, bot.id, S.STARTING, S.JOINING)
    await plane.clock.advance(100)
    await step(plane, bot.id, S.WAITING_ROOM)
    await plane.clock.advance(360)
    await step(plane, bot.id, S.PROCESSING, reason=EndReason.BOT_NOT_ACCEPTED)
    await plane.clock.advance(50)
    await plane.finaliser.finalise(bot.id)
    charge = next(e for e in await entries(plane, bot.id) if e.kind is EntryKind.RECORDING)
    assert (charge.seconds, charge.amount) == (360, Decimal("-0.1"))


async def test_a_bot_that_never_ran_gets_everything_back_and_cost_nothing(plane: ControlPlane, team: TeamRow):
    bot = await plane.new_bot()
    await plane.bots.request_leave(team, bot.id)
    assert await told(plane, bot.id) == [("release", "0.5000"), ("reserve", "-0.5000")]
    assert await available(plane) == 10
    assert (await plane.row(bot.id)).tokens is None


async def test_a_meeting_longer_than_the_tokens_is_recorded_and_leaves_a_debt(plane: ControlPlane, team: TeamRow):
    tokens = Tokens(plane.database, plane.clock)
    bot = await plane.new_bot()
    await record(plane, bot.id, 5 * 3600 + 3600)
    await plane.finaliser.finalise(bot.id)
    assert (await tokens.balance(team)).standing is Standing.LOW
    bot = await plane.new_bot()
    await record(plane, bot.id, 5 * 3600)
    await plane.finaliser.finalise(bot.id)
    balance = await tokens.balance(team)
    assert (balance.available, balance.reserved, balance.owed, balance.standing) == (0, 0, 1, Standing.EMPTY)


async def test_a_team_that_is_not_billed_sees_what_it_would_have_cost(plane: ControlPlane):
    bot = await plane.new_bot()
    await record(plane, bot.id, 3600)
    await plane.finaliser.finalise(bot.id)
    assert await told(plane, bot.id) == [("recording", "-1.0000"), ("waiver", "1.0000")]
    assert await available(plane) == 0
    shown = (await plane.row(bot.id)).tokens
    assert shown is not None
    assert shown["total"] == 1.0


async def test_several_servers_that_finalise_one_bot_charge_it_once(
    plane: ControlPlane, team: TeamRow, database: Database
):
    bot = await plane.new_bot()
    await record(plane, bot.id, 3600)
    await asyncio.gather(*(plane.finaliser.finalise(bot.id) for _ in range(4)))
    assert await told(plane, bot.id) == [("recording", "-1.0000"), ("release", "0.5000"), ("reserve", "-0.5000")]
    assert await available(plane) == 9
