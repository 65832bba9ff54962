"""What each report of a bot means."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.notices import Notices
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState, may_follow
from meetfleet.domain.link import EventType, LinkEvent
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotRow, ChatMessageRow, EventKind, SegmentRow
from meetfleet.store.times import utc

_RATE_WEIGHT = 0.3
_LEVELS = {"debug", "info", "warning", "error"}
_OVER = frozenset({BotState.PROCESSING, BotState.TRANSCRIBING, BotState.COMPLETED, BotState.FAILED, BotState.CANCELLED})

log = structlog.get_logger()


class LinkEvents:
    """Applies events to a bot whose row the caller has locked. Nothing a bot says can raise."""

    def __init__(self, lifecycle: Lifecycle, notices: Notices, queue: JobQueue) -> None:
        self._lifecycle = lifecycle
        self._notices = notices
        self._queue = queue

    async def apply(self, session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
        match event.type:
            case EventType.HEARTBEAT:
                _measure(bot, event)
            case EventType.STATE:
                await self._state(session, bot, event)
            case EventType.PARTICIPANTS:
                await self._participants(session, bot, event)
            case EventType.CHAT:
                await self._chat(session, bot, event)
            case EventType.SEGMENT:
                await _announce_segment(session, bot, event)
            case EventType.CAPTURE | EventType.SCREEN:
                await self._lifecycle.record(
                    session, bot, at=utc(event.at_ns), cause="link", kind=EventKind(event.type), evidence=event.data
                )
            case EventType.COMMAND_DONE:
                await _command_done(session, bot, event)
            case EventType.LOG:
                _log(bot, event)

    async def _state(self, session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
        said, reason = _state_of(event), _reason_of(event)
        if said is None:
            log.warning("link_state_unknown", bot_id=str(bot.id), state=str(event.data["state"])[:40])
            return
        # A bot knows that it is done, not what becomes of its recording: how it ended is judged after assembly.
        state = BotState.PROCESSING if said in _OVER else said
        if state is BotState.PROCESSING and reason is None and bot.end_reason is None:
            reason = EndReason.INTERNAL_ERROR
        if not may_follow(bot.state, state):
            if state is not bot.state:
                log.warning("link_step_ignored", bot_id=str(bot.id), was=bot.state.value, state=state.value)
            return
        await self._lifecycle.advance(
            session,
            bot,
            state,
            at=utc(event.at_ns),
            cause="link",
            reason=reason,
            detail=_text(event.data, "detail"),
            evidence=_mapping(event.data.get("evidence")),
        )
        if state is BotState.PROCESSING:
            await self._queue.enqueue(session, Job.FINALISE, bot.id, once=True)

    async def _participants(self, session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
        recordings = RecordingRepository(session, bot.id)
        for person in _mappings(event.data["participants"]):
            person_id = _text(person, "participant_id")
            if person_id:
                name, is_self = _text(person, "name") or "", bool(person.get("is_self"))
                await recordings.see_participant(person_id, name, is_self, utc(event.at_ns))

    async def _chat(self, session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
        message = ChatMessageRow(
            bot_id=bot.id,
            message_id=_text(event.data, "message_id") or str(event.n),
            participant_id=_text(event.data, "participant_id"),
            name=_text(event.data, "name") or "",
            text=_text(event.data, "text") or "",
            is_self=bool(event.data.get("is_self")),
            at=utc(event.at_ns),
        )
        stored = await RecordingRepository(session, bot.id).add_chat_message(message)
        if stored is not None:
            await self._notices.chat_message(session, bot, stored)


def _measure(bot: BotRow, event: LinkEvent) -> None:
    """Keeps what a bot costs; the rate is smoothed so that one busy second does not keep other bots out."""
    cpu_s, memory_bytes, at = _number(event.data, "cpu_s"), _number(event.data, "memory_bytes"), utc(event.at_ns)
    if cpu_s is not None:
        if bot.cpu_s is not None and bot.measured_at is not None and at > bot.measured_at:
            rate = max(0.0, cpu_s - bot.cpu_s) / (at - bot.measured_at).total_seconds()
            before = rate if bot.cpu_cores is None else bot.cpu_cores
            bot.cpu_cores = before + _RATE_WEIGHT * (rate - before)
        bot.cpu_s, bot.measured_at = cpu_s, at
    if memory_bytes is not None:
        bot.memory_bytes = int(memory_bytes)
        bot.peak_memory_bytes = max(bot.peak_memory_bytes or 0, bot.memory_bytes)


async def _announce_segment(session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
    recordings = RecordingRepository(session, bot.id)
    name, first_ns, last_ns = (event.data[key] for key in ("name", "first_ns", "last_ns"))
    row = await recordings.segment(str(name))
    if row is None:
        size_bytes, sha256 = event.data["size_bytes"], event.data["sha256"]
        row = SegmentRow(bot_id=bot.id, name=str(name), take=bot.take, size_bytes=int(size_bytes), sha256=str(sha256))
        await recordings.add_segment(row)
    row.first_ns, row.last_ns = int(first_ns), int(last_ns)


async def _command_done(session: AsyncSession, bot: BotRow, event: LinkEvent) -> None:
    command = await BotRepository(session).command(bot.id, int(event.data["seq"]))
    if command is not None and command.done_at is None:
        command.done_at, command.ok = utc(event.at_ns), bool(event.data["ok"])
        said = (_text(event.data, "code"), _text(event.data, "detail"))
        command.detail = ": ".join(part for part in said if part) or None


def _log(bot: BotRow, event: LinkEvent) -> None:
    level = str(event.data["level"]).lower()
    # A bot's words may quote the page, and with it people.
    fields = {"bot_id": str(bot.id), "pii.text": str(event.data["text"])[:2000]}
    getattr(log, level if level in _LEVELS else "info")("bot_log", **fields)


def _state_of(event: LinkEvent) -> BotState | None:
    with suppress(ValueError):
        return BotState(str(event.data["state"]))
    return None


def _reason_of(event: LinkEvent) -> EndReason | None:
    given = event.data.get("reason")
    if not given:
        return None
    try:
        return EndReason(str(given))
    except ValueError:
        return EndReason.INTERNAL_ERROR


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    # PostgreSQL's text cannot hold a NUL.
    return None if value is None else str(value).replace("\x00", "")


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) and value >= 0 else None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    items = cast(Sequence[object], value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [_mapping(cast(object, item)) for item in items if isinstance(item, Mapping)]
