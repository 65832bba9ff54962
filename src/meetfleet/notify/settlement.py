"""Writes down how attempts ended: many in one transaction when there are many, each at once when there are few."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.notify.owners import ENDPOINT_DISABLED, OwnerNotices
from meetfleet.store.database import Database
from meetfleet.store.repositories.endpoints import EndpointRepository
from meetfleet.store.repositories.messages import MessageRepository, SettledAttempt
from meetfleet.store.tables import EndpointRow, MessageStatus

PATIENCE = timedelta(days=5)
"""How long an endpoint may only fail until it is switched off. Source: contract.md 5.3."""
_AT_ONCE = 1000
_RETRY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ended:
    attempt: SettledAttempt
    endpoint_id: UUID | None
    written: Callable[[], None]


class Settlement:
    """Attempts that are not written yet are lost with the process: their messages are then simply due again."""

    def __init__(self, database: Database, owners: OwnerNotices) -> None:
        self._database = database
        self._owners = owners
        self._ended: list[_Ended] = []
        self._any = asyncio.Event()

    def add(self, attempt: SettledAttempt, endpoint_id: UUID | None, written: Callable[[], None]) -> None:
        """Args:
        written: Called once it is committed.
        """
        self._ended.append(_Ended(attempt, endpoint_id, written))
        self._any.set()

    async def run(self) -> None:
        """Writes until cancelled; the database may come and go."""
        while True:
            await self._any.wait()
            try:
                await self.flush()
            except (DBAPIError, PoolTimeout, OSError) as error:
                log.warning("settlement_delayed", waiting=len(self._ended), error=str(error).strip())
                await asyncio.sleep(_RETRY_S)

    async def flush(self) -> None:
        """Writes all there is now."""
        while self._ended:
            batch = self._batch()
            async with self._database.transaction() as session:
                await MessageRepository(session).settle([one.attempt for one in batch])
                await self._judge_endpoints(session, batch)
            del self._ended[: len(batch)]
            for one in batch:
                one.written()
        self._any.clear()

    def _batch(self) -> Sequence[_Ended]:
        """The oldest ones, up to the first that is about a message for the second time."""
        seen: set[UUID] = set()
        for index, one in enumerate(self._ended[:_AT_ONCE]):
            if one.attempt.message_id in seen:
                return self._ended[:index]
            seen.add(one.attempt.message_id)
        return self._ended[:_AT_ONCE]

    async def _judge_endpoints(self, session: AsyncSession, batch: Sequence[_Ended]) -> None:
        told = [one for one in batch if one.endpoint_id is not None]
        worked = {one.endpoint_id for one in told if one.attempt.status is MessageStatus.DELIVERED}
        failed = {one.endpoint_id for one in told} - worked
        endpoints = EndpointRepository(session)
        if worked:
            await endpoints.worked([one for one in worked if one is not None])
        if failed:
            ids = [one for one in failed if one is not None]
            at = max(one.attempt.at for one in told)
            await endpoints.failed(ids, at)
            for endpoint in await endpoints.failing_since(ids, at - PATIENCE):
                await self._switch_off(session, endpoint, at)

    async def _switch_off(self, session: AsyncSession, endpoint: EndpointRow, at: datetime) -> None:
        since = endpoint.failing_since or at
        endpoint.enabled = False
        endpoint.disabled_reason = f"every delivery failed since {since:%Y-%m-%d %H:%M} UTC"
        name = endpoint.name or str(endpoint.id)
        text = f"Webhook endpoint '{name}' was switched off: {endpoint.disabled_reason}."
        await self._owners.tell(session, endpoint.team_id, ENDPOINT_DISABLED, text, subject_id=endpoint.id)
