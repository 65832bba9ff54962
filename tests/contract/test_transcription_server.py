"""The whole server with a provider on loopback: a transcription under way outlives the server that began it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from meetfleet.api.auth import KEY_HEADER
from meetfleet.artifacts.manifest import FileEntry
from meetfleet.control.assembly import artifact_row
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.foundation import Foundation
from meetfleet.settings import Settings
from meetfleet.storage.objects import artifact_key
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotRow
from meetfleet.testing.fake_gladia import FakeGladia
from meetfleet.testing.scripted_transcription import NEVER
from meetfleet.testing.stack import Service, start_server

SAID = [(0, "It is all still here.", 1.0, 3.0)]


@pytest.fixture
def gladia() -> Iterator[FakeGladia]:
    with FakeGladia(utterances=SAID, polls=NEVER) as served:
        yield served


@pytest.fixture
def server(tmp_path: Path, gladia: FakeGladia) -> Iterator[Service]:
    env = {
        "MEETFLEET_WARM_SPARES": "0",
        "MEETFLEET_TRANSCRIPTION": "gladia",
        "MEETFLEET_TRANSCRIPTION_KEYS": f"gladia={gladia.key}",
        "MEETFLEET_TRANSCRIPTION_URLS": f"gladia={gladia.url}",
    }
    with start_server(tmp_path, env=env) as service:
        yield service


@pytest.fixture
async def eyes(server: Service, tmp_path: Path) -> AsyncIterator[Foundation]:
    """A second look at the server's database and storage."""
    eyes = Foundation(Settings(data=tmp_path / "data"))
    yield eyes
    await eyes.database.close()


async def recorded_bot(eyes: Foundation) -> UUID:
    now = datetime.now(UTC)
    bot = BotRow(
        team_id=(await eyes.teams.default()).id,
        state=BotState.COMPLETED,
        end_reason=EndReason.NO_ATTENDEES,
        meeting_url="https://meet.google.com/abc-defg-hij",
        platform=Platform.GOOGLE_MEET,
        native_id="abc-defg-hij",
        bot_name="Notes",
        spawned_at=now,
        recording_started_at=now,
        ended_at=now,
        duration_s=30.0,
    )
    async with eyes.database.transaction() as session:
        await BotRepository(session).add(bot)
        await eyes.objects.put(artifact_key(str(bot.id), "output.flac"), b"fLaC and so on")
        entry = FileEntry("output.flac", "audio", "audio/flac", 14, "")
        await RecordingRepository(session, bot.id).save_artifact(artifact_row(bot.id, entry))
    return bot.id


async def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def test_a_server_that_is_killed_goes_on_with_the_job_that_the_provider_has(
    server: Service, eyes: Foundation, gladia: FakeGladia
) -> None:
    bot_id = await recorded_bot(eyes)
    async with httpx2.AsyncClient(base_url=server.ready["url"], headers={KEY_HEADER: server.ready["api_key"]}) as api:

        def status() -> str:
            answer = httpx2.get(f"{api.base_url}/v2/bots/{bot_id}/status", headers=api.headers)
            return answer.json()["data"]["transcription_status"]

        assert (await api.post(f"/v2/bots/{bot_id}/retranscribe")).status_code == 200
        await until(lambda: any(job.asked for job in gladia.jobs.values()), "no job was begun")
        server.kill()
        asked = max(job.asked for job in gladia.jobs.values())
        gladia.polls = 0
        await asyncio.to_thread(server.restart)
        await until(lambda: status() == "done", "the transcription did not go on")
        shown = (await api.get(f"/v2/bots/{bot_id}")).json()["data"]
        said = (await api.get(shown["transcription"])).json()
    (job,) = gladia.jobs.values()
    assert job.asked == asked + 1
    assert len(gladia.uploads) == 1
    assert [u["text"] for u in said["result"]["utterances"]] == ["It is all still here."]
    assert shown["status"] == "completed"
