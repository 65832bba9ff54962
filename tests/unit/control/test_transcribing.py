"""Transcription as a step of a bot's life: what a provider does, what callers see, what happens when it goes wrong."""

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from meetfleet.artifacts.manifest import FileEntry, Manifest
from meetfleet.control.admission import ByokNotEnabled
from meetfleet.control.assembly import artifact_row
from meetfleet.control.tokens import Tokens
from meetfleet.control.transcribing import MAX_FAILURES
from meetfleet.control.transcription_providers import ServerTranscription
from meetfleet.control.transcriptions import TranscriptionRequest
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.jobs import Job
from meetfleet.store.recording import read_recording
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow, TranscriptionRow, TranscriptionStatus
from meetfleet.store.times import utc
from meetfleet.testing.control_plane import BotOnLink, ControlPlane
from meetfleet.testing.scripted_transcription import NEVER, lasting, passing
from meetfleet.transcription.provider import Capabilities, Heard
from meetfleet.transcription.transcript import Utterance, Word

DURATION_S = 30.0
HELLO = Utterance("Hello there.", 1.0, 2.0, (Word("Hello", 1.0, 1.5), Word("there.", 1.5, 2.0)), voice=0, language="en")
BYE = Utterance("Goodbye.", 21.0, 22.0, (Word("Goodbye.", 21.0, 22.0),), voice=1, language="en")


async def recorded(plane: ControlPlane, **options: Any) -> BotOnLink:
    """A bot that has left the call, its sound and speakers in storage."""
    options = {"transcription_enabled": True, **options}
    one = await plane.started_bot(options=options)
    await one.be("joining", "in_call", "recording")
    await plane.clock.advance(DURATION_S)
    await one.put("t01-000001.mcap", b"frames")
    await store(plane, one.id)
    plane.assembler.manifest = json.loads(await plane.objects.get(f"bots/{one.id}/artifacts/manifest.json"))
    await one.be("leaving", "processing", reason="meeting_ended")
    return one


async def store(plane: ControlPlane, bot_id: UUID) -> None:
    speakers = [
        {"speaker": "Ada", "user_id": 1, "start_time": 0.5, "end_time": 10.0},
        {"speaker": "Ben", "user_id": 2, "start_time": 20.0, "end_time": 25.0},
    ]
    captions = {"speaker": "Ada", "language": "en-GB", "text": "So, hello."}
    captions["words"] = [{"word": "So,", "start": 1.0, "end": 1.2}, {"word": "hello.", "start": 1.2, "end": 1.7}]
    files = {
        "output.flac": b"sound",
        "speakers.json": json.dumps({"version": 1, "segments": speakers}).encode(),
        "captions.json": json.dumps({"version": 1, "lines": [captions]}).encode(),
    }
    manifest = Manifest(str(bot_id), "google_meet", "Notes", "1", 1, 1, "2026-01-01T00:00:00.000Z", DURATION_S)
    async with plane.database.transaction() as session:
        for name, content in files.items():
            await plane.objects.put(f"bots/{bot_id}/artifacts/{name}", content)
            entry = FileEntry(name, "file", "application/octet-stream", len(content), "")
            await RecordingRepository(session, bot_id).save_artifact(artifact_row(bot_id, entry))
            manifest = manifest.with_file(entry)
    await plane.objects.put(f"bots/{bot_id}/artifacts/manifest.json", manifest.to_json().encode())


async def work_off(plane: ControlPlane, bot_id: UUID, job: Job = Job.TRANSCRIBE) -> int:
    """Runs the job as often as it asks to be run, at its own times; says how often that was."""
    runs = 0
    while plane.queue.of(job, bot_id):
        due = plane.queue.of(job, bot_id)[0]
        plane.queue.jobs.remove(due)
        now = utc(plane.clock.now_ns())
        if due.at is not None and due.at > now:
            await plane.clock.advance((due.at - now).total_seconds())
        await (plane.transcriber.transcribe if job is Job.TRANSCRIBE else plane.forgetting.forget)(bot_id)
        runs += 1
        assert runs < 10_000
    return runs


