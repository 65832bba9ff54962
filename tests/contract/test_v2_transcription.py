"""Transcription over the v2 API: the bodies, the files and the webhooks, judged by the published specification."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from v2_schemas import V2Schemas
from v2_world import ABSENT, TO_RECORDING, V2World

from meetfleet.artifacts.manifest import Manifest
from meetfleet.control.forgetting import Forgetting
from meetfleet.control.speech_source import SpeechSource
from meetfleet.control.transcribing import Transcriber
from meetfleet.control.transcript_files import TranscriptFiles
from meetfleet.control.transcription_providers import ServerTranscription, TranscriptionProviders
from meetfleet.notify.payloads import v2 as payloads
from meetfleet.store.jobs import Job
from meetfleet.store.recording import read_recording
from meetfleet.store.times import utc
from meetfleet.testing.control_plane import BUILT_IN
from meetfleet.testing.fake_gladia import FakeGladia
from meetfleet.transcription.registry import Providers

SAID = [(0, "Good morning everybody.", 1.0, 3.0), (1, "Hello Ada.", 10.5, 12.0), (0, "Who?", 40.0, 41.0)]
SPEAKERS = [
    {"speaker": "Ann", "user_id": 1, "start_time": 0.8, "end_time": 3.2},
    {"speaker": "Ben", "user_id": 2, "start_time": 10.0, "end_time": 12.5},
    {"speaker": "Unknown speaker", "user_id": None, "start_time": 39.5, "end_time": 41.5},
]
CAPTIONS = [
    {"speaker": "Ann", "language": "en-US", "text": "Good.", "words": [{"word": "Good.", "start": 1.0, "end": 1.5}]}
]
FILES = {
    "output.flac": b"fLaC",
    "speakers.json": json.dumps({"version": 1, "segments": SPEAKERS}).encode(),
    "captions.json": json.dumps({"version": 1, "lines": CAPTIONS}).encode(),
}


class Speaking:
    """The API together with what works transcriptions off."""

    def __init__(self, api: V2World, gladia: FakeGladia, scratch: Path) -> None:
        self.api = api
        self.gladia = gladia
        server = ServerTranscription(urls={"gladia": gladia.url})
        providers = TranscriptionProviders(Providers(BUILT_IN), server, api.box)
        self.transcriber = Transcriber(
            api.database,
            api.lifecycle,
            api.queue,
            providers,
            SpeechSource(api.objects, scratch),
            TranscriptFiles(api.objects),
            api.clock,
        )
        self.forgetting = Forgetting(api.database, api.queue, providers, api.clock)

    async def recorded(self, **body: Any) -> UUID:
        bot_id = await self.api.create(**body)
        manifest = Manifest(str(bot_id), "google_meet", "Notes", "1", 1, 1, "2026-01-01T00:00:00.000Z", 61.25)
        await self.api.finish(bot_id, {**FILES, "manifest.json": manifest.to_json().encode()})
        return bot_id

    async def again(self, bot_id: UUID, **request: Any) -> int:
        answer = await self.api.call("POST", f"/v2/bots/{bot_id}/retranscribe", **request)
        return answer.status_code

    async def work_off(self, bot_id: UUID) -> None:
        while self.api.queue.of(Job.TRANSCRIBE, bot_id):
            self.api.queue.jobs = [job for job in self.api.queue.jobs if job.subject != bot_id]
            await self.transcriber.transcribe(bot_id)

    async def status(self, bot_id: UUID) -> tuple[str, str]:
        data = (await self.api.call("GET", f"/v2/bots/{bot_id}/status")).json()["data"]
        return data["status"], data["transcription_status"]

    async def file(self, bot_id: UUID, field: str) -> Any:
        link = (await self.api.details(bot_id))[field]
        assert link is not None
        answer = await self.api.client.get(link)
        assert answer.headers["content-type"].startswith("application/json")
        return answer.json()

    def own_key(self, **more: Any) -> dict[str, Any]:
        return {"json": {"transcription": {"provider": "gladia", "api_key": self.gladia.key, **more}}}


@pytest.fixture
async def speaking(api: V2World, tmp_path: Path) -> AsyncIterator[Speaking]:
    with FakeGladia(utterances=SAID, polls=1) as gladia:
        yield Speaking(api, gladia, tmp_path)


async def check_files(speaking: Speaking, bot_id: UUID, judge: V2Schemas) -> None:
    for field, schema in (("transcription", "OutputTranscription"), ("raw_transcription", "RawTranscription")):
        if judge.schemas:
            judge.check_against(judge.schemas[schema], await speaking.file(bot_id, field))


async def test_a_bot_says_how_its_transcription_goes(speaking: Speaking, v2_schemas: V2Schemas) -> None:
    bot_id = await speaking.recorded(transcription_enabled=True)
    assert await speaking.status(bot_id) == ("completed", "not-started")
    assert await speaking.again(bot_id, **speaking.own_key()) == 200
    assert await speaking.status(bot_id) == ("transcribing", "queued")
    await speaking.transcriber.transcribe(bot_id)
    assert await speaking.status(bot_id) == ("transcribing", "processing")
    await speaking.work_off(bot_id)
    assert await speaking.status(bot_id) == ("completed", "done")
    shown = await speaking.api.details(bot_id)
    assert shown["transcription_provider"] == "gladia"
    assert shown["transcription_ids"] == list(speaking.gladia.jobs)
    await check_files(speaking, bot_id, v2_schemas)
    said = (await speaking.file(bot_id, "transcription"))["result"]["utterances"]
    assert [(u["speaker"], u["text"]) for u in said] == [
        ("Ann", "Good morning everybody."),
        ("Ben", "Hello Ada."),
        ("Unknown speaker", "Who?"),
    ]
    (raw,) = (await speaking.file(bot_id, "raw_transcription"))["transcriptions"]
    assert raw["engine"] == "gladia"
    assert [u["speaker"] for u in raw["transcription"]["utterances"]] == [0, 1, 0]


@pytest.mark.parametrize("request_", [{}, {"json": None}, {"json": {}}, {"json": {"transcription": {}}}])
async def test_no_body_null_and_empty_ones_all_begin(
    speaking: Speaking, v2_schemas: V2Schemas, request_: dict[str, Any]
) -> None:
    bot_id = await speaking.recorded()
    assert await speaking.status(bot_id) == ("completed", "not-applicable")
    assert await speaking.again(bot_id, **request_) == 200
    await speaking.work_off(bot_id)
    await check_files(speaking, bot_id, v2_schemas)
    raw = await speaking.file(bot_id, "raw_transcription")
    assert raw["transcriptions"][0]["engine"] == "captions"
    assert (await speaking.file(bot_id, "transcription"))["provider"] == "gladia"
    assert len((await speaking.api.details(bot_id))["transcription_ids"]) == 1


async def test_the_final_webhook_tells_of_the_transcript(speaking: Speaking, v2_schemas: V2Schemas) -> None:
    bot_id = await speaking.recorded()
    await speaking.again(bot_id)
    await speaking.work_off(bot_id)
    row = await speaking.api.row(bot_id)
    async with speaking.api.database.transaction() as session:
        recording = await read_recording(session, row)
    now = utc(speaking.api.clock.now_ns())
    body = payloads.completed(row, recording, speaking.api.signer.sign, now)
    v2_schemas.check_webhook(body)
    assert body["data"]["transcription"] is not None
    assert body["data"]["raw_transcription"] is not None
    assert body["data"]["transcription_provider"] == "gladia"
    assert len(body["data"]["transcription_ids"]) == 1


async def test_only_finished_bots_with_sound_can_be_transcribed_again(speaking: Speaking) -> None:
    running = await speaking.api.create()
    await speaking.api.step(running, *TO_RECORDING)
    assert await speaking.again(running) == 409
    silent = await speaking.api.create()
    await speaking.api.finish(silent, {})
    assert await speaking.again(silent) == 409
    bot_id = await speaking.recorded()
    assert await speaking.again(bot_id) == 200
    answer = await speaking.api.call("POST", f"/v2/bots/{bot_id}/retranscribe")
    assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
    assert "is: transcribing." in answer.json()["message"]
    assert await speaking.again(UUID(ABSENT)) == 404


async def test_a_request_that_does_not_fit_is_400(speaking: Speaking) -> None:
    bot_id = await speaking.recorded()
    for body in (
        {"transcription": {"provider": "oracle"}},
        {"transcription": {"api_key": 7}},
        {"transcription": []},
        7,
    ):
        assert await speaking.again(bot_id, json=body) == 400
    assert await speaking.status(bot_id) == ("completed", "not-applicable")


async def test_a_key_is_sealed_and_shown_nowhere(speaking: Speaking) -> None:
    bot_id = await speaking.recorded()
    await speaking.again(bot_id, **speaking.own_key(custom_params={"summarization": True}))
    await speaking.work_off(bot_id)
    assert speaking.gladia.key not in str(await speaking.api.details(bot_id))
    for field in ("transcription", "raw_transcription"):
        assert speaking.gladia.key not in str(await speaking.file(bot_id, field))
    (raw,) = (await speaking.file(bot_id, "raw_transcription"))["transcriptions"]
    assert raw["summarization"]["results"] == "In short."


async def test_a_failed_transcription_fails_the_bot_and_keeps_every_link(speaking: Speaking) -> None:
    bot_id = await speaking.recorded()
    before = await speaking.api.details(bot_id)
    speaking.gladia.error_code = 400
    await speaking.again(bot_id, **speaking.own_key())
    await speaking.work_off(bot_id)
    assert await speaking.status(bot_id) == ("failed", "error")
    shown = await speaking.api.details(bot_id)
    assert shown["error_code"] == "TRANSCRIPTION_FAILED"
    assert [name for name in ("audio", "transcription") if shown[name]] == ["audio"]
    assert (shown["duration_seconds"], shown["exited_at"]) == (before["duration_seconds"], before["exited_at"])
    assert (await speaking.api.client.get(shown["audio"])).content == FILES["output.flac"]
    speaking.gladia.error_code = None
    await speaking.again(bot_id)
    await speaking.work_off(bot_id)
    assert await speaking.status(bot_id) == ("completed", "done")
    assert (await speaking.api.details(bot_id))["error_code"] is None


@pytest.mark.parametrize(
    ("query", "asked"),
    [("", True), ("?delete_from_provider=false", False), ("?delete_transcription=false", False)],
)
async def test_deleted_data_is_deleted_at_the_provider_unless_the_caller_says_no(
    speaking: Speaking, query: str, asked: bool
) -> None:
    bot_id = await speaking.recorded()
    await speaking.again(bot_id, **speaking.own_key())
    await speaking.work_off(bot_id)
    answer = await speaking.api.call("DELETE", f"/v2/bots/{bot_id}/delete-data{query}")
    assert answer.status_code == 200
    if speaking.api.queue.of(Job.FORGET, bot_id):
        await speaking.forgetting.forget(bot_id)
    assert [job.is_deleted for job in speaking.gladia.jobs.values()] == [asked]
    shown = await speaking.api.details(bot_id)
    assert (shown["transcription"], shown["raw_transcription"], shown["transcription_ids"]) == (None, None, None)
    assert [key for key in speaking.api.objects.contents if str(bot_id) in key] == []
