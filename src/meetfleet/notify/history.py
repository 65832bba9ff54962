"""What was sent to an endpoint and how it went; sends it again, and sends tests."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import Event
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound
from meetfleet.notify.bell import Bell
from meetfleet.notify.endpoints import found_endpoint
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.messages import MessageFilter, MessageRepository
from meetfleet.store.tables import AttemptRow, EndpointRow, MessageRow, MessageStatus, TeamRow
from meetfleet.store.times import utc


class History:
    """All methods raise NotFound (`endpoint_not_found`, `message_not_found`) for foreign or unknown ids.

    A replay is a redelivery: the same message under the same id, rendered anew, from the foot of the ladder again.
    """

    def __init__(self, database: Database, bell: Bell, clock: Clock) -> None:
        self._database = database
        self._bell = bell
        self._clock = clock

    async def messages(
        self, team: TeamRow, endpoint_id: UUID, wanted: MessageFilter, request: PageRequest
    ) -> Page[MessageRow]:
        """Newest first."""
        async with self._database.transaction() as session:
            await found_endpoint(session, team, endpoint_id)
            return await MessageRepository(session).of_endpoint(endpoint_id, wanted, request)

    async def message(self, team: TeamRow, message_id: UUID) -> MessageRow:
        async with self._database.transaction() as session:
            return await _found(session, team, message_id)

    async def attempts(self, team: TeamRow, message_id: UUID) -> Sequence[AttemptRow]:
        """Oldest first."""
        async with self._database.transaction() as session:
            await _found(session, team, message_id)
            return await MessageRepository(session).attempts(message_id)

    async def replay(self, team: TeamRow, message_id: UUID) -> MessageRow:
        """Raises Conflict: `endpoint_disabled`, or `callback_message` for those that went to a bot's callback."""
        async with self._database.transaction() as session:
            message = await _found(session, team, message_id)
            if message.endpoint_id is None:
                raise Conflict("A callback is repeated with the bot's retry-callback.", code="callback_message")
            _require_enabled(await found_endpoint(session, team, message.endpoint_id))
            message.status, message.tries, message.next_attempt_at = MessageStatus.PENDING, 0, self._now()
            self._bell.ring(session, [message.lane])
            return message

    async def replay_failed(self, team: TeamRow, endpoint_id: UUID, since: datetime) -> int:
        """Replays all messages since then that were given up; says how many. Raises Conflict: `endpoint_disabled`."""
        async with self._database.transaction() as session:
            _require_enabled(await found_endpoint(session, team, endpoint_id))
            wanted = MessageFilter(status=MessageStatus.FAILED, since=since)
            count = await MessageRepository(session).replay(endpoint_id, wanted, self._now())
            self._bell.ring(session, [str(endpoint_id)])
            return count

    async def send_test(self, team: TeamRow, endpoint_id: UUID, event: str) -> MessageRow:
        """An example of the event, whether the endpoint wants it or not.

        Raises:
            InvalidRequest: there is no such event. Conflict: `endpoint_disabled`.
        """
        if event not in set(Event):
            raise InvalidRequest(f"Events are: {', '.join(Event)}.", code="invalid_events")
        now = self._now()
        async with self._database.transaction() as session:
            _require_enabled(await found_endpoint(session, team, endpoint_id))
            message = MessageRow(
                team_id=team.id,
                endpoint_id=endpoint_id,
                lane=str(endpoint_id),
                event=event,
                next_attempt_at=now,
                created_at=now,
            )
            self._bell.ring(session, [message.lane])
            return await MessageRepository(session).add(message)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def _found(session: AsyncSession, team: TeamRow, message_id: UUID) -> MessageRow:
    message = await MessageRepository(session).get(message_id)
    if message is None or message.team_id != team.id:
        raise NotFound(f"Message '{message_id}' not found", code="message_not_found")
    return message


def _require_enabled(endpoint: EndpointRow) -> None:
    if not endpoint.enabled:
        raise Conflict("The endpoint is switched off; switch it on first.", code="endpoint_disabled")
