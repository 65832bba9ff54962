"""Sends scheduled bots when they are due: each exactly once, however many servers look."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.admission import Admission, Refusal
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.schedules import SPAWNERS
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.schedules import ScheduleRepository
from meetfleet.store.tables import BotRow, TeamRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import Wakeups

BATCH = 50
LOOK_AGAIN_S = 2.0
_CONTENDED_S = 0.05
_PAUSE_S = 1.0

log = structlog.get_logger()


class Spawner:
    """Run `run` on every server. What is due is claimed under row locks that others pass over.

    Args:
        grace_s: How late a bot is sent after all, if no server was there in time; beyond that it fails.
    """

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        queue: JobQueue,
        admission: Admission,
        wakeups: Wakeups,
        clock: Clock,
        *,
        grace_s: float,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._admission = admission
        self._wakeups = wakeups
        self._clock = clock
        self._grace = timedelta(seconds=grace_s)

    async def run(self) -> None:
        """Sends bots until cancelled. Sleeps until the next one is due, or is woken when one comes in for soon."""
        while True:
            with self._wakeups.watching(SPAWNERS) as watch:
                try:
                    await self.send_due()
                    idle_s = await self._idle_s()
                except (DBAPIError, PoolTimeout, OSError) as error:
                    log.error("spawning_interrupted", error=str(error).splitlines()[0])
                    idle_s = _PAUSE_S
                await watch.wait(idle_s)

    async def send_due(self) -> int:
        """Sends all bots that are due and that nobody else is sending; says how many were looked at."""
        seen = 0
        while batch := await self._send_batch():
            seen += batch
        return seen

    async def _send_batch(self) -> int:
        """One transaction: a server that dies in it has sent nothing."""
        ids: list[UUID] = []
        try:
            async with self._database.transaction() as session:
                due = await ScheduleRepository(session).claim_due(self._now(), limit=BATCH)
                ids = [bot.id for bot in due]
                await self._send(session, due)
        except (OperationalError, PoolTimeout, OSError):
            raise
        except Exception as error:
            # One bot that cannot be sent must not hold up the others.
            log.error("batch_not_sent", bots=len(ids), exc_info=error)
            for bot_id in ids:
                await self._send_alone(bot_id)
        return len(ids)

    async def _send_alone(self, bot_id: UUID) -> None:
        """One bot of a batch that failed; the one at fault ends, so that nobody stumbles over it again."""
        try:
            async with self._database.transaction() as session:
                await self._send(session, await self._still_scheduled(session, bot_id))
        except (OperationalError, PoolTimeout, OSError):
            raise
        except Exception as error:  # the outermost loop of a bot: it ends with INTERNAL_ERROR
            log.error("bot_not_sent", bot_id=str(bot_id), exc_info=error)
            async with self._database.transaction() as session:
                for bot in await self._still_scheduled(session, bot_id):
                    await self._fail(session, bot, EndReason.INTERNAL_ERROR, "The bot could not be sent.")

    async def _still_scheduled(self, session: AsyncSession, bot_id: UUID) -> Sequence[BotRow]:
        bot = await BotRepository(session).get(bot_id, lock=True)
        return [bot] if bot is not None and bot.state is BotState.SCHEDULED else []

    async def _send(self, session: AsyncSession, due: Sequence[BotRow]) -> None:
        teams = await ScheduleRepository(session).teams(bot.team_id for bot in due)
        # Checks lock the team, then the meeting: in one order everywhere, lest two servers wait for each other.
        in_order = sorted(due, key=lambda bot: (bot.team_id, bot.meeting_url, bot.id))
        sent = [bot for bot in in_order if await self._may_go(session, teams[bot.team_id], bot)]
        await self._lifecycle.advance_all(session, sent, BotState.QUEUED, at=self._now(), cause="schedule")
        for bot in sent[:1]:
            # One job is enough: it places everybody who waits.
            await self._queue.enqueue(session, Job.DISPATCH, bot.id, once=True)

    async def _may_go(self, session: AsyncSession, team: TeamRow, bot: BotRow) -> bool:
        assert bot.join_at is not None
        now = self._now()
        if now - bot.join_at > self._grace:
            await self._fail(session, bot, EndReason.SCHEDULE_MISSED, f"Found {now - bot.join_at} after it was due.")
            return False
        try:
            await self._admission.check(session, team, bot)
        except Refusal as refusal:
            await self._fail(session, bot, refusal.end_reason, refusal.message)
            return False
        bot.spawned_at = now
        return True

    async def _fail(self, session: AsyncSession, bot: BotRow, reason: EndReason, detail: str) -> None:
        await self._lifecycle.advance(
            session, bot, BotState.FAILED, at=self._now(), cause="schedule", reason=reason, detail=detail
        )

    async def _idle_s(self) -> float:
        """How long there is nothing to do. Who is overdue is in somebody else's hands, but only for a moment."""
        async with self._database.transaction() as session:
            due = await ScheduleRepository(session).next_due()
        if due is None:
            return LOOK_AGAIN_S
        return min(LOOK_AGAIN_S, max(_CONTENDED_S, (due - self._now()).total_seconds()))

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