async def finished(plane: ControlPlane, one: BotOnLink) -> BotRow:
    await plane.finaliser.finalise(one.id)
    await work_off(plane, one.id)
    return await plane.row(one.id)


async def newest(plane: ControlPlane, bot_id: UUID) -> TranscriptionRow:
    async with plane.database.transaction() as session:
        run = await TranscriptionRepository(session, bot_id).newest()
    assert run is not None
    return run


async def output(plane: ControlPlane, bot_id: UUID, name: str = "output_transcription.json") -> Any:
    return json.loads(await plane.objects.get(f"bots/{bot_id}/artifacts/{name}"))


def states(steps: Sequence[Any]) -> list[str]:
    return [step.state.value for step in steps][-4:]


async def test_a_bot_is_transcribed_before_it_is_completed(plane: ControlPlane) -> None:
    plane.speech.heard = [Heard((HELLO, BYE))]
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    assert (await plane.row(one.id)).state is BotState.TRANSCRIBING
    await work_off(plane, one.id)
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.MEETING_ENDED)
    assert states(await plane.steps(one.id)) == ["leaving", "processing", "transcribing", "completed"]
    assert plane.notices.of(one.id).count("bot.completed") == 1
    said = await output(plane, one.id)
    assert [(u["speaker"], u["text"]) for u in said["result"]["utterances"]] == [
        ("Ada", "Hello there."),
        ("Ben", "Goodbye."),
    ]
    assert said["result"]["total_duration"] == DURATION_S
    raw = await output(plane, one.id, "raw_transcription.json")
    assert [piece["engine"] for piece in raw["transcriptions"]] == ["scripted"]


async def test_the_transcripts_are_registered_named_in_the_manifest_and_counted(plane: ControlPlane) -> None:
    plane.speech.heard = [Heard((HELLO,))]
    one = await recorded(plane)
    row = await finished(plane, one)
    async with plane.database.transaction() as session:
        recording = await read_recording(session, row)
    assert recording.offers("output_transcription.json")
    assert recording.offers("raw_transcription.json")
    assert recording.transcription is not None
    assert (recording.transcription.status, recording.transcription.ids) == (TranscriptionStatus.DONE, ["job-1"])
    manifest = Manifest.from_json(await plane.objects.get(f"bots/{one.id}/artifacts/manifest.json"))
    assert manifest.file("output_transcription.json") is not None
    assert manifest.file("output.flac") is not None
    assert (row.transcribed_s, row.byok_transcribed_s) == (DURATION_S, 0)


async def test_a_bot_without_transcription_is_completed_at_once(plane: ControlPlane) -> None:
    one = await recorded(plane, transcription_enabled=False)
    await plane.finaliser.finalise(one.id)
    assert (await plane.row(one.id)).state is BotState.COMPLETED
    assert plane.queue.of(Job.TRANSCRIBE, one.id) == []


async def test_a_bot_that_broke_is_not_transcribed_by_itself(plane: ControlPlane) -> None:
    one = await plane.started_bot(options={"transcription_enabled": True})
    await one.be("joining", "in_call", "recording")
    await plane.clock.advance(5)
    await one.be("processing", reason="browser_crashed")
    await plane.finaliser.finalise(one.id)
    assert (await plane.row(one.id)).state is BotState.FAILED


async def test_captions_need_no_sound_and_tell_true_names(plane: ControlPlane) -> None:
    plane.use_transcription(ServerTranscription())
    one = await recorded(plane)
    assert (await finished(plane, one)).state is BotState.COMPLETED
    (utterance,) = (await output(plane, one.id))["result"]["utterances"]
    assert (utterance["speaker"], utterance["language"], utterance["start"]) == ("Ada", "en", 1.0)
    assert [w["word"] for w in utterance["words"]] == ["So,", "hello."]
    assert (await newest(plane, one.id)).engine == "captions"


