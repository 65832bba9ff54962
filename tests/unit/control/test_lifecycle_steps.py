import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetfleet.control.lifecycle import ForbiddenStep
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState, may_follow
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.times import utc
from meetfleet.testing.control_plane import ControlPlane

walks = st.lists(st.sampled_from(BotState), max_size=25)


@given(walks)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_bot_takes_exactly_the_documented_steps_and_each_leaves_one_event_and_one_notice(
    plane: ControlPlane, walk: list[BotState]
):
    bot = await plane.new_bot()
    expected = [BotState.QUEUED]
    for state in walk:
        await plane.clock.advance(1)
        async with plane.database.transaction() as session:
            row = await BotRepository(session).get(bot.id, lock=True)
            assert row is not None
            at = utc(plane.clock.now_ns())
            if may_follow(expected[-1], state):
                await plane.lifecycle.advance(session, row, state, at=at, cause="test")
                expected.append(state)
            else:
                with pytest.raises(ForbiddenStep):
                    await plane.lifecycle.advance(session, row, state, at=at, cause="test")

    assert [e.state for e in await plane.steps(bot.id)] == expected
    assert [e.n for e in await plane.steps(bot.id)] == list(range(1, len(expected) + 1))
    assert plane.notices.states(bot.id) == expected
    assert (await plane.row(bot.id)).state is expected[-1]


async def test_a_step_that_is_rolled_back_leaves_nothing(plane: ControlPlane):
    bot = await plane.new_bot()

    async def step_and_fail() -> None:
        async with plane.database.transaction() as session:
            row = await BotRepository(session).get(bot.id, lock=True)
            assert row is not None
            await plane.lifecycle.advance(session, row, BotState.STARTING, at=row.created_at, cause="test")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await step_and_fail()
    assert (await plane.row(bot.id)).state is BotState.QUEUED
    assert len(await plane.steps(bot.id)) == 1


async def test_the_first_reason_that_is_given_is_kept(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    await one.be("leaving", reason="no_speaker", detail="ten minutes of silence")
    await one.be("processing", reason="internal_error")
    row = await plane.row(one.id)
    assert (row.end_reason, row.end_detail) == (EndReason.NO_SPEAKER, "ten minutes of silence")


async def test_joining_recording_and_leaving_are_stamped_when_they_first_happen(plane: ControlPlane):
    one = await plane.started_bot()
    times = {}
    for state in ("joining", "in_call", "recording", "paused", "recording", "leaving", "processing"):
        await plane.clock.advance(10)
        times.setdefault(state, utc(plane.clock.now_ns()))
        await one.be(state, **({"reason": "api_request"} if state == "processing" else {}))
    row = await plane.row(one.id)
    assert (row.joined_at, row.recording_started_at) == (times["in_call"], times["recording"])
    assert row.exited_at == times["processing"]
