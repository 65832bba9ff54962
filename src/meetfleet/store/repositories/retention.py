"""Queries on recordings whose time is over, and on what protects them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.lifecycle import BotState
from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import BotRow, HoldRow

ENDED = (BotState.COMPLETED, BotState.FAILED)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many recordings of a team this server keeps, and how many of them are held."""

    kept: int
    held: int


class RetentionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, team_id: UUID, before: datetime, limit: int) -> Sequence[BotRow]:
        """Bots that ended before a moment, whose data is still there and not held; the oldest first."""
        query = select(BotRow).where(_kept(team_id), BotRow.ended_at < before, ~_held())
        return (await self._session.scalars(query.order_by(BotRow.ended_at).limit(limit))).all()

    async def count_due(self, team_id: UUID, before: datetime) -> int:
        query = select(func.count()).where(_kept(team_id), BotRow.ended_at < before, ~_held())
        return await self._session.scalar(query) or 0

    async def kept(self, team_id: UUID) -> Kept:
        query = select(func.count(), func.count().filter(_held())).where(_kept(team_id))
        kept, held = (await self._session.execute(query)).one()
        return Kept(kept, held)

    async def add_hold(self, hold: HoldRow) -> HoldRow:
        self._session.add(hold)
        await self._session.flush()
        return hold

    async def holds_of(self, bot_id: UUID) -> Sequence[HoldRow]:
        """Those in force on one bot, oldest first."""
        query = select(HoldRow).where(HoldRow.bot_id == bot_id, HoldRow.released_at.is_(None))
        return (await self._session.scalars(query.order_by(HoldRow.created_at, HoldRow.id))).all()

    async def hold(self, team_id: UUID, hold_id: UUID) -> HoldRow | None:
        """One hold on a bot of this team, locked, released ones too."""
        query = select(HoldRow).join(BotRow, BotRow.id == HoldRow.bot_id)
        query = query.where(HoldRow.id == hold_id, BotRow.team_id == team_id).with_for_update(of=HoldRow)
        return await self._session.scalar(query)

    async def page(self, team_id: UUID, request: PageRequest) -> Page[HoldRow]:
        """All holds in force on a team's bots, the newest first."""
        query = select(HoldRow).join(BotRow, BotRow.id == HoldRow.bot_id)
        query = query.where(BotRow.team_id == team_id, HoldRow.released_at.is_(None))
        columns = (HoldRow.created_at, HoldRow.id)
        return await fetch_page(self._session, query, columns, request, lambda h: Position(h.created_at, h.id))


def _kept(team_id: UUID) -> ColumnElement[bool]:
    """Not what lies in buckets of the team's own: that is the team's to keep or to delete."""
    return and_(
        BotRow.team_id == team_id,
        BotRow.artifacts_deleted_at.is_(None),
        BotRow.state.in_(ENDED),
        BotRow.storage_config_id.is_(None),
    )


def _held() -> ColumnElement[bool]:
    in_force = select(HoldRow.id).where(HoldRow.bot_id == BotRow.id, HoldRow.released_at.is_(None))
    return in_force.exists()
