"""Deletes recordings whose time is over: some days after their bot's end, as the plan says. Source: contract.md 9.6."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.bots import Bots, found_bot
from meetfleet.control.team_limits import limits_of_team
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import Conflict, InvalidRequest, MeetfleetError, NotFound
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.retention import ENDED, Kept, RetentionRepository
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import BotRow, HoldRow, TeamRow
from meetfleet.store.times import utc

BATCH = 100
"""Recordings that one job deletes; what is left over is the next job's."""
REASON_MAX_CHARS = 500
_DAY_S = 24 * 3600.0
_ALL = UUID(int=0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What retention does, or would do, to one team's recordings.

    Attributes:
        before: Recordings of bots that ended before it are due; None if they are kept for ever.
        due: How many those are.
    """

    team: TeamRow
    before: datetime | None
    kept: Kept
    due: int


class Retention:
    def __init__(self, database: Database, bots: Bots, queue: JobQueue, clock: Clock) -> None:
        self._database = database
        self._bots = bots
        self._queue = queue
        self._clock = clock

    async def run(self) -> None:
        """Has recordings looked through now, and then once a day. To be owned by the server's background."""
        while True:
            async with self._database.transaction() as session:
                await self._queue.enqueue(session, Job.RETAIN, _ALL, once=True)
            await self._clock.sleep(_DAY_S)

    async def sweep(self, subject: UUID = _ALL) -> None:
        """The job: deletes a batch, and puts itself again while more is due. Safe to repeat and to break off."""
        if await self.delete_due(BATCH) >= BATCH:
            async with self._database.transaction() as session:
                await self._queue.enqueue(session, Job.RETAIN, subject, once=True)

    async def delete_due(self, limit: int) -> int:
        """Deletes what is due, the oldest of each team first; says how many recordings that were, at most `limit`."""
        deleted = 0
        for team in await self._teams():
            for bot in await self._due(team, limit - deleted):
                deleted += await self._delete(team, bot.id)
        if deleted:
            log.info("retention_swept", deleted=deleted)
        return deleted

    async def outlook(self) -> Sequence[Outlook]:
        """Of each team, the oldest first; changes nothing."""
        return [await self._outlook(team) for team in await self._teams()]

    async def preview(self, limit: int) -> Sequence[BotRow]:
        """Whose recordings would be deleted now."""
        found: list[BotRow] = []
        for team in await self._teams():
            found += await self._due(team, limit - len(found))
        return found

    async def hold(self, team: TeamRow, bot_id: UUID, reason: str) -> HoldRow:
        """Protects a bot's recording, from now on whatever its age. A bot may have several holds.

        Raises:
            NotFound: `bot_not_found`. InvalidRequest: `invalid_hold`, without a reason.
            Conflict: `recording_deleted`, there is nothing left to protect.
        """
        if not 0 < len(reason.strip()) <= REASON_MAX_CHARS:
            raise InvalidRequest(f"A hold has a reason of 1 to {REASON_MAX_CHARS} characters.", code="invalid_hold")
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id, lock=True)
            if bot.artifacts_deleted_at is not None:
                raise Conflict(f"The recording of bot '{bot_id}' was deleted already.", code="recording_deleted")
            hold = HoldRow(bot_id=bot_id, reason=reason.strip(), created_at=self._now())
            return await RetentionRepository(session).add_hold(hold)

    async def holds(self, team: TeamRow, page: PageRequest) -> Page[HoldRow]:
        """Those in force, the newest first."""
        async with self._database.transaction() as session:
            return await RetentionRepository(session).page(team.id, page)

    async def release(self, team: TeamRow, hold_id: UUID) -> HoldRow:
        """Ends a hold; a repeat is fine. Raises NotFound (`hold_not_found`)."""
        async with self._database.transaction() as session:
            hold = await RetentionRepository(session).hold(team.id, hold_id)
            if hold is None:
                raise NotFound(f"Hold '{hold_id}' not found", code="hold_not_found")
            hold.released_at = hold.released_at or self._now()
            return hold

    async def release_all(self, team: TeamRow, bot_id: UUID) -> int:
        """Ends all holds on one bot; says how many those were. Raises NotFound (`bot_not_found`)."""
        async with self._database.transaction() as session:
            await found_bot(session, team, bot_id, lock=True)
            holds = await RetentionRepository(session).holds_of(bot_id)
            for hold in holds:
                hold.released_at = self._now()
            return len(holds)

    async def _delete(self, team: TeamRow, bot_id: UUID) -> bool:
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, lock=True)
            if bot is None or not await self._is_due(session, team, bot):
                return False
            await self._bots.erase(session, bot)
        log.info("recording_expired", bot_id=str(bot_id), team_id=str(team.id), ended_at=str(bot.ended_at))
        try:
            await self._bots.purge(bot_id)
        except MeetfleetError as error:
            # The purge job that `erase` put tries again until nothing is left.
            log.error("recording_not_purged", bot_id=str(bot_id), error=error.message)
        return True

    async def _is_due(self, session: AsyncSession, team: TeamRow, bot: BotRow) -> bool:
        """Asked again under the bot's lock, which a hold takes, too."""
        before = self._before(team)
        if before is None or bot.ended_at is None or bot.ended_at >= before or bot.state not in ENDED:
            return False
        if bot.artifacts_deleted_at is not None or bot.storage_config_id is not None:
            return False
        return not await RetentionRepository(session).holds_of(bot.id)

    async def _due(self, team: TeamRow, limit: int) -> Sequence[BotRow]:
        before = self._before(team)
        if before is None or limit <= 0:
            return ()
        async with self._database.transaction() as session:
            return await RetentionRepository(session).due(team.id, before, limit)

    async def _outlook(self, team: TeamRow) -> Outlook:
        before = self._before(team)
        async with self._database.transaction() as session:
            rows = RetentionRepository(session)
            due = 0 if before is None else await rows.count_due(team.id, before)
            return Outlook(team, before, await rows.kept(team.id), due)

    async def _teams(self) -> Sequence[TeamRow]:
        async with self._database.transaction() as session:
            return await TeamRepository(session).all()

    def _before(self, team: TeamRow) -> datetime | None:
        days = limits_of_team(team).retention_days
        return None if days is None else self._now() - timedelta(days=days)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
