"""Queries on messages and their attempts. Those of the delivery work on many rows at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import AttemptRow, BotRow, MessageRow, MessageStatus

# Version 7, so that ids sort by time as those made in Python do. Source: RFC 9562 section 5.7.
_UUID7 = (
    "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send("
    "floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid"
)
_FAN_OUT = text(
    "INSERT INTO messages (id, team_id, bot_id, endpoint_id, lane, event, context, status, attempt_count, tries,"
    " next_attempt_at, created_at)"
    f" SELECT {_UUID7}, team_id, CAST(:bot_id AS uuid), id, id::text, CAST(:event AS text), :context, 'pending', 0, 0,"
    " CAST(:now AS timestamptz), CAST(:now AS timestamptz)"
    " FROM endpoints WHERE team_id = :team_id AND enabled AND deleted_at IS NULL"
    " AND (events IS NULL OR events @> to_jsonb(CAST(:event AS text)))"
    " ORDER BY created_at RETURNING lane"
).bindparams(bindparam("context", type_=JSONB))
# Steps of bots whose teams have an endpoint for the event; of most bots there is nobody who wants to know.
_STEPS_TO_TELL = text(
    "SELECT e.bot_id, e.n, e.state, e.reason FROM bot_events e JOIN bots b ON b.id = e.bot_id"
    " WHERE e.bot_id = ANY(CAST(:bot_ids AS uuid[])) AND e.kind = 'state' AND EXISTS"
    " (SELECT FROM endpoints WHERE team_id = b.team_id AND enabled AND deleted_at IS NULL"
    " AND (events IS NULL OR events @> to_jsonb(CAST(:event AS text)))) ORDER BY e.bot_id, e.n"
)
_DUE = text(
    "SELECT m.id, m.number, m.lane, m.endpoint_id, m.bot_id, m.event, m.context, m.tries,"
    " b.options->>'event_id' AS event_id, b.extra"
    " FROM unnest(CAST(:lanes AS text[]), CAST(:rooms AS int[])) AS wanted(lane, room)"
    " CROSS JOIN LATERAL (SELECT * FROM messages WHERE lane = wanted.lane AND status = 'pending'"
    " AND next_attempt_at <= :now AND id <> ALL(CAST(:held AS uuid[]))"
    " ORDER BY next_attempt_at, number LIMIT wanted.room) m"
    " LEFT JOIN bots b ON b.id = m.bot_id ORDER BY m.number"
)
# Steps from lane to lane instead of reading every pending message, of which a dead endpoint can have many.
_DUE_LANES = text(
    "WITH RECURSIVE lanes AS ((SELECT lane FROM messages WHERE status = 'pending' ORDER BY lane LIMIT 1)"
    " UNION ALL SELECT (SELECT m.lane FROM messages m WHERE m.status = 'pending' AND m.lane > lanes.lane"
    " ORDER BY m.lane LIMIT 1) FROM lanes WHERE lanes.lane IS NOT NULL)"
    " SELECT lane FROM lanes WHERE EXISTS (SELECT 1 FROM messages m WHERE m.lane = lanes.lane"
    " AND m.status = 'pending' AND m.next_attempt_at <= :now)"
)
_SETTLE = text(
    "WITH settled AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:tries AS int[]),"
    " CAST(:nexts AS timestamptz[]), CAST(:ats AS timestamptz[]), CAST(:urls AS text[]), CAST(:codes AS int[]),"
    " CAST(:errors AS text[]), CAST(:responses AS text[]), CAST(:durations AS bigint[]))"
    " AS s(id, status, tries, next_at, at, url, code, error, response, duration_ms)),"
    " changed AS (UPDATE messages m SET status = s.status, tries = s.tries, next_attempt_at = s.next_at,"
    " attempt_count = m.attempt_count + 1,"
    " delivered_at = CASE WHEN s.status = 'delivered' THEN s.at ELSE m.delivered_at END"
    " FROM settled s WHERE m.id = s.id"
    " RETURNING m.id, m.attempt_count, s.at, s.url, s.code, s.error, s.response, s.duration_ms)"
    " INSERT INTO attempts (message_id, number, at, url, status_code, error, response, duration_ms)"
    " SELECT * FROM changed"
)


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message whose turn it is, with what its bot says in every event.

    Attributes:
        tries: On the present ladder, so far.
    """

    id: UUID
    number: int
    lane: str
    endpoint_id: UUID | None
    bot_id: UUID | None
    event: str
    context: Mapping[str, Any] = field(repr=False)
    tries: int
    event_id: str | None
    extra: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SettledAttempt:
    """An attempt, and what becomes of its message.

    Attributes:
        next_at: When it is tried again; None if it was delivered or given up.
    """

    message_id: UUID
    status: MessageStatus
    tries: int
    next_at: datetime | None
    at: datetime
    url: str
    status_code: int | None
    error: str | None
    response: str | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a history is narrowed to; None means no condition."""

    status: MessageStatus | None = None
    event: str | None = None
    since: datetime | None = None
    bot_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PastStep:
    """One step of a bot's life: number of its event, state, and why the life ended if it was known by then."""

    n: int
    state: BotState
    reason: EndReason | None


class MessageRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, message: MessageRow) -> MessageRow:
        self._session.add(message)
        await self._session.flush()
        return message

    async def fan_out(self, bot: BotRow, event: str, context: Mapping[str, Any], now: datetime) -> Sequence[str]:
        """One message for each enabled endpoint of the bot's team that wants the event; gives their lanes."""
        values = {"bot_id": bot.id, "team_id": bot.team_id, "event": event, "context": dict(context), "now": now}
        return (await self._session.scalars(_FAN_OUT, values)).all()

    async def steps_to_tell(self, bot_ids: Sequence[UUID], event: str) -> Mapping[UUID, Sequence[PastStep]]:
        """All steps of those bots whose team has an enabled endpoint that wants the event, each bot's in order."""
        steps: dict[UUID, list[PastStep]] = {}
        for bot_id, n, state, reason in await self._session.execute(
            _STEPS_TO_TELL, {"bot_ids": list(bot_ids), "event": event}
        ):
            step = PastStep(n, BotState(state), None if reason is None else EndReason(reason))
            steps.setdefault(bot_id, []).append(step)
        return steps

    async def get(self, message_id: UUID) -> MessageRow | None:
        return await self._session.get(MessageRow, message_id)

    async def of_bot(self, bot_id: UUID) -> Sequence[MessageRow]:
        query = select(MessageRow).where(MessageRow.bot_id == bot_id).order_by(MessageRow.number)
        return (await self._session.scalars(query)).all()

    async def attempts(self, message_id: UUID) -> Sequence[AttemptRow]:
        query = select(AttemptRow).where(AttemptRow.message_id == message_id).order_by(AttemptRow.number)
        return (await self._session.scalars(query)).all()

    async def of_endpoint(self, endpoint_id: UUID, wanted: MessageFilter, request: PageRequest) -> Page[MessageRow]:
        """An endpoint's history, newest first."""
        query = select(MessageRow).where(MessageRow.endpoint_id == endpoint_id, *_conditions(wanted))
        columns = (MessageRow.created_at, MessageRow.id)
        return await fetch_page(self._session, query, columns, request, lambda row: Position(row.created_at, row.id))

    async def replay(self, endpoint_id: UUID, wanted: MessageFilter, now: datetime) -> int:
        """Puts an endpoint's messages of these kinds at the foot of their ladders again; says how many."""
        query = update(MessageRow).where(MessageRow.endpoint_id == endpoint_id, *_conditions(wanted))
        done = await self._session.execute(query.values(status=MessageStatus.PENDING, tries=0, next_attempt_at=now))
        assert isinstance(done, CursorResult)
        return done.rowcount

    async def due_lanes(self, now: datetime) -> Sequence[str]:
        return (await self._session.scalars(_DUE_LANES, {"now": now})).all()

    async def due(self, rooms: Mapping[str, int], held: Sequence[UUID], now: datetime) -> Sequence[DueMessage]:
        """Messages that may be tried now, in the order they were written.

        Args:
            rooms: How many are wanted of each lane at most.
            held: Those that are under way already.
        """
        values = {"lanes": list(rooms), "rooms": list(rooms.values()), "held": list(held), "now": now}
        return [DueMessage(*row) for row in await self._session.execute(_DUE, values)]

    async def settle(self, attempts: Sequence[SettledAttempt]) -> None:
        """Writes the history of these attempts, at most one a message, and moves their messages on."""
        columns: dict[str, list[Any]] = {
            "ids": [a.message_id for a in attempts],
            "statuses": [a.status.value for a in attempts],
            "tries": [a.tries for a in attempts],
            "nexts": [a.next_at for a in attempts],
            "ats": [a.at for a in attempts],
            "urls": [a.url for a in attempts],
            "codes": [a.status_code for a in attempts],
            "errors": [a.error for a in attempts],
            "responses": [a.response for a in attempts],
            "durations": [a.duration_ms for a in attempts],
        }
        await self._session.execute(_SETTLE, columns)

    async def give_up(self, *, lane: str | None = None, message_id: UUID | None = None) -> None:
        """Nothing more is tried of a whole lane, or of one message."""
        query = update(MessageRow).where(MessageRow.status == MessageStatus.PENDING)
        query = query.where(MessageRow.lane == lane if lane is not None else MessageRow.id == message_id)
        await self._session.execute(query.values(status=MessageStatus.FAILED, next_attempt_at=None))


def _conditions(wanted: MessageFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.status is not None:
        found.append(MessageRow.status == wanted.status)
    if wanted.event is not None:
        found.append(MessageRow.event == wanted.event)
    if wanted.since is not None:
        found.append(MessageRow.created_at >= wanted.since)
    if wanted.bot_id is not None:
        found.append(MessageRow.bot_id == wanted.bot_id)
    return found
