"""Queries on webhook endpoints, messages and attempts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from meetfleet.store.tables import AttemptRow, EndpointRow, MessageRow, MessageStatus


class EndpointRepository:
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

    async def of_team(self, team_id: UUID) -> Sequence[EndpointRow]:
        query = select(EndpointRow).where(EndpointRow.team_id == team_id, EndpointRow.deleted_at.is_(None))
        return (await self._session.scalars(query.order_by(EndpointRow.created_at))).all()

    async def wanting(self, team_id: UUID, event: str) -> Sequence[EndpointRow]:
        """Enabled endpoints of a team that want this event."""
        return [e for e in await self.of_team(team_id) if e.enabled and (e.events is None or event in e.events)]


class MessageRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, message: MessageRow) -> MessageRow:
        self._session.add(message)
        await self._session.flush()
        return message

    async def get(self, message_id: UUID, *, lock: bool = False) -> MessageRow | None:
        query = select(MessageRow).where(MessageRow.id == message_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def claim(
        self, endpoint_id: UUID | None, bot_id: UUID | None, *, now: datetime, until: datetime
    ) -> MessageRow | None:
        """The next message for a receiver whose turn it is, reserved until `until`.

        A bot's messages are first tried in the order they were written, one at a time; those that failed before wait
        for no other and hold up none.

        Args:
            endpoint_id: An endpoint, or None for the callback of `bot_id`.
        """
        earlier = aliased(MessageRow)
        not_first = exists().where(
            earlier.endpoint_id.is_not_distinct_from(MessageRow.endpoint_id),
            earlier.bot_id == MessageRow.bot_id,
            earlier.number < MessageRow.number,
            earlier.status == MessageStatus.PENDING,
            earlier.attempt_count == 0,
        )
        query = (
            select(MessageRow)
            .where(
                MessageRow.endpoint_id.is_not_distinct_from(endpoint_id),
                MessageRow.status == MessageStatus.PENDING,
                MessageRow.next_attempt_at <= now,
                or_(MessageRow.attempt_count > 0, ~not_first),
                *([MessageRow.bot_id == bot_id] if endpoint_id is None else []),
            )
            .order_by(MessageRow.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = await self._session.scalar(query)
        if found is not None:
            found.next_attempt_at = until
        return found

    async def of_bot(self, bot_id: UUID) -> Sequence[MessageRow]:
        query = select(MessageRow).where(MessageRow.bot_id == bot_id).order_by(MessageRow.number)
        return (await self._session.scalars(query)).all()

    async def overdue(self, before: datetime) -> Sequence[MessageRow]:
        """Pending messages whose next attempt should have happened by now."""
        query = select(MessageRow).where(
            MessageRow.status == MessageStatus.PENDING, MessageRow.next_attempt_at < before
        )
        return (await self._session.scalars(query.limit(500))).all()

    async def add_attempt(self, attempt: AttemptRow) -> AttemptRow:
        self._session.add(attempt)
        await self._session.flush()
        return attempt

    async def attempts(self, message_id: UUID) -> Sequence[AttemptRow]:
        query = select(AttemptRow).where(AttemptRow.message_id == message_id).order_by(AttemptRow.number)
        return (await self._session.scalars(query)).all()
