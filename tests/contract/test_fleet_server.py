"""The whole server as a child process, with bots that speak the real link: what happens when something is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from meetfleet.control.bots import NewBot
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import MeetingUrl, Platform
from meetfleet.foundation import Foundation
from meetfleet.settings import Settings
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotRow, TeamRow
from meetfleet.tape.reader import SegmentReader, TapeRecord
from meetfleet.testing.inbox import WebhookInbox

SEGMENT_S = 0.5


class ServerProcess:
    """A server child on a folder of its own; all tests of this module share it, and restart what they kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(data=folder / "data", allow_private_webhooks=True)
        self.process: subprocess.Popen[str]
        self.first_ready = self.start()
        self.ready = self.first_ready

    def start(self) -> dict[str, str]:
        environ = {
            **os.environ,
            "MEETFLEET_DATA": str(self.settings.data),
            "MEETFLEET_PORT": "0",
            "MEETFLEET_ALLOW_PRIVATE_WEBHOOKS": "true",
        }
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meetfleet.testing.fake_fleet_server"],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.folder / "server.log").read_text()[-3000:]
        self.ready = json.loads(line)
        return self.ready

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def clear_up(self) -> None:
        """Ends the server, and bots that failed tests left in their meetings."""
        if self.process.poll() is None:
            self.stop()
        for process in psutil.process_iter():
            try:
                if str(self.folder) in process.cwd():
                    process.kill()
            except psutil.Error:
                continue


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    child = ServerProcess(tmp_path_factory.mktemp("server"))
    yield child
    child.clear_up()


class Server:
    """The server, and a second pair of eyes on its database."""

    def __init__(self, child: ServerProcess, team: TeamRow, eyes: Foundation) -> None:
        self.child = child
        self.team = team
        self.eyes = eyes

    def kill(self) -> None:
        self.child.process.kill()
        self.child.process.wait()

    async def start(self) -> None:
        await asyncio.to_thread(self.child.start)

    async def stop(self) -> int:
        return await asyncio.to_thread(self.child.stop)

    async def send_bot(self, manner: str) -> UUID:
        meeting = MeetingUrl(f"https://meet.google.com/{manner}", Platform.GOOGLE_MEET, manner)
        return (await self.eyes.bots.create(self.team, NewBot(meeting=meeting, bot_name="Notetaker"))).id

    async def row(self, bot_id: UUID) -> BotRow:
        return await self.eyes.bots.get(self.team, bot_id)

    async def until(self, bot_id: UUID, true: Callable[[BotRow], bool], within_s: float = 60) -> BotRow:
        deadline = time.monotonic() + within_s
        while True:
            row = await self.row(bot_id)
            if true(row):
                return row
            assert time.monotonic() < deadline, f"still {row.state} {row.waiting_for}"
            await asyncio.sleep(0.05)

    async def recording_bot(self, manner: str = "meeting", segments: int = 2) -> UUID:
        """A bot that has shipped some of its tape."""
        bot_id = await self.send_bot(manner)
        await self.until(bot_id, lambda row: row.state is BotState.RECORDING and row.runner is not None)
        deadline = time.monotonic() + 30
        while len(await self.stored(bot_id)) < segments:
            assert time.monotonic() < deadline, "no segments arrive"
            await asyncio.sleep(0.05)
        return bot_id

    async def stored(self, bot_id: UUID) -> list[str]:
        async with self.eyes.database.transaction() as session:
            rows = await RecordingRepository(session, bot_id).segments()
            return [row.name for row in rows if row.stored_at is not None]

    async def words(self, bot_id: UUID) -> list[int]:
        """What stands on the stored tape: the fake bot counts."""
        found: list[int] = []
        for name in await self.stored(bot_id):
            segment = await self.eyes.objects.get(f"bots/{bot_id}/tape/{name}")
            for message in SegmentReader(segment).messages():
                assert isinstance(message, TapeRecord)
                found.append(int(message.record.message_id))  # type: ignore[union-attr]
        return found

    async def states(self, bot_id: UUID) -> list[BotState]:
        async with self.eyes.database.transaction() as session:
            events = await BotRepository(session).events(bot_id)
            return [e.state for e in events if e.kind == "state"]

    async def pid_of(self, bot_id: UUID) -> int:
        runner = (await self.row(bot_id)).runner
        assert runner is not None
        return runner["pid"]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.child.ready["url"] + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
async def server(child: ServerProcess) -> AsyncGenerator[Server]:
    if child.process.poll() is not None:
        await asyncio.to_thread(child.start)
    eyes = Foundation(child.settings)
    yield Server(child, await eyes.teams.default(), eyes)
    await eyes.database.close()


def counts_up(words: list[int]) -> bool:
    return words == list(range(1, len(words) + 1))


async def test_a_bot_is_placed_records_and_leaves_when_asked(server: Server):
    bot_id = await server.recording_bot()
    await server.eyes.bots.request_leave(server.team, bot_id)
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.API_REQUEST)
    assert row.duration_s is not None
    assert row.duration_s > SEGMENT_S
    assert counts_up(await server.words(bot_id))
    assert not (server.child.settings.work_dir / "bots" / str(bot_id)).exists()


