"""Queries on scheduled bots: those that are not sent yet, and what became of the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, func, or_, select
from sqlalchemy import cast as as_type
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.domain.schedule import ScheduleStatus
from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import BotRow, TeamRow


@dataclass(frozen=True, slots=True)
class ScheduleFilter:
    """What a list of scheduled bots is narrowed to; None or empty means no condition.

    Attributes:
        bot_name, bot_id, meeting_url: Case-insensitive parts.
        due_after, due_before: Both included.
        extra: All of these keys must hold exactly this text.
    """

    bot_name: str | None = None
    bot_id: str | None = None
    meeting_url: str | None = None
    due_after: datetime | None = None
    due_before: datetime | None = None
    platforms: frozenset[Platform] = frozenset()
    statuses: frozenset[ScheduleStatus] = frozenset()
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    sandbox_only: bool = False


class ScheduleRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, team_id: UUID, wanted: ScheduleFilter, request: PageRequest) -> Page[BotRow]:
        """Scheduled bots, the next one first."""
        query = select(BotRow).where(BotRow.team_id == team_id, BotRow.join_at.is_not(None), *_conditions(wanted))
        columns = (BotRow.join_at, BotRow.id)
        return await fetch_page(self._session, query, columns, request, _position, descending=False)

    async def claim_due(self, now: datetime, *, limit: int) -> Sequence[BotRow]:
        """Bots that are due, the longest first, locked; those that somebody else has locked are passed over."""
        query = select(BotRow).where(BotRow.state == BotState.SCHEDULED, BotRow.join_at <= now)
        query = query.order_by(BotRow.join_at).limit(limit).with_for_update(skip_locked=True)
        return (await self._session.scalars(query.execution_options(populate_existing=True))).all()

    async def next_due(self) -> datetime | None:
        """When the next bot is due; None if none is scheduled."""
        return await self._session.scalar(select(func.min(BotRow.join_at)).where(BotRow.state == BotState.SCHEDULED))

    async def teams(self, team_ids: Iterable[UUID]) -> Mapping[UUID, TeamRow]:
        found = await self._session.scalars(select(TeamRow).where(TeamRow.id.in_(set(team_ids))))
        return {team.id: team for team in found}


def _position(bot: BotRow) -> Position:
    return Position(cast("datetime", bot.join_at), bot.id)


def _conditions(wanted: ScheduleFilter) -> list[ColumnElement[bool]]:
    parts = (
        (BotRow.bot_name, wanted.bot_name),
        (BotRow.meeting_url, wanted.meeting_url),
        (as_type(BotRow.id, String), wanted.bot_id),
    )
    found: list[ColumnElement[bool]] = [column.icontains(part, autoescape=True) for column, part in parts if part]
    if wanted.sandbox_only:
        found.append(BotRow.is_sandbox.is_(True))
    if wanted.due_after:
        found.append(BotRow.join_at >= wanted.due_after)
    if wanted.due_before:
        found.append(BotRow.join_at <= wanted.due_before)
    if wanted.platforms:
        found.append(BotRow.platform.in_(list(wanted.platforms)))
    if wanted.statuses:
        found.append(or_(*(_became(status) for status in wanted.statuses)))
    found.extend(BotRow.extra[key].astext == value for key, value in wanted.extra.items())
    return found


def _became(status: ScheduleStatus) -> ColumnElement[bool]:
    match status:
        case ScheduleStatus.SENT:
            return BotRow.spawned_at.is_not(None)
        case ScheduleStatus.SCHEDULED:
            return BotRow.state == BotState.SCHEDULED
        case ScheduleStatus.CANCELLED:
            return and_(BotRow.state == BotState.CANCELLED, BotRow.spawned_at.is_(None))
        case ScheduleStatus.FAILED:
            gone = BotRow.state.not_in([BotState.SCHEDULED, BotState.CANCELLED])
            return and_(gone, BotRow.spawned_at.is_(None))