async def test_people_who_spoke_without_captions_make_the_captions_engine_fail(plane: ControlPlane) -> None:
    plane.use_transcription(ServerTranscription())
    one = await recorded(plane)
    await plane.objects.delete(f"bots/{one.id}/artifacts/captions.json")
    row = await finished(plane, one)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.TRANSCRIPTION_FAILED)


async def test_a_provider_that_takes_its_time_is_asked_ever_more_rarely(plane: ControlPlane) -> None:
    plane.speech.polls = 40
    one = await recorded(plane)
    began = plane.clock.now_ns()
    assert (await finished(plane, one)).state is BotState.COMPLETED
    waited_s = (plane.clock.now_ns() - began) / 1e9
    assert 120 < waited_s < 1200
    assert len(plane.speech.submitted) == 1
    assert plane.speech.closed == len(plane.speech.accesses)


async def test_a_provider_that_never_ends_is_given_up(plane: ControlPlane) -> None:
    plane.speech.polls = NEVER
    one = await recorded(plane)
    row = await finished(plane, one)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.TRANSCRIPTION_FAILED)
    run = await newest(plane, one.id)
    assert run.finished_at is not None
    assert timedelta(hours=1) < run.finished_at - run.created_at < timedelta(hours=1.1)


async def test_passing_trouble_is_overcome(plane: ControlPlane) -> None:
    plane.speech.errors = [passing() for _ in range(MAX_FAILURES - 1)]
    one = await recorded(plane)
    assert (await finished(plane, one)).state is BotState.COMPLETED
    assert len(plane.speech.submitted) == 1


async def test_trouble_without_end_fails_the_bot_and_keeps_the_recording(plane: ControlPlane) -> None:
    plane.speech.errors = [passing() for _ in range(100)]
    one = await recorded(plane)
    row = await finished(plane, one)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.TRANSCRIPTION_FAILED)
    assert len(plane.speech.errors) == 100 - MAX_FAILURES
    assert row.artifacts_deleted_at is None
    assert (row.transcribed_s, row.byok_transcribed_s) == (0, 0)
    assert await plane.objects.get(f"bots/{one.id}/artifacts/output.flac") == b"sound"
    assert plane.notices.of(one.id)[-1] == "bot.failed"


async def test_lasting_trouble_is_not_tried_again(plane: ControlPlane) -> None:
    plane.speech.errors = [lasting("The sound is no sound.")]
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    assert await work_off(plane, one.id) == 1
    run = await newest(plane, one.id)
    assert (run.status, run.error) == (TranscriptionStatus.ERROR, "The sound is no sound.")


async def test_a_provider_says_when_it_wants_to_be_asked_again(plane: ControlPlane) -> None:
    plane.speech.errors = [passing(retry_after_s=120)]
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    plane.queue.jobs.clear()
    await plane.transcriber.transcribe(one.id)
    (again,) = plane.queue.of(Job.TRANSCRIBE, one.id)
    assert again.at == utc(plane.clock.now_ns()) + timedelta(seconds=120)


