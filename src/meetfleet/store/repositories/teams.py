"""Queries on teams and API keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import ApiKeyRow, TeamRow

_USED_GRANULARITY = timedelta(minutes=1)


class TeamRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, team_id: UUID, *, lock: bool = False) -> TeamRow | None:
        return await self._session.get(TeamRow, team_id, with_for_update=lock or None)

    async def first(self) -> TeamRow | None:
        """The oldest team: the one made at first start."""
        return await self._session.scalar(select(TeamRow).order_by(TeamRow.created_at, TeamRow.id).limit(1))

    async def all(self) -> Sequence[TeamRow]:
        """The oldest first."""
        return (await self._session.scalars(select(TeamRow).order_by(TeamRow.created_at, TeamRow.id))).all()

    async def page(self, request: PageRequest) -> Page[TeamRow]:
        """The newest first."""
        columns = (TeamRow.created_at, TeamRow.id)
        return await fetch_page(
            self._session, select(TeamRow), columns, request, lambda t: Position(t.created_at, t.id)
        )

    async def add(self, team: TeamRow) -> TeamRow:
        self._session.add(team)
        await self._session.flush()
        return team

    async def lock_creation(self) -> None:
        """Held to the end of the transaction: one process at a time makes the first team."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('first team', 0))"))


class KeyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKeyRow) -> ApiKeyRow:
        self._session.add(key)
        await self._session.flush()
        return key

    async def by_hash(self, sha256: str) -> tuple[ApiKeyRow, TeamRow | None] | None:
        """The key of this hash, unless revoked, and the team that it belongs to, if it is not an admin key."""
        query = select(ApiKeyRow, TeamRow).outerjoin(TeamRow, TeamRow.id == ApiKeyRow.team_id)
        query = query.where(ApiKeyRow.sha256 == sha256, ApiKeyRow.revoked_at.is_(None))
        found = (await self._session.execute(query)).one_or_none()
        return None if found is None else (found[0], found[1])

    async def of_team(self, team_id: UUID | None) -> Sequence[ApiKeyRow]:
        """A team's keys, oldest first; for None the admin keys."""
        query = select(ApiKeyRow).where(ApiKeyRow.team_id.is_not_distinct_from(team_id)).order_by(ApiKeyRow.created_at)
        return (await self._session.scalars(query)).all()

    async def page(self, team_id: UUID | None, request: PageRequest) -> Page[ApiKeyRow]:
        """The same, newest first and page by page."""
        query = select(ApiKeyRow).where(ApiKeyRow.team_id.is_not_distinct_from(team_id))
        columns = (ApiKeyRow.created_at, ApiKeyRow.id)
        return await fetch_page(self._session, query, columns, request, lambda key: Position(key.created_at, key.id))

    async def matching(self, team_id: UUID | None, prefix_or_id: str) -> Sequence[ApiKeyRow]:
        """Unrevoked keys whose id is, or whose shown prefix starts with, the given text."""
        keys = await self.of_team(team_id)
        return [
            k for k in keys if k.revoked_at is None and (str(k.id) == prefix_or_id or k.prefix.startswith(prefix_or_id))
        ]

    async def touch(self, key: ApiKeyRow, now: datetime) -> None:
        """Remembers the last use, to the minute: a write on every request would be waste."""
        due = now - _USED_GRANULARITY
        if key.last_used_at is None or key.last_used_at < due:
            # Asked again in the statement: of many requests at that moment one writes.
            stale = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < due)
            await self._session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key.id, stale).values(last_used_at=now))
