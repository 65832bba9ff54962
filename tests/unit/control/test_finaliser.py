from pathlib import Path

import pytest

from meetfleet.domain.clock import SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.fleet.launcher import RunnerState, RunnerStatus
from meetfleet.store.times import to_ns
from meetfleet.tape.reader import SegmentReader
from meetfleet.tape.records import ChatMessage
from meetfleet.tape.segment import TapeMeta
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.control_plane import BotOnLink, ControlPlane

SEGMENT = "t01-000001.mcap"


@pytest.fixture
async def recording(plane: ControlPlane) -> BotOnLink:
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    await one.put(SEGMENT, b"frames")
    return one


def leave_tape_behind(plane: ControlPlane, one: BotOnLink) -> Path:
    """One sealed segment that was not shipped, one that was open when the bot died."""
    folder = plane.launcher.work_dir(str(one.id), 1) / "tape"
    tape = TapeWriter(folder, TapeMeta(str(one.id), 1, "google_meet", 0), SystemClock(), segment_s=3600)
    tape.append(ChatMessage("1", None, "Ada", "sealed"), at_ns=plane.clock.now_ns())
    tape.seal()
    tape.append(ChatMessage("2", None, "Ada", "open"), at_ns=plane.clock.now_ns())
    tape.close()
    last = folder / "t01-000002.mcap"
    last.with_name("t01-000002.mcap.open").write_bytes(last.read_bytes()[:-40])
    last.unlink()
    return folder


async def test_a_normal_end_is_completed_with_what_was_recorded(plane: ControlPlane, recording: BotOnLink):
    await plane.clock.advance(30)
    await recording.be("paused")
    await plane.clock.advance(10)
    await recording.be("recording")
    await plane.clock.advance(30)
    await recording.be("leaving", "processing", reason="meeting_ended")
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.EXITED, exit_code=0))
    await plane.finaliser.finalise(recording.id)
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason, row.duration_s) == (BotState.COMPLETED, EndReason.MEETING_ENDED, 60)
    assert row.manifest == {"segments": [SEGMENT]}
    assert plane.notices.of(recording.id)[-2:] == ["completed", "bot.completed"]


async def test_finalising_again_tells_nobody_again(plane: ControlPlane, recording: BotOnLink):
    await recording.be("processing", reason="meeting_ended")
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.EXITED, exit_code=0))
    for _ in range(3):
        await plane.finaliser.finalise(recording.id)
    assert plane.notices.of(recording.id).count("bot.completed") == 1
    assert plane.assembler.finished == [recording.id]


async def test_a_bot_that_is_not_at_its_end_is_left_alone(plane: ControlPlane, recording: BotOnLink):
    await plane.finaliser.finalise(recording.id)
    assert (await plane.row(recording.id)).state is BotState.RECORDING


async def test_what_a_killed_bot_left_on_disk_is_brought_in(plane: ControlPlane, recording: BotOnLink):
    await plane.clock.advance(20)
    folder = leave_tape_behind(plane, recording)
    died_at_ns = plane.clock.now_ns()
    await plane.clock.advance(40)
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.GONE))
    await plane.supervisor.examine(recording.id)
    await plane.finaliser.finalise(recording.id)

    names = [SEGMENT, "t01-000002.mcap"]
    assert [s.name for s in await plane.segments(recording.id)] == names
    assert plane.assembler.segments[recording.id][-1] == "t01-000002.mcap"
    stored = plane.objects.contents[f"bots/{recording.id}/tape/t01-000002.mcap"]
    assert [m.record.text for m in SegmentReader(stored).messages()] == ["open"]  # type: ignore[union-attr]
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason, row.duration_s) == (BotState.FAILED, EndReason.RUNNER_LOST, 20)
    assert row.exited_at is not None
    assert to_ns(row.exited_at) == died_at_ns
    assert row.manifest == {"segments": names}
    assert not folder.exists()


async def test_the_log_outlives_the_work_folder(plane: ControlPlane, recording: BotOnLink):
    folder = plane.launcher.work_dir(str(recording.id), 1)
    folder.mkdir(parents=True)
    (folder / "bot.log").write_text("last words")
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.EXITED, exit_code=1))
    await plane.supervisor.examine(recording.id)
    row = await plane.row(recording.id)
    assert row.end_evidence is not None
    assert row.end_evidence["last_words"] == "last words"
    await plane.finaliser.finalise(recording.id)
    assert plane.objects.contents[f"bots/{recording.id}/logs/take-1.log"] == b"last words"
    assert not folder.parent.exists()


async def test_a_bot_that_holds_on_to_its_tape_is_waited_for(plane: ControlPlane, recording: BotOnLink):
    """It said that it is done while its last segment was still open: its own hand seals it, not ours."""
    folder = plane.launcher.work_dir(str(recording.id), 1) / "tape"
    folder.mkdir(parents=True)
    still_open = folder / "t01-000002.mcap.open"
    still_open.write_bytes(b"")
    await recording.be("processing", reason="meeting_ended")
    looks = 0
    ended = plane.launcher.ended

    async def sealed_at_the_third_look(handle, *, within_s):
        nonlocal looks
        looks += 1
        if looks == 3:
            still_open.unlink()
            await recording.put("t01-000002.mcap", b"by the bot")
        return await ended(handle, within_s=within_s)

    plane.launcher.ended = sealed_at_the_third_look
    await plane.finaliser.finalise(recording.id)
    assert (await plane.row(recording.id)).manifest == {"segments": [SEGMENT, "t01-000002.mcap"]}


async def test_a_recording_that_cannot_be_made_fails_and_keeps_its_tape(plane: ControlPlane, recording: BotOnLink):
    await recording.be("processing", reason="meeting_ended")
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.EXITED, exit_code=0))
    plane.assembler.failures = 1
    with pytest.raises(RunnerError):
        await plane.finaliser.finalise(recording.id)
    assert (await plane.row(recording.id)).state is BotState.PROCESSING
    await plane.finaliser.give_up(recording.id)
    row = await plane.row(recording.id)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.INTERNAL_ERROR)
    assert f"bots/{recording.id}/tape/{SEGMENT}" in plane.objects.contents


async def test_a_bot_without_any_tape_needs_no_assembler(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining", "waiting_room")
    await one.be("processing", reason="waiting_room_timeout")
    await plane.finaliser.finalise(one.id)
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.WAITING_ROOM_TIMEOUT)
    assert (row.duration_s, row.manifest, row.exited_at) == (None, None, None)
    assert plane.assembler.finished == []


async def test_folders_of_finished_bots_are_cleared_at_the_next_start(plane: ControlPlane, recording: BotOnLink):
    await recording.be("processing", reason="meeting_ended")
    plane.launcher.end(recording.id, RunnerStatus(RunnerState.EXITED, exit_code=0))
    await plane.finaliser.finalise(recording.id)
    folder = plane.launcher.work_dir(str(recording.id), 1)
    folder.mkdir(parents=True)
    unstored = plane.launcher.work_dir(str((await plane.started_bot()).id), 1)
    unstored.mkdir(parents=True)
    await plane.finaliser.clear_leftovers()
    assert not folder.exists()
    assert unstored.exists()
