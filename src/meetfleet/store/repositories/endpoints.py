"""Queries on webhook endpoints and on the notices that their owners get."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import EndpointRow, OwnerNoticeRow


class EndpointRepository:
    """Deleted endpoints are not found."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, endpoint: EndpointRow) -> EndpointRow:
        self._session.add(endpoint)
        await self._session.flush()
        return endpoint

    async def get(self, endpoint_id: UUID, *, team_id: UUID | None = None, lock: bool = False) -> EndpointRow | None:
        query = select(EndpointRow).where(EndpointRow.id == endpoint_id, EndpointRow.deleted_at.is_(None))
        if team_id is not None:
            query = query.where(EndpointRow.team_id == team_id)
        return await self._session.scalar(query.with_for_update() if lock else query)

    async def by_ids(self, ids: Sequence[UUID]) -> Sequence[EndpointRow]:
        query = select(EndpointRow).where(EndpointRow.id.in_(ids), EndpointRow.deleted_at.is_(None))
        return (await self._session.scalars(query)).all()

    async def of_team(self, team_id: UUID) -> Sequence[EndpointRow]:
        """Oldest first."""
        query = select(EndpointRow).where(EndpointRow.team_id == team_id, EndpointRow.deleted_at.is_(None))
        return (await self._session.scalars(query.order_by(EndpointRow.created_at))).all()

    async def page(self, team_id: UUID, request: PageRequest) -> Page[EndpointRow]:
        """Newest first."""
        query = select(EndpointRow).where(EndpointRow.team_id == team_id, EndpointRow.deleted_at.is_(None))
        columns = (EndpointRow.created_at, EndpointRow.id)
        return await fetch_page(self._session, query, columns, request, lambda row: Position(row.created_at, row.id))

    async def worked(self, ids: Sequence[UUID]) -> None:
        """These took a message: their clocks of failure stop."""
        query = update(EndpointRow).where(EndpointRow.id.in_(ids), EndpointRow.failing_since.is_not(None))
        await self._session.execute(query.values(failing_since=None))

    async def failed(self, ids: Sequence[UUID], at: datetime) -> None:
        """These took none: their clocks of failure run from now, if they did not run yet."""
        query = update(EndpointRow).where(EndpointRow.id.in_(ids), EndpointRow.failing_since.is_(None))
        await self._session.execute(query.values(failing_since=at))

    async def failing_since(self, ids: Sequence[UUID], before: datetime) -> Sequence[EndpointRow]:
        """Those of them that are on and have failed since before that moment, locked."""
        query = select(EndpointRow).where(
            EndpointRow.id.in_(ids), EndpointRow.enabled, EndpointRow.failing_since <= before
        )
        return (await self._session.scalars(query.with_for_update())).all()


class OwnerNoticeRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, notice: OwnerNoticeRow) -> OwnerNoticeRow:
        self._session.add(notice)
        await self._session.flush()
        return notice

    async def get(self, notice_id: UUID, team_id: UUID) -> OwnerNoticeRow | None:
        query = select(OwnerNoticeRow).where(OwnerNoticeRow.id == notice_id, OwnerNoticeRow.team_id == team_id)
        return await self._session.scalar(query)

    async def page(self, team_id: UUID, request: PageRequest, *, unread: bool = False) -> Page[OwnerNoticeRow]:
        """Newest first."""
        query = select(OwnerNoticeRow).where(OwnerNoticeRow.team_id == team_id)
        if unread:
            query = query.where(OwnerNoticeRow.read_at.is_(None))
        columns = (OwnerNoticeRow.created_at, OwnerNoticeRow.id)
        return await fetch_page(self._session, query, columns, request, lambda row: Position(row.created_at, row.id))
