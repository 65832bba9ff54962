import json
import signal

import pytest

from meetfleet.control.rejoin import NeverRejoin
from meetfleet.control.supervision import LEAVE_PATIENCE_S, Supervisor
from meetfleet.control.verdict import UNRESPONSIVE_S
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import LEASE_S, EventType
from meetfleet.fleet.launcher import RunnerState, RunnerStatus
from meetfleet.store.jobs import Job
from meetfleet.testing.control_plane import BotOnLink, ControlPlane

KILLED = RunnerStatus(RunnerState.EXITED, exit_signal=signal.SIGKILL)


@pytest.fixture
async def recording(plane: ControlPlane) -> BotOnLink:
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    return one


async def test_a_bot_that_reports_is_left_alone_however_long(plane: ControlPlane, recording: BotOnLink):
    for _ in range(20):
        await plane.clock.advance(LEASE_S - 1)
        await recording.beat()
        await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).state is BotState.RECORDING
    assert plane.launcher.stopped == []


async def test_a_killed_bot_goes_to_its_end_with_the_evidence(plane: ControlPlane, recording: BotOnLink):
    plane.launcher.end(recording.id, KILLED)
    await plane.supervisor.examine(recording.id)
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.FORCE_KILLED)
    assert row.end_evidence is not None
    assert row.end_evidence["exit_signal"] == signal.SIGKILL
    assert len(plane.queue.of(Job.FINALISE, recording.id)) == 1
    await plane.supervisor.examine(recording.id)
    assert len(plane.queue.of(Job.FINALISE, recording.id)) == 1


async def test_a_bot_that_hangs_is_ended_once_its_patience_is_over(plane: ControlPlane, recording: BotOnLink):
    await plane.clock.advance(60 + UNRESPONSIVE_S - 1)
    await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).state is BotState.RECORDING
    await plane.clock.advance(2)
    await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).end_reason is EndReason.RUNNER_LOST
    assert plane.launcher.stopped == [plane.launcher.pid_of(recording.id)]


async def test_a_bot_that_will_not_leave_is_made_to(plane: ControlPlane, recording: BotOnLink):
    await plane.bots.request_leave(plane.team, recording.id)
    for _ in range(int(LEAVE_PATIENCE_S / 10) + 1):
        await recording.beat()
        await plane.supervisor.examine(recording.id)
        await plane.clock.advance(10)
    await recording.beat()
    await plane.supervisor.examine(recording.id)
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.API_REQUEST)
    assert plane.launcher.stopped == [plane.launcher.pid_of(recording.id)]


async def test_the_reason_is_ours_when_a_stopped_bot_reports_its_stop(plane: ControlPlane, recording: BotOnLink):
    await plane.bots.request_leave(plane.team, recording.id)
    await plane.clock.advance(LEAVE_PATIENCE_S + 1)
    await recording.beat()
    stop = plane.launcher.stop

    async def stop_with_last_words(handle, *, grace_s):
        await recording.be("processing", reason="terminated")
        await stop(handle, grace_s=grace_s)

    plane.launcher.stop = stop_with_last_words
    await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).end_reason is EndReason.API_REQUEST


async def test_a_bot_that_was_asked_to_leave_is_not_started_again(plane: ControlPlane):
    one = await plane.started_bot()
    await plane.bots.request_leave(plane.team, one.id)
    plane.launcher.end(one.id, RunnerStatus(RunnerState.EXITED, exit_code=1))
    await plane.supervisor.examine(one.id)
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.STOPPED_BEFORE_RECORD)


async def test_what_a_bot_wrote_down_while_nobody_heard_it_counts(plane: ControlPlane, recording: BotOnLink):
    """The server was away when the meeting ended; the bot left in good order and its process is gone."""
    recording.event(EventType.STATE, {"state": "leaving", "reason": "meeting_ended"})
    recording.event(EventType.STATE, {"state": "processing", "reason": "meeting_ended"})
    folder = plane.launcher.work_dir(str(recording.id), 1)
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in recording.said) + '{"n": 7, "at')
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.GONE))
    await plane.supervisor.examine(recording.id)
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.MEETING_ENDED)
    assert [s.state for s in await plane.steps(recording.id)][-2:] == [BotState.LEAVING, BotState.PROCESSING]


async def test_a_bot_that_never_spoke_is_started_again_with_another_token(plane: ControlPlane):
    one = await plane.started_bot()
    plane.launcher.end(one.id, RunnerStatus(RunnerState.EXITED, exit_code=1))
    await plane.supervisor.examine(one.id)
    assert (await plane.row(one.id)).state is BotState.QUEUED
    await plane.dispatcher.place_waiting()
    again = [spec for spec in plane.launcher.specs if spec.bot_id == str(one.id)]
    assert [spec.take for spec in again] == [1, 2]
    assert again[0].token != again[1].token


async def test_a_bot_whose_process_was_never_noted_is_decided_by_its_lease(plane: ControlPlane, recording: BotOnLink):
    async with plane.database.transaction() as session:
        row = await plane.row(recording.id)
        row.runner = None
        await session.merge(row)
    await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).state is BotState.RECORDING
    await plane.clock.advance(61)
    await plane.supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).end_reason is EndReason.RUNNER_LOST


async def test_bots_get_a_full_lease_after_the_server_was_away(plane: ControlPlane, recording: BotOnLink):
    await plane.clock.advance(3600)
    supervisor = Supervisor(
        plane.database,
        plane.lifecycle,
        plane.queue,
        plane.launcher,
        plane.dispatcher,
        plane.link,
        NeverRejoin(),
        plane.clock,
    )
    await plane.clock.advance(LEASE_S + UNRESPONSIVE_S - 1)
    await supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).state is BotState.RECORDING
    await plane.clock.advance(2)
    await supervisor.examine(recording.id)
    assert (await plane.row(recording.id)).state is BotState.PROCESSING


async def test_a_sweep_leaves_no_bot_without_an_owner_or_a_decision(plane: ControlPlane):
    """Whatever state bots are in, and whatever became of their processes, all come to their end within two hours."""
    bots = []
    for states in ((), ("joining",), ("joining", "waiting_room"), ("joining", "in_call", "recording", "paused")):
        for fate in (None, KILLED, RunnerStatus(RunnerState.GONE)):
            one = await plane.started_bot()
            await one.be(*states)
            if fate is not None:
                plane.launcher.end(one.id, fate)
            bots.append(one.id)
    bots.append((await plane.new_bot()).id)
    for _ in range(720):
        await plane.clock.advance(10)
        await plane.supervisor.sweep()
        rows = [await plane.row(bot_id) for bot_id in bots]
        if all(row.state.is_final or row.state is BotState.PROCESSING for row in rows):
            break
    assert {row.state for row in rows} <= {BotState.PROCESSING, BotState.FAILED}
    for row in rows:
        assert row.state is BotState.FAILED or plane.queue.of(Job.FINALISE, row.id)