async def test_a_job_that_failed_at_the_provider_is_begun_anew(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    await plane.transcriber.transcribe(one.id)
    plane.speech.errors = [passing(code="job_failed")]
    await work_off(plane, one.id)
    assert (await plane.row(one.id)).state is BotState.COMPLETED
    assert len(plane.speech.submitted) == 2
    assert (await newest(plane, one.id)).provider_ids == ["job-1", "job-2"]


async def test_a_step_that_is_repeated_starts_no_second_job_and_tells_the_end_once(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    for _ in range(5):
        await plane.transcriber.transcribe(one.id)
    assert len(plane.speech.submitted) == 1
    assert plane.notices.of(one.id).count("bot.completed") == 1
    assert (await plane.row(one.id)).transcribed_s == DURATION_S


async def test_what_goes_wrong_inside_for_good_fails_the_transcription(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    await plane.transcriber.give_up(one.id)
    assert (await plane.row(one.id)).end_reason is EndReason.TRANSCRIPTION_FAILED


async def test_a_long_recording_is_given_in_pieces_and_comes_back_as_one(plane: ControlPlane, tmp_path: Path) -> None:
    from meetfleet.artifacts.flac import FlacWriter
    from meetfleet.testing.speech import speech

    plane.speech.capabilities = Capabilities(max_audio_s=18)
    plane.use_transcription(ServerTranscription(default="scripted"))
    again = Utterance("And again.", 4.0, 5.0, (), voice=0, language="de")
    plane.speech.heard = [Heard((HELLO,)), Heard((again,))]
    one = await recorded(plane)
    writer = FlacWriter(tmp_path / "long.flac")
    writer.add(speech(DURATION_S, 1))
    writer.close()
    await plane.objects.put(f"bots/{one.id}/artifacts/output.flac", tmp_path / "long.flac")
    assert (await finished(plane, one)).state is BotState.COMPLETED
    # Nobody speaks from 10 s to 20 s: that is where the cut is made, of which 9 s to 18 s can be chosen.
    assert [round(s.duration_s, 3) for s in plane.speech.submitted] == [14.0, 16.0]
    assert plane.speech.sizes[0] > 0
    said = (await output(plane, one.id))["result"]["utterances"]
    assert [(u["text"], u["start"], u["speaker"]) for u in said] == [
        ("Hello there.", 1.0, "Ada"),
        ("And again.", 18.0, "Unknown speaker"),
    ]
    assert len((await output(plane, one.id, "raw_transcription.json"))["transcriptions"]) == 2
    assert not (tmp_path / "transcription" / str(one.id)).exists()


async def test_retranscription_begins_anew_and_tells_the_end_again(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await finished(plane, one)
    plane.speech.heard = [Heard((BYE,))]
    await plane.transcriptions.retranscribe(plane.team, one.id, None)
    assert (await plane.row(one.id)).state is BotState.TRANSCRIBING
    with pytest.raises(Conflict):
        await plane.transcriptions.retranscribe(plane.team, one.id, None)
    await work_off(plane, one.id)
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.MEETING_ENDED)
    assert plane.notices.of(one.id).count("bot.completed") == 2
    assert [u["text"] for u in (await output(plane, one.id))["result"]["utterances"]] == ["Goodbye."]
    assert row.transcribed_s == 2 * DURATION_S


async def test_a_bot_whose_transcription_failed_is_completed_by_a_good_one(plane: ControlPlane) -> None:
    plane.speech.errors = [lasting()]
    one = await recorded(plane)
    assert (await finished(plane, one)).state is BotState.FAILED
    await plane.transcriptions.retranscribe(plane.team, one.id, None)
    await work_off(plane, one.id)
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.MEETING_ENDED)


async def test_a_bot_that_failed_otherwise_stays_failed_but_gets_its_transcript(plane: ControlPlane) -> None:
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    await plane.clock.advance(DURATION_S)
    await store(plane, one.id)
    await one.be("processing", reason="browser_crashed")
    await plane.finaliser.finalise(one.id)
    for error in ([], [lasting()]):
        plane.speech.errors = list(error)
        await plane.transcriptions.retranscribe(plane.team, one.id, None)
        await work_off(plane, one.id)
        row = await plane.row(one.id)
        assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.BROWSER_CRASHED)
    assert (await output(plane, one.id))["bot_id"] == str(one.id)


async def test_without_sound_there_is_nothing_to_transcribe_again(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await finished(plane, one)
    await plane.bots.delete_data(plane.team, one.id)
    with pytest.raises(Conflict):
        await plane.transcriptions.retranscribe(plane.team, one.id, None)


async def test_a_key_of_the_callers_own_is_used_and_counted_apart(plane: ControlPlane) -> None:
    plane.speech.capabilities = Capabilities(needs_key=True)
    plane.use_transcription(ServerTranscription())
    one = await recorded(plane)
    await finished(plane, one)
    request = TranscriptionRequest(
        provider="scripted", api_key=plane.box.seal("mine"), region="eu", custom_params={"sentences": True}
    )
    await plane.transcriptions.retranscribe(plane.team, one.id, request)
    await work_off(plane, one.id)
    row = await plane.row(one.id)
    assert (row.transcribed_s, row.byok_transcribed_s) == (DURATION_S, DURATION_S)
    access = plane.speech.accesses[-1]
    assert (access.api_key, access.region, dict(access.params)) == ("mine", "eu", {"sentences": True})
    assert "mine" not in repr(access)


async def test_a_key_of_the_callers_own_needs_a_plan_that_takes_it(plane: ControlPlane) -> None:
    plane.team = await plane.new_team(plan="payg")
    await Tokens(plane.database, plane.clock).grant(plane.team, Decimal(10), "for the test")
    one = await recorded(plane)
    await finished(plane, one)
    request = TranscriptionRequest(provider="scripted", api_key=plane.box.seal("mine"))
    with pytest.raises(ByokNotEnabled):
        await plane.transcriptions.retranscribe(plane.team, one.id, request)
    assert (await plane.row(one.id)).state is BotState.COMPLETED


async def test_a_provider_without_any_key_leaves_the_work_to_the_servers_engine(plane: ControlPlane) -> None:
    plane.use_transcription(ServerTranscription())
    one = await recorded(plane, transcription_config={"provider": "gladia"})
    row = await finished(plane, one)
    assert row.state is BotState.COMPLETED
    assert (await output(plane, one.id))["provider"] == "gladia"
    raw = await output(plane, one.id, "raw_transcription.json")
    assert raw["transcriptions"][0]["engine"] == "captions"


async def test_a_sandbox_bot_can_be_made_to_fail(plane: ControlPlane) -> None:
    one = await recorded(plane, sandbox={"transcription": "fail"})
    assert (await finished(plane, one)).end_reason is EndReason.TRANSCRIPTION_FAILED
    assert plane.speech.submitted == []


async def test_deleted_data_is_deleted_at_the_provider_too(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await finished(plane, one)
    plane.speech.forget_errors = [passing(), passing()]
    await plane.bots.delete_data(plane.team, one.id)
    assert await work_off(plane, one.id, Job.FORGET) == 3
    assert plane.speech.forgotten == ["job-1"]
    await plane.bots.delete_data(plane.team, one.id)
    assert plane.queue.of(Job.FORGET, one.id) == []


async def test_a_caller_can_leave_the_provider_its_copy(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await finished(plane, one)
    await plane.bots.delete_data(plane.team, one.id, from_provider=False)
    assert plane.queue.of(Job.FORGET, one.id) == []
    assert (await newest(plane, one.id)).provider_ids == ["job-1"]


async def test_a_provider_that_refuses_to_delete_is_not_asked_for_ever(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await finished(plane, one)
    plane.speech.forget_errors = [passing() for _ in range(100)]
    await plane.bots.delete_data(plane.team, one.id)
    assert await work_off(plane, one.id, Job.FORGET) == 12
    assert (await newest(plane, one.id)).forgotten_at is None


async def test_a_key_that_cannot_be_opened_any_more_fails_the_transcription(plane: ControlPlane) -> None:
    plane.speech.capabilities = Capabilities(needs_key=True)
    plane.use_transcription(ServerTranscription())
    sealed = SecretBox("of another server, which is gone now").seal("mine")
    one = await recorded(plane, transcription_config={"provider": "scripted", "api_key": sealed})
    row = await finished(plane, one)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.TRANSCRIPTION_FAILED)


async def test_a_job_that_got_lost_is_put_again(plane: ControlPlane) -> None:
    one = await recorded(plane)
    await plane.finaliser.finalise(one.id)
    found: list[int] = []
    for wait_s in (0, 1, 61):
        plane.queue.jobs.clear()
        await plane.clock.advance(wait_s)
        await plane.supervisor.sweep()
        found.append(len(plane.queue.of(Job.TRANSCRIBE, one.id)))
    assert found == [1, 0, 1]