async def test_a_killed_bot_process_ends_with_all_of_its_tape_but_the_last_moment(server: Server):
    bot_id = await server.recording_bot()
    before = len(await server.words(bot_id))
    os.kill(await server.pid_of(bot_id), signal.SIGKILL)
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.FORCE_KILLED)
    words = await server.words(bot_id)
    assert len(words) >= before > 0
    assert counts_up(words)
    assert row.manifest is not None
    assert row.manifest["segments"] == len(await server.stored(bot_id))


async def test_bots_carry_on_while_the_server_is_dead_and_the_next_one_catches_up(server: Server):
    bot_id = await server.recording_bot()
    pid, before = await server.pid_of(bot_id), len(await server.words(bot_id))
    server.kill()
    await asyncio.sleep(3 * SEGMENT_S)
    assert psutil.pid_exists(pid)
    await server.start()
    assert await server.pid_of(bot_id) == pid
    await server.eyes.bots.request_leave(server.team, bot_id)
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason, row.take) == (BotState.COMPLETED, EndReason.API_REQUEST, 1)
    words = await server.words(bot_id)
    assert counts_up(words)
    assert len(words) > before


async def test_a_bot_that_died_while_the_server_was_dead_is_finalised(server: Server):
    bot_id = await server.recording_bot()
    pid = await server.pid_of(bot_id)
    server.kill()
    os.kill(pid, signal.SIGKILL)
    await server.start()
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.RUNNER_LOST)
    assert counts_up(await server.words(bot_id))


async def test_a_meeting_that_ended_while_the_server_was_dead_is_told_as_it_was(server: Server):
    bot_id = await server.recording_bot("short", segments=1)
    server.kill()
    await asyncio.sleep(3)
    await server.start()
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.MEETING_ENDED)
    assert counts_up(await server.words(bot_id))
    expected = ["queued", "starting", "joining", "in_call", "recording", "leaving", "processing", "completed"]
    assert await server.states(bot_id) == expected


async def test_a_server_killed_while_it_finalises_still_tells_the_end_once(server: Server):
    with WebhookInbox() as inbox:
        await server.eyes.endpoints.add(server.team, inbox.url)
        bot_id = await server.recording_bot()
        await server.eyes.bots.request_leave(server.team, bot_id)
        await server.until(bot_id, lambda row: row.state is BotState.PROCESSING or row.state.is_final)
        server.kill()
        await server.start()
        row = await server.until(bot_id, lambda row: row.state.is_final)
        assert row.state is BotState.COMPLETED
        await asyncio.to_thread(inbox.wait_for, lambda d: d.event == "bot.completed", 60)
        ids = {d.headers.get("webhook-id") or d.headers.get("svix-id") for d in inbox.events("bot.completed")}
        assert len(ids) == 1


async def test_a_killed_database_is_started_again_and_nothing_is_lost(server: Server):
    bot_id = await server.recording_bot()
    (postmaster,) = [
        process
        for process in psutil.Process(server.child.process.pid).children()
        if process.name() == "postgres" or "postgres" in " ".join(process.cmdline()[:1])
    ]
    postmaster.kill()
    await asyncio.sleep(2 * SEGMENT_S)
    deadline = time.monotonic() + 60
    while server.get("/readyz")[0] != 200:
        assert time.monotonic() < deadline, server.get("/readyz")
        await asyncio.sleep(0.1)
    await server.eyes.bots.request_leave(server.team, bot_id)
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason) == (BotState.COMPLETED, EndReason.API_REQUEST)
    assert counts_up(await server.words(bot_id))
    assert server.child.process.poll() is None


async def test_a_bot_that_never_says_a_word_is_tried_again_and_then_fails(server: Server):
    bot_id = await server.send_bot("unborn")
    row = await server.until(bot_id, lambda row: row.state.is_final)
    assert (row.state, row.end_reason, row.take) == (BotState.FAILED, EndReason.INTERNAL_ERROR, 3)


async def test_the_server_stops_when_asked_and_leaves_its_bots_in_their_meetings(server: Server):
    bot_id = await server.recording_bot()
    pid = await server.pid_of(bot_id)
    postmasters = [p for p in psutil.Process(server.child.process.pid).children() if "postgres" in p.name()]
    assert await server.stop() == 0
    assert psutil.pid_exists(pid)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in postmasters)
    await server.start()
    await server.eyes.bots.request_leave(server.team, bot_id)
    assert (await server.until(bot_id, lambda row: row.state.is_final)).state is BotState.COMPLETED


async def test_nobody_else_can_look_into_what_is_kept(server: Server):
    data = server.child.settings.data
    await server.recording_bot("short", segments=1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir() if path.is_dir()}
    assert modes == {"objects": 0o700, "postgres": 0o711, "secrets": 0o700, "work": 0o700}
    assert data.stat().st_mode & 0o777 == 0o711
    kept = [p for p in (data / "objects").rglob("*") if p.is_file()]
    assert kept
    assert not [
        p for p in [*kept, data / "secrets" / "root.key", data / "postgres" / "cluster"] if p.stat().st_mode & 0o077
    ]


async def test_health_is_told_apart_from_readiness(server: Server):
    assert server.get("/healthz") == (200, '{"status":"ok"}')
    assert server.get("/readyz")[0] == 200


async def test_the_first_key_is_shown_once_and_the_port_is_kept(server: Server):
    first = server.child.first_ready
    assert first["api_key"].startswith("mf_live_")
    await server.stop()
    await server.start()
    assert server.child.ready["api_key"] is None
    assert server.child.ready["url"] == first["url"]
    assert first["api_key"] not in (server.child.folder / "server.log").read_text()
