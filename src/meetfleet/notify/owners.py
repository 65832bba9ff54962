"""Notices to the people behind a team: kept for the admin API and the command line; e-mail can hang on here later."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import NotFound
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.endpoints import OwnerNoticeRepository
from meetfleet.store.tables import OwnerNoticeRow, TeamRow
from meetfleet.store.times import utc

ENDPOINT_DISABLED = "endpoint_disabled"

log = structlog.get_logger()


class OwnerNotices:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tell(
        self, session: AsyncSession, team_id: UUID, kind: str, message: str, *, subject_id: UUID | None = None
    ) -> None:
        """Keeps a notice, in the caller's transaction, and logs it."""
        log.warning("owner_notice", kind=kind, team_id=str(team_id), subject_id=str(subject_id), message=message)
        row = OwnerNoticeRow(team_id=team_id, kind=kind, message=message, subject_id=subject_id, created_at=self._now())
        await OwnerNoticeRepository(session).add(row)

    async def page(self, team: TeamRow, request: PageRequest, *, unread: bool = False) -> Page[OwnerNoticeRow]:
        """Newest first."""
        async with self._database.transaction() as session:
            return await OwnerNoticeRepository(session).page(team.id, request, unread=unread)

    async def read(self, team: TeamRow, notice_id: UUID) -> OwnerNoticeRow:
        """Somebody has seen it. Raises NotFound (`notice_not_found`) for a foreign or unknown id."""
        async with self._database.transaction() as session:
            notice = await OwnerNoticeRepository(session).get(notice_id, team.id)
            if notice is None:
                raise NotFound(f"Notice '{notice_id}' not found", code="notice_not_found")
            notice.read_at = notice.read_at or self._now()
            return notice

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
