"""Fakes of the control plane's seams: they remember what they were told, and do what a test scripts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.errors import ProviderError, RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import BotSpec
from meetfleet.fleet.launcher import RunnerHandle, RunnerState, RunnerStatus
from meetfleet.outside.guarded_fetch import Fetched
from meetfleet.store.jobs import Job
from meetfleet.store.tables import BotEventRow, BotRow, ChatMessageRow


@dataclass(frozen=True, slots=True)
class Enqueued:
    job: Job
    subject: UUID
    at: datetime | None


@dataclass(slots=True)
class RememberingQueue:
    """Keeps what was enqueued; nothing runs."""

    jobs: list[Enqueued] = field(default_factory=list[Enqueued])

    async def enqueue(
        self, session: AsyncSession, job: Job, subject: UUID, *, at: datetime | None = None, once: bool = False
    ) -> None:
        found = Enqueued(job, subject, at)
        if not (once and found in self.jobs):
            self.jobs.append(found)

    def of(self, job: Job, subject: UUID) -> list[Enqueued]:
        return [e for e in self.jobs if e.job is job and e.subject == subject]


@dataclass(slots=True)
class RememberingNotices:
    """Keeps what would have been told, per bot and in order."""

    told: list[tuple[UUID, str]] = field(default_factory=list[tuple[UUID, str]])

    async def status_changed(self, session: AsyncSession, steps: Sequence[tuple[BotRow, BotEventRow]]) -> None:
        self.told += [(bot.id, event.state.value) for bot, event in steps]

    async def bot_completed(self, session: AsyncSession, bot: BotRow) -> None:
        self.told.append((bot.id, "bot.completed"))

    async def bot_failed(self, session: AsyncSession, bot: BotRow) -> None:
        self.told.append((bot.id, "bot.failed"))

    async def chat_message(self, session: AsyncSession, bot: BotRow, message: ChatMessageRow) -> None:
        self.told.append((bot.id, f"chat: {message.text}"))

    def of(self, bot_id: UUID) -> list[str]:
        return [what for bot, what in self.told if bot == bot_id]

    def states(self, bot_id: UUID) -> list[BotState]:
        return [BotState(what) for what in self.of(bot_id) if what in set(BotState)]


@dataclass(slots=True)
class RecordingAssembler:
    """Makes nothing; its manifest lists the segments it heard of.

    Attributes:
        failures: How many calls of `finish` fail before one succeeds.
        manifest: Given instead of the list of segments.
    """

    segments: dict[UUID, list[str]] = field(default_factory=dict[UUID, list[str]])
    finished: list[UUID] = field(default_factory=list[UUID])
    failures: int = 0
    manifest: Mapping[str, Any] | None = None

    async def segment_stored(self, bot_id: UUID, name: str) -> None:
        self.segments.setdefault(bot_id, []).append(name)

    async def finish(self, bot_id: UUID) -> Mapping[str, Any]:
        if self.failures > 0:
            self.failures -= 1
            raise RunnerError("The scripted assembler fails.")
        self.finished.append(bot_id)
        return self.manifest or {"segments": sorted(self.segments.get(bot_id, []))}


@dataclass(slots=True)
class StubWeb:
    """The internet: bodies by their URL; any other URL cannot be fetched."""

    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])

    async def get(self, url: str, *, max_bytes: int, schemes: Collection[str]) -> Fetched:
        if url not in self.bodies:
            raise ProviderError("The answer was 404.", code="fetch_status")
        return Fetched(self.bodies[url], "", url)


class StubLauncher:
    """Starts nothing: a test says how each process is.

    Attributes:
        specs: What was started, in order.
        refusing: While set, `start` fails with these words.
    """

    def __init__(self, folder: Path, host: str = "stub") -> None:
        self._folder = folder
        self._host = host
        self._statuses: dict[int, RunnerStatus] = {}
        self.specs: list[BotSpec] = []
        self.stopped: list[int] = []
        self.refusing: str | None = None

    @property
    def owner(self) -> str:
        return f"stub@{self._host}"

    def work_dir(self, bot_id: str, take: int) -> Path:
        return self._folder / "bots" / bot_id / f"take-{take}"

    async def start(self, spec: BotSpec) -> RunnerHandle:
        if self.refusing is not None:
            raise RunnerError(self.refusing)
        self.specs.append(spec)
        pid = len(self.specs)
        self._statuses[pid] = RunnerStatus(RunnerState.ALIVE)
        return RunnerHandle(self._host, pid, float(pid), spec.work_dir)

    def end(self, bot_id: UUID, status: RunnerStatus) -> None:
        """From now on the newest process of the bot is in this state."""
        self._statuses[self.pid_of(bot_id)] = status

    def pid_of(self, bot_id: UUID) -> int:
        return max(pid for pid, spec in enumerate(self.specs, start=1) if spec.bot_id == str(bot_id))

    async def adopt(self, handle: RunnerHandle) -> RunnerStatus:
        return self.status(handle)

    def status(self, handle: RunnerHandle) -> RunnerStatus:
        if handle.host != self._host:
            return RunnerStatus(RunnerState.FOREIGN)
        return self._statuses.get(handle.pid, RunnerStatus(RunnerState.GONE))

    def handle_left_in(self, work_dir: Path) -> RunnerHandle | None:
        return None

    async def ended(self, handle: RunnerHandle, *, within_s: float) -> bool:
        return self.status(handle).state is not RunnerState.ALIVE

    async def stop(self, handle: RunnerHandle, *, grace_s: float) -> None:
        if self.status(handle).state is RunnerState.ALIVE:
            self.stopped.append(handle.pid)
            self._statuses[handle.pid] = RunnerStatus(RunnerState.EXITED, exit_code=0)
