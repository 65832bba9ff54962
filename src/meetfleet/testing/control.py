"""Fakes of the control plane's seams: a job queue and notices that remember."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.lifecycle import BotState
from meetfleet.store.jobs import Job
from meetfleet.store.tables import BotEventRow, BotRow, ChatMessageRow


@dataclass(frozen=True, slots=True)
class Enqueued:
    job: Job
    subject: UUID
    at: datetime | None
    lane: str | None = None


@dataclass(slots=True)
class RememberingQueue:
    """Keeps what was enqueued; nothing runs."""

    jobs: list[Enqueued] = field(default_factory=list[Enqueued])

    async def enqueue(
        self,
        session: AsyncSession,
        job: Job,
        subject: UUID,
        *,
        at: datetime | None = None,
        once: bool = False,
        lane: str | None = None,
    ) -> None:
        found = Enqueued(job, subject, at, lane)
        if not (once and found in self.jobs):
            self.jobs.append(found)

    def of(self, job: Job, subject: UUID) -> list[Enqueued]:
        return [e for e in self.jobs if e.job is job and e.subject == subject]


@dataclass(slots=True)
class RememberingNotices:
    """Keeps what would have been told, per bot and in order."""

    told: list[tuple[UUID, str]] = field(default_factory=list[tuple[UUID, str]])

    async def status_changed(self, session: AsyncSession, bot: BotRow, event: BotEventRow) -> None:
        self.told.append((bot.id, event.state.value))

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
