"""The whole control plane in one process on a test database; all around it is fake: clock, launcher, assembler, ..."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from meetfleet.control.admission import Admission
from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.dispatch import Dispatcher, Site
from meetfleet.control.finaliser import Finaliser
from meetfleet.control.forgetting import Forgetting
from meetfleet.control.keys import Keys
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.link import Acknowledgement, LinkService
from meetfleet.control.link_events import LinkEvents
from meetfleet.control.login_desk import LoginDesk
from meetfleet.control.pictures import Pictures
from meetfleet.control.rejoin import NeverRejoin
from meetfleet.control.schedules import Schedules
from meetfleet.control.spawning import Spawner
from meetfleet.control.speech_source import SpeechSource
from meetfleet.control.supervision import Supervisor
from meetfleet.control.teams import Teams
from meetfleet.control.transcribing import Transcriber
from meetfleet.control.transcript_files import TranscriptFiles
from meetfleet.control.transcription_providers import ServerTranscription, TranscriptionProviders
from meetfleet.control.transcriptions import Transcriptions
from meetfleet.domain.link import BotSpec, EventType
from meetfleet.domain.meeting_url import Platform, parse_meeting_url
from meetfleet.fleet.capacity import Capacity
from meetfleet.storage.objects import ObjectStore
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotEventRow, BotRow, EventKind, SegmentRow, TeamRow
from meetfleet.store.wakeups import Wakeups
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RecordingAssembler, RememberingNotices, RememberingQueue, StubLauncher, StubWeb
from meetfleet.testing.objects import MemoryObjects
from meetfleet.testing.scripted_transcription import TranscriptionScript
from meetfleet.transcription.captions import Captions
from meetfleet.transcription.gladia import Gladia
from meetfleet.transcription.provider import SpeechToText
from meetfleet.transcription.registry import Providers
from meetfleet.transcription.sandbox_failure import SandboxFailure

MEETING = parse_meeting_url("https://meet.google.com/abc-defg-hij")
BUILT_IN: dict[str, type[SpeechToText]] = {"captions": Captions, "gladia": Gladia, "sandbox-failure": SandboxFailure}
GRACE_S = 1800.0
ROOMY = Capacity(cores=64, memory_bytes=1e12, free_memory_bytes=1e12)


class ControlPlane:
    """Its services, and shortcuts for tests.

    Attributes:
        room: What the dispatcher measures; set it to anything.
        team: The team that `new_bot` works for.
    """

    def __init__(self, database: Database, folder: Path, *, objects: ObjectStore | None = None) -> None:
        self.database = database
        self.folder = folder
        self.clock = ManualClock()
        self.queue = RememberingQueue()
        self.notices = RememberingNotices()
        self.objects = objects or MemoryObjects()
        self.assembler = RecordingAssembler()
        self.launcher = StubLauncher(folder)
        self.room = ROOMY
        self.team = TeamRow(name="people")
        self.lifecycle = Lifecycle(self.notices)
        self.keys = Keys(database, self.clock)
        self.teams = Teams(database, self.keys)
        self.wakeups = Wakeups(database.url, poll_s=0.2)
        self.transcriptions = Transcriptions(database, self.lifecycle, self.queue, self.clock)
        self.bots = Bots(database, self.lifecycle, self.queue, self.objects, self.clock)
        self.admission = Admission(self.clock)
        self.schedules = Schedules(database, self.lifecycle, self.bots, self.admission, self.clock)
        self.spawner = Spawner(
            database,
            self.lifecycle,
            self.queue,
            self.admission,
            self.wakeups,
            self.clock,
            grace_s=GRACE_S,
        )
        events = LinkEvents(self.lifecycle, self.notices, self.queue)
        self.link = LinkService(database, events, self.objects, self.assembler, self.wakeups, self.clock)
        self.web = StubWeb()
        self.pictures = Pictures(database, self.lifecycle, self.link, self.web, self.clock)
        self.dispatcher = Dispatcher(
            database,
            self.lifecycle,
            self.queue,
            self.launcher,
            lambda: self.room,
            Site("http://127.0.0.1:1/link"),
            self.clock,
            LoginDesk(capacity=2, signs_in=[Platform.GOOGLE_MEET]),
        )
        self.supervisor = Supervisor(
            database,
            self.lifecycle,
            self.queue,
            self.launcher,
            self.dispatcher,
            self.link,
            NeverRejoin(),
            self.clock,
        )
        self.finaliser = Finaliser(
            database,
            self.lifecycle,
            self.launcher,
            self.link,
            self.objects,
            self.assembler,
            self.transcriptions,
            self.clock,
        )
        self.speech = TranscriptionScript()
        self.box = SecretBox("k" * 40)
        self.use_transcription(ServerTranscription(default="scripted"))

    def use_transcription(self, server: ServerTranscription) -> None:
        """Has transcriptions done as this operator wants; `scripted` is a provider that does what `speech` says."""
        registry = Providers({**BUILT_IN, "scripted": self.speech.provider()})
        providers = TranscriptionProviders(registry, server, self.box)
        self.transcriber = Transcriber(
            self.database,
            self.lifecycle,
            self.queue,
            providers,
            SpeechSource(self.objects, self.folder),
            TranscriptFiles(self.objects),
            self.clock,
            chance=lambda: 0.0,
        )
        self.forgetting = Forgetting(self.database, self.queue, providers, self.clock)

    async def new_team(self, **changes: Any) -> TeamRow:
        team = TeamRow(name="people", **changes)
        async with self.database.transaction() as session:
            session.add(team)
        return team

    async def new_bot(self, **changes: Any) -> BotRow:
        """A queued bot."""
        given: dict[str, Any] = {"meeting": MEETING, "bot_name": "Notetaker", **changes}
        return await self.bots.create(self.team, NewBot(**given))

    async def started_bot(self, **changes: Any) -> "BotOnLink":
        """A bot whose process was started, and who can speak for itself. All others that wait are started, too."""
        bot = await self.new_bot(**changes)
        await self.dispatcher.place_waiting()
        spec = next(spec for spec in reversed(self.launcher.specs) if spec.bot_id == str(bot.id))
        return BotOnLink(self, spec)

    async def row(self, bot_id: UUID) -> BotRow:
        async with self.database.transaction() as session:
            bot = await BotRepository(session).get(bot_id)
            assert bot is not None
            return bot

    async def steps(self, bot_id: UUID) -> Sequence[BotEventRow]:
        """The steps of the lifecycle that were taken, without observations."""
        async with self.database.transaction() as session:
            return [e for e in await BotRepository(session).events(bot_id) if e.kind is EventKind.STATE]

    async def segments(self, bot_id: UUID) -> Sequence[SegmentRow]:
        async with self.database.transaction() as session:
            return await RecordingRepository(session, bot_id).segments()


class BotOnLink:
    """A bot's end of the link, without a process."""

    def __init__(self, plane: ControlPlane, spec: BotSpec) -> None:
        self._plane = plane
        self.spec = spec
        self.id = UUID(spec.bot_id)
        self.said: list[dict[str, Any]] = []

    def event(self, kind: EventType, data: Mapping[str, Any]) -> dict[str, Any]:
        """The next event, numbered but not sent."""
        event = {"n": len(self.said) + 1, "at_ns": self._plane.clock.now_ns(), "type": kind.value, "data": dict(data)}
        self.said.append(event)
        return event

    async def send(self, *events: Mapping[str, Any]) -> Acknowledgement:
        return await self._plane.link.report(self.id, self.spec.token, self.spec.take, events)

    async def tell(self, kind: EventType, **data: Any) -> Acknowledgement:
        return await self.send(self.event(kind, data))

    async def be(self, *states: str, **more: Any) -> None:
        """Reports states one after the other; further data goes with the last one."""
        for state in states:
            await self.tell(EventType.STATE, state=state, **(more if state == states[-1] else {}))

    async def beat(self, cpu_s: float = 1.0, memory_bytes: int = 100_000_000) -> None:
        await self.tell(EventType.HEARTBEAT, cpu_s=cpu_s, memory_bytes=memory_bytes)

    async def put(self, name: str, content: bytes, sha256: str | None = None) -> None:
        """Sends a segment."""
        digest = hashlib.sha256(content).hexdigest() if sha256 is None else sha256
        await self._plane.link.store_segment(self.id, self.spec.token, name, _pieces(content), digest)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 4):
        yield content[start : start + 4]
