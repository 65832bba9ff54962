"""Queries on bots, their events and commands."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import LockNotAvailable
from sqlalchemy import ColumnElement, String, and_, cast, false, func, or_, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.dialects.standing import Standing
from meetfleet.domain.lifecycle import IN_QUEUE, JOINING, LIVE, BotState
from meetfleet.domain.link import CommandType, RecordingMode
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import BotEventRow, BotRow, CommandRow, LinkCursorRow, ParticipantRow


@dataclass(frozen=True, slots=True)
class BotFilter:
    """What a list of bots is narrowed to; None or empty means no condition.

    Attributes:
        bot_name, bot_id, meeting_url, participant_name: Case-insensitive parts.
        states: Any of these.
        standings: Any of these, so nothing if empty; a dialect's status filter.
        extra: All of these keys must hold exactly this text.
        created_after, created_before: When it was sent; a scheduled bot comes into being when it is due.
    """

    bot_name: str | None = None
    bot_id: str | None = None
    meeting_url: str | None = None
    participant_name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    ended_after: datetime | None = None
    platforms: frozenset[Platform] = frozenset()
    states: frozenset[BotState] = frozenset()
    standings: tuple[Standing, ...] | None = None
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    sandbox_only: bool = False


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """Live bots of one kind.

    Attributes:
        joining: Whether they are between start and the meeting.
        cores, memory_bytes: What they use together; None if they have not told.
    """

    mode: RecordingMode
    joining: bool
    count: int
    cores: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class LiveBot:
    """As much of a live bot as tells whether somebody has to look after it.

    Attributes:
        asked_to_leave: Whether an order to leave is open, or was given.
    """

    id: UUID
    take: int
    lease_owner: str | None
    lease_expires_at: datetime | None
    runner: Mapping[str, Any] | None
    asked_to_leave: bool


class BotRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, bot: BotRow) -> BotRow:
        self._session.add(bot)
        await self._session.flush()
        return bot

    async def get(self, bot_id: UUID, *, team_id: UUID | None = None, lock: bool = False) -> BotRow | None:
        """One bot, of one team if given; `lock` keeps others from changing it until the transaction ends."""
        query = select(BotRow).where(BotRow.id == bot_id)
        if team_id is not None:
            query = query.where(BotRow.team_id == team_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def page(self, team_id: UUID, wanted: BotFilter, request: PageRequest) -> Page[BotRow]:
        """Bots that were sent, the newest first."""
        query = select(BotRow).where(BotRow.team_id == team_id, BotRow.spawned_at.is_not(None), *_conditions(wanted))
        columns = (BotRow.spawned_at, BotRow.id)
        return await fetch_page(self._session, query, columns, request, lambda b: Position(sent_at(b), b.id))

    async def with_id_part(self, team_id: UUID, part: str, *, limit: int) -> Sequence[BotRow]:
        """Any bots whose id holds this text."""
        holds = cast(BotRow.id, String).icontains(part, autoescape=True)
        query = select(BotRow).where(BotRow.team_id == team_id, holds).order_by(BotRow.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def lock_creation(self, team_id: UUID) -> None:
        """Held to the end of the transaction: a team's bots are counted and created one after the other."""
        await self._session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 3))"), {"key": str(team_id)}
        )

    async def sent_before(self, bot: BotRow, *, count: int, since: datetime) -> datetime | None:
        """When the last but `count` of a team's bots was sent; None if not since then.

        This one is not counted, nor are those of the sandbox.
        """
        query = select(BotRow.spawned_at).where(
            BotRow.team_id == bot.team_id,
            BotRow.spawned_at > since,
            BotRow.id != bot.id,
            BotRow.is_sandbox.is_(False),
        )
        return await self._session.scalar(query.order_by(BotRow.spawned_at.desc()).offset(count - 1).limit(1))

    async def lock_meeting(self, team_id: UUID, meeting_url: str, patience_s: float) -> bool:
        """Held to the end of the transaction: creations for one meeting of one team happen one after the other.

        Returns:
            False if somebody has held it for longer than `patience_s`.
        """
        patience_ms = round(patience_s * 1000)
        try:
            async with self._session.begin_nested():
                await self._session.execute(text(f"SET LOCAL lock_timeout TO {patience_ms}"))
                await self._session.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": f"{team_id} {meeting_url}"}
                )
                await self._session.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        except OperationalError as error:
            if isinstance(error.orig, LockNotAvailable):
                return False
            raise
        return True

    async def deduplicating(self, bot: BotRow, since: datetime) -> BotRow | None:
        """The newest other bot that was to be the only one in this bot's meeting, sent since."""
        query = select(BotRow).where(
            BotRow.team_id == bot.team_id,
            BotRow.meeting_url == bot.meeting_url,
            BotRow.is_sandbox == bot.is_sandbox,
            BotRow.allow_multiple_bots.is_(False),
            BotRow.spawned_at > since,
            BotRow.state != BotState.CANCELLED,
            BotRow.id != bot.id,
        )
        return await self._session.scalar(query.order_by(BotRow.spawned_at.desc()).limit(1))

    async def in_states(self, states: Iterable[BotState]) -> Sequence[BotRow]:
        """All bots in these states, longest there first."""
        query = select(BotRow).where(BotRow.state.in_(list(states))).order_by(BotRow.state_at, BotRow.id)
        return (await self._session.scalars(query)).all()

    async def unfinished(self, bots: Collection[UUID]) -> set[UUID]:
        """Which of these bots have not come to their end."""
        over = [state for state in BotState if state.is_final]
        query = select(BotRow.id).where(BotRow.id.in_(list(bots)), BotRow.state.not_in(over))
        return set(await self._session.scalars(query))

    async def live_groups(self, owner: str) -> Sequence[LiveGroup]:
        """What the bots use whose processes one launcher started, summed up by kind."""
        joining = BotRow.state.in_(JOINING)
        measured = and_(BotRow.cpu_cores.is_not(None), BotRow.memory_bytes.is_not(None))
        kind = (BotRow.recording_mode, joining.label("joining"), measured.label("measured"))
        sums = (func.count(), func.sum(BotRow.cpu_cores), func.sum(BotRow.memory_bytes))
        query = select(*kind, *sums).where(BotRow.state.in_(LIVE), BotRow.lease_owner == owner)
        rows = await self._session.execute(query.group_by(BotRow.recording_mode, text("joining"), text("measured")))
        return [
            LiveGroup(mode, starts, count, float(cores or 0) if told else None, int(memory or 0) if told else None)
            for mode, starts, told, count, cores, memory in rows
        ]

    async def perhaps_unwell(self, owner: str, now: datetime) -> Sequence[LiveBot]:
        """Live bots of one launcher, and those of others whose lease has run out."""
        leave = and_(CommandRow.bot_id == BotRow.id, CommandRow.type == CommandType.LEAVE)
        columns = (BotRow.id, BotRow.take, BotRow.lease_owner, BotRow.lease_expires_at, BotRow.runner)
        query = select(*columns, select(CommandRow.seq).where(leave).exists()).where(
            BotRow.state.in_(LIVE),
            or_(BotRow.lease_owner == owner, BotRow.lease_expires_at.is_(None), BotRow.lease_expires_at <= now),
        )
        return [LiveBot(*row) for row in await self._session.execute(query.order_by(BotRow.state_at, BotRow.id))]

    async def by_text_id(self, bot_id: str) -> BotRow | None:
        """One bot, locked, by its id as bots and files spell it."""
        return await self.get(UUID(bot_id), lock=True)

    async def lock_placement(self, owner: str) -> None:
        """Held to the end of the transaction: one dispatcher at a time judges the room of one machine."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 2))"), {"owner": owner})

    async def try_lock_team(self, team_id: UUID) -> bool:
        """Held to the end of the transaction: one dispatcher at a time counts a team's bots. False if another does."""
        return bool(
            await self._session.scalar(
                text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 4))"), {"key": str(team_id)}
            )
        )

    async def count_live(self, team_id: UUID) -> int:
        """A team's bots that have processes, those of the sandbox not counted."""
        # The words of the index of unfinished bots: without them all that a team ever had is looked through.
        unfinished = text("bots.state NOT IN ('completed', 'failed', 'cancelled')")
        live = (BotRow.team_id == team_id, BotRow.state.in_(LIVE), BotRow.is_sandbox.is_(False), unfinished)
        query = select(func.count()).where(*live)
        return await self._session.scalar(query) or 0

    async def queued(
        self, *, limit: int, passing_over: Collection[UUID] = (), but: Collection[UUID] = ()
    ) -> Sequence[BotRow]:
        """The bots that have waited longest, locked; those that somebody else is claiming are passed over.

        Args:
            passing_over: Teams whose bots have to wait, but for those of the sandbox.
            but: Bots that have to wait.
        """
        query = select(BotRow).where(BotRow.state.in_(IN_QUEUE))
        if passing_over:
            query = query.where(or_(BotRow.is_sandbox, BotRow.team_id.not_in(passing_over)))
        if but:
            query = query.where(BotRow.id.not_in(but))
        query = query.order_by(BotRow.spawned_at, BotRow.id).limit(limit)
        query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
        return (await self._session.scalars(query)).all()

    async def locked(self, bot_ids: Iterable[UUID]) -> Mapping[UUID, BotRow]:
        """Bots by their ids, locked."""
        query = select(BotRow).where(BotRow.id.in_(list(bot_ids))).order_by(BotRow.id).with_for_update()
        found = await self._session.scalars(query.execution_options(populate_existing=True))
        return {bot.id: bot for bot in found}

    async def waiting_since(self, before: datetime, states: Iterable[BotState] = IN_QUEUE) -> Sequence[BotRow]:
        """Bots that were sent before a moment and still wait in one of these states, locked.

        By team, so that accounts are locked in one order.
        """
        query = select(BotRow).where(BotRow.state.in_(list(states)), BotRow.spawned_at < before)
        query = query.order_by(BotRow.team_id, BotRow.id)
        return (await self._session.scalars(query.with_for_update(skip_locked=True))).all()

    async def tell_queued(self, why: str, team_id: UUID | None = None) -> None:
        """Notes for all queued bots, or those of one team, what they wait for; not for those just being claimed."""
        waiting = select(BotRow.id).where(BotRow.state.in_(IN_QUEUE), BotRow.waiting_for.is_distinct_from(why))
        if team_id is not None:
            waiting = waiting.where(BotRow.team_id == team_id)
        free = waiting.with_for_update(skip_locked=True)
        await self._session.execute(update(BotRow).where(BotRow.id.in_(free)).values(waiting_for=why))

    async def last_report(self, bot_id: UUID, take: int) -> int:
        """Number of the newest report of a take; 0 before the first."""
        cursor = await self._session.get(LinkCursorRow, (bot_id, take))
        return cursor.last_n if cursor else 0

    async def leave_asked_at(self, bot_id: UUID) -> datetime | None:
        """When the bot was first asked to leave, if it was."""
        query = select(func.min(CommandRow.created_at)).where(
            CommandRow.bot_id == bot_id, CommandRow.type == CommandType.LEAVE
        )
        return await self._session.scalar(query)

    async def events(self, bot_id: UUID) -> Sequence[BotEventRow]:
        query = select(BotEventRow).where(BotEventRow.bot_id == bot_id).order_by(BotEventRow.n)
        return (await self._session.scalars(query)).all()

    async def event(self, bot_id: UUID, n: int) -> BotEventRow | None:
        return await self._session.get(BotEventRow, (bot_id, n))

    async def paused_before(self, bot_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those among the bots whose recording was ever paused."""
        query = select(BotEventRow.bot_id).where(
            BotEventRow.bot_id.in_(list(bot_ids)), BotEventRow.state == BotState.PAUSED
        )
        return frozenset((await self._session.scalars(query.distinct())).all())

    async def append_events(self, events: Sequence[BotEventRow]) -> None:
        """Writes the next event of each bot; their `n` are set here. The caller holds the bots' row locks."""
        ids = [event.bot_id for event in events]
        query = select(BotEventRow.bot_id, func.max(BotEventRow.n)).where(BotEventRow.bot_id.in_(ids))
        last = {bot_id: n for bot_id, n in await self._session.execute(query.group_by(BotEventRow.bot_id))}
        for event in events:
            event.n = last.get(event.bot_id, 0) + 1
        self._session.add_all(events)
        await self._session.flush()

    async def cursor(self, bot_id: UUID, take: int) -> LinkCursorRow:
        """The link's cursor of one take, locked; made at the first report."""
        found = await self._session.get(LinkCursorRow, (bot_id, take), with_for_update=True, populate_existing=True)
        if found is None:
            found = LinkCursorRow(bot_id=bot_id, take=take, last_n=0)
            self._session.add(found)
            await self._session.flush()
        return found

    async def add_command(self, command: CommandRow) -> CommandRow:
        self._session.add(command)
        await self._session.flush()
        return command

    async def commands(self, bot_id: UUID, after: int) -> Sequence[CommandRow]:
        """Commands that a bot which has seen all up to `after` still has to carry out, in order."""
        query = (
            select(CommandRow)
            .where(CommandRow.bot_id == bot_id, CommandRow.seq > after, CommandRow.done_at.is_(None))
            .order_by(CommandRow.seq)
        )
        return (await self._session.scalars(query)).all()

    async def command(self, bot_id: UUID, seq: int) -> CommandRow | None:
        return await self._session.get(CommandRow, (bot_id, seq))

    async def open_command(self, bot_id: UUID, command_type: str) -> CommandRow | None:
        """The first command of a type that the bot has not carried out."""
        query = select(CommandRow).where(
            CommandRow.bot_id == bot_id, CommandRow.type == command_type, CommandRow.done_at.is_(None)
        )
        return await self._session.scalar(query.order_by(CommandRow.seq).limit(1))


def sent_at(bot: BotRow) -> datetime:
    """When a bot was sent; for one that never was, when it was created."""
    return bot.spawned_at or bot.created_at


def _conditions(wanted: BotFilter) -> list[ColumnElement[bool]]:
    parts = (
        (BotRow.bot_name, wanted.bot_name),
        (BotRow.meeting_url, wanted.meeting_url),
        (cast(BotRow.id, String), wanted.bot_id),
    )
    found: list[ColumnElement[bool]] = [column.icontains(part, autoescape=True) for column, part in parts if part]
    if wanted.sandbox_only:
        found.append(BotRow.is_sandbox.is_(True))
    if wanted.participant_name:
        person = ParticipantRow.name.icontains(wanted.participant_name, autoescape=True)
        found.append(select(ParticipantRow).where(and_(ParticipantRow.bot_id == BotRow.id, person)).exists())
    if wanted.created_after:
        found.append(BotRow.spawned_at >= wanted.created_after)
    if wanted.created_before:
        found.append(BotRow.spawned_at <= wanted.created_before)
    if wanted.ended_after:
        found.append(BotRow.ended_at >= wanted.ended_after)
    if wanted.platforms:
        found.append(BotRow.platform.in_(list(wanted.platforms)))
    if wanted.states:
        found.append(BotRow.state.in_(list(wanted.states)))
    elif wanted.standings is not None:
        found.append(or_(false(), *(_stands(standing) for standing in wanted.standings)))
    found.extend(BotRow.extra[key].astext == value for key, value in wanted.extra.items())
    return found


def _stands(standing: Standing) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [BotRow.state == standing.state]
    if standing.reasons:
        named = [reason for reason in standing.reasons if reason is not None]
        unnamed = [BotRow.end_reason.is_(None)] if None in standing.reasons else []
        conditions.append(or_(BotRow.end_reason.in_(named), *unnamed))
    if standing.recorded is not None:
        conditions.append(BotRow.recording_started_at.is_not(None) == standing.recorded)
    if standing.resumed is not None:
        pause = and_(BotEventRow.bot_id == BotRow.id, BotEventRow.state == BotState.PAUSED)
        conditions.append(select(BotEventRow).where(pause).exists() == standing.resumed)
    return and_(*conditions)
