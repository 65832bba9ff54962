"""The server's end of the link: takes a bot's reports in exactly once, hands it its commands, stores its segments."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.assembler import Assembler
from meetfleet.control.keys import hash_of
from meetfleet.control.link_events import LinkEvents
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import Conflict, InvalidRequest, Unauthenticated
from meetfleet.domain.link import LEASE_S, Command, CommandType, LinkEvent
from meetfleet.storage.objects import ObjectStore
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotRow, SegmentRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import Wakeups
from meetfleet.tape.segment import SegmentName

MAX_EVENTS = 1000
MAX_SEGMENT_BYTES = 256 * 1024 * 1024
MAX_WAIT_S = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Answer to a report.

    Attributes:
        acked: Highest number taken in; the bot sends what follows again if it sent more.
        known_commands: Number of the newest command, so that the bot notices one that its poll missed.
    """

    acked: int
    known_commands: int


class BotEnded(Conflict):
    """The bot's life is over here, or another take goes on with it: this process must leave and end."""

    def __init__(self, bot_id: UUID) -> None:
        super().__init__(f"Bot {bot_id} is no longer served by this process.", code="bot_ended")


class LinkService:
    """Every method checks the bot's token, and renews its lease.

    All of them raise:
        Unauthenticated: unknown bot, or a wrong token.
        BotEnded: see there.
    """

    def __init__(
        self,
        database: Database,
        events: LinkEvents,
        objects: ObjectStore,
        assembler: Assembler,
        wakeups: Wakeups,
        clock: Clock,
    ) -> None:
        self._database = database
        self._events = events
        self._objects = objects
        self._assembler = assembler
        self._wakeups = wakeups
        self._clock = clock

    async def served(self, bot_id: UUID, token: str) -> BotRow:
        """The bot that shows this token."""
        async with self._database.transaction() as session:
            return await self._served(session, bot_id, token, lock=False)

    async def report(self, bot_id: UUID, token: str, take: int, events: Sequence[Mapping[str, Any]]) -> Acknowledgement:
        """Takes a batch in. Numbers seen before are skipped; from a hole on, nothing is taken.

        An event that cannot be understood is logged and acknowledged: sent again it would be no clearer, and would stop
        everything behind it for ever.
        """
        async with self._database.transaction() as session:
            bot = await self._served(session, bot_id, token, take)
            last_n = await self._take_in(session, bot, events)
            self._renew(bot)
            return Acknowledgement(last_n, bot.last_command_seq)

    async def report_left_behind(self, bot_id: UUID, take: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Takes in what a process that is gone had written down and not delivered."""
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, lock=True)
            if bot is not None and bot.take == take and not bot.state.is_final:
                await self._take_in(session, bot, events)

    async def commands(self, bot_id: UUID, token: str, after: int, wait_s: float) -> list[Command]:
        """Commands with higher numbers, in order; waits up to `wait_s` seconds for one, holding no connection.

        A process that is no longer served gets one last order: to leave.
        """
        deadline = asyncio.get_running_loop().time() + min(wait_s, MAX_WAIT_S)
        with self._wakeups.watching(bot_id) as watch:
            while True:
                found = await self._commands_now(bot_id, token, after)
                left_s = deadline - asyncio.get_running_loop().time()
                if found or left_s <= 0:
                    return found
                await watch.wait(left_s)

    async def store_segment(
        self, bot_id: UUID, token: str, name: str, content: AsyncIterator[bytes], sha256: str
    ) -> None:
        """Puts a segment into object storage, whole or not at all. Sending it again is fine.

        Raises:
            InvalidRequest: a name that is none, too many bytes, or bytes that do not have this hash.
        """
        take = _take_of(name)
        async with self._database.transaction() as session:
            bot = await self._served(session, bot_id, token, take)
            self._renew(bot)
            known = await RecordingRepository(session, bot_id).segment(name)
        if known is None or known.stored_at is None or known.sha256 != sha256:
            checked = _Checked(content, sha256)
            await self._objects.put(segment_key(bot_id, name), checked.pieces())
            await self.note_stored(bot_id, name, checked.size_bytes, sha256)

    async def note_stored(
        self, bot_id: UUID, name: str, size_bytes: int, sha256: str, span: tuple[int, int] | None = None
    ) -> None:
        """Remembers that a segment's bytes are safe, and lets the assembler begin with them.

        Args:
            span: First and last moment of the segment, nanoseconds, if known and not announced before.
        """
        async with self._database.transaction() as session:
            # The bot's row serialises this with the report that announces the same segment.
            await BotRepository(session).get(bot_id, lock=True)
            recordings = RecordingRepository(session, bot_id)
            row = await recordings.segment(name)
            if row is None:
                row = SegmentRow(bot_id=bot_id, name=name, take=_take_of(name), size_bytes=size_bytes, sha256=sha256)
                await recordings.add_segment(row)
            row.size_bytes, row.sha256, row.stored_at = size_bytes, sha256, self._now()
            if span is not None and row.last_ns is None:
                row.first_ns, row.last_ns = span
        await self._assembler.segment_stored(bot_id, name)

    async def _commands_now(self, bot_id: UUID, token: str, after: int) -> list[Command]:
        async with self._database.transaction() as session:
            try:
                await self._served(session, bot_id, token, lock=False)
            except BotEnded:
                return [Command(after + 1, CommandType.LEAVE, {"reason": "bot_ended"})]
            rows = await BotRepository(session).commands(bot_id, after)
            return [Command(row.seq, CommandType(row.type), row.data) for row in rows]

    async def _served(
        self, session: AsyncSession, bot_id: UUID, token: str, take: int | None = None, *, lock: bool = True
    ) -> BotRow:
        bot = await BotRepository(session).get(bot_id, lock=lock)
        if bot is None or bot.link_token_hash is None or not hmac.compare_digest(hash_of(token), bot.link_token_hash):
            raise Unauthenticated("Unknown bot or wrong link token.", code="invalid_link_token")
        if bot.state.is_final or (take is not None and take != bot.take):
            raise BotEnded(bot_id)
        return bot

    async def _take_in(self, session: AsyncSession, bot: BotRow, events: Sequence[Mapping[str, Any]]) -> int:
        cursor = await BotRepository(session).cursor(bot.id, bot.take)
        for n, raw in _in_order(events):
            if n <= cursor.last_n:
                continue
            if n != cursor.last_n + 1:
                break
            try:
                async with session.begin_nested():
                    await self._events.apply(session, bot, LinkEvent.from_dict(raw))
            except (InvalidRequest, ValueError, TypeError, KeyError, OverflowError, DataError) as error:
                log.warning("link_event_unreadable", bot_id=str(bot.id), n=n, error=f"{error!r}"[:500])
                await session.refresh(bot)
            cursor.last_n = n
        return cursor.last_n

    def _renew(self, bot: BotRow) -> None:
        until = self._now() + timedelta(seconds=LEASE_S)
        # A starting bot was given a longer first lease; a report never shortens it.
        bot.lease_expires_at = max(until, bot.lease_expires_at or until)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def segment_key(bot_id: UUID, name: str) -> str:
    """Where a tape segment lies in object storage."""
    return f"bots/{bot_id}/tape/{name}"


class _Checked:
    """Passes bytes through while it measures and hashes them."""

    def __init__(self, content: AsyncIterator[bytes], sha256: str) -> None:
        self._content = content
        self._expected = sha256.lower()
        self.size_bytes = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for piece in self._content:
            self.size_bytes += len(piece)
            if self.size_bytes > MAX_SEGMENT_BYTES:
                raise InvalidRequest("The segment is too large.", code="segment_too_large")
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self._expected:
            raise InvalidRequest("The segment's bytes do not have the announced hash.", code="segment_hash")


def _in_order(events: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    if len(events) > MAX_EVENTS:
        raise InvalidRequest(f"A report holds at most {MAX_EVENTS} events.", code="too_many_events")
    numbered = [(cast(object, event.get("n")), event) for event in events]
    if not all(isinstance(n, int) for n, _ in numbered):
        raise InvalidRequest("An event has no number.", code="event_number")
    return sorted(cast(list[tuple[int, Mapping[str, Any]]], numbered), key=lambda pair: pair[0])


def _take_of(name: str) -> int:
    parsed = SegmentName.parse(name)
    if parsed is None or parsed.is_open:
        raise InvalidRequest(f"'{name[:80]}' is no segment name.", code="segment_name")
    return parsed.take
