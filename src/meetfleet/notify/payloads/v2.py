"""Bodies of Meeting BaaS v2 webhooks and callbacks. Source: contract.md 5.4 and 5.5."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES, Event, Status, error_text, wire_time
from meetfleet.domain.end_reason import EndReason
from meetfleet.store.recording import Person, Recording
from meetfleet.store.tables import BotEventRow, BotRow, ChatMessageRow

Link = Callable[[str, str], str]
"""Bot id and file name to a signed URL."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What every event says of its bot.

    Attributes:
        event_id: The calendar event that sent it; None for bots that no calendar sent.
    """

    bot_id: UUID
    event_id: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, bot: BotRow) -> "About":
        return cls(bot.id, bot.options.get("event_id"), bot.extra)


def status_context(bot: BotRow, event: BotEventRow, status: Status) -> Body:
    """The `status` of a status change: fixed when it happens, sent as it was."""
    found: Body = {"code": status.value, "created_at": wire_time(event.at)}
    if status is Status.IN_CALL_RECORDING:
        found["start_time"] = int((bot.recording_started_at or event.at).timestamp())
    text = error_text(status, event.reason)
    return found if text is None else {**found, "error_message": text}


def chat_context(message: ChatMessageRow, sender_number: int | None) -> Body:
    """What a chat message says, kept for its delivery."""
    return {
        "message_id": message.message_id,
        "sender_name": message.name,
        "sender_id": sender_number,
        "text": message.text,
    }


def status_change(about: About, status: Mapping[str, Any]) -> Body:
    return _body(Event.STATUS_CHANGE, about, {"status": dict(status)})


def chat_message(about: About, said: Mapping[str, Any], sent_at: datetime) -> Body:
    return _body(Event.CHAT_MESSAGE, about, {**said, "sent_at": wire_time(sent_at)})


def completed(bot: BotRow, recording: Recording, link: Link, sent_at: datetime) -> Body:
    """Everything about a finished bot, with links made now."""
    data = {
        "participants": people_body(recording.people),
        "speakers": people_body([person for person in recording.people if person.speaks]),
        "duration_seconds": None if bot.duration_s is None else round(bot.duration_s),
        "joined_at": bot.joined_at and wire_time(bot.joined_at),
        "exited_at": bot.exited_at and wire_time(bot.exited_at),
        "data_deleted": bot.artifacts_deleted_at is not None,
        **links_body(bot.id, recording, link),
        "transcription_provider": provider_of(bot, recording),
        "transcription_ids": ids_of(recording),
        "sent_at": wire_time(sent_at),
    }
    return _body(Event.COMPLETED, About.of(bot), data)


def failed(bot: BotRow, sent_at: datetime) -> Body:
    reason = (bot.end_reason or EndReason.INTERNAL_ERROR).projection
    data = {"error_message": reason.text, "error_code": reason.v2_code, "sent_at": wire_time(sent_at)}
    return _body(Event.FAILED, About.of(bot), data)


def people_body(people: Iterable[Person]) -> list[Body]:
    return [{"name": person.name, "id": person.number} for person in people]


def links_body(bot_id: UUID, recording: Recording, link: Link) -> Body:
    """Every artifact field of the API: a link, or null where there is no such file."""
    return {
        field: link(str(bot_id), name) if recording.offers(name) else None for field, name in ARTIFACT_NAMES.items()
    }


def ids_of(recording: Recording) -> list[str] | None:
    """Of the transcription, where it was done."""
    ids = recording.transcription and recording.transcription.ids
    return None if ids is None else list(ids)


def provider_of(bot: BotRow, recording: Recording) -> str | None:
    """The transcription provider that was asked for; only the first has a place in the published enum (C14)."""
    if recording.transcription is not None:
        return recording.transcription.provider
    if not bot.options.get("transcription_enabled"):
        return None
    config = cast("dict[str, Any]", bot.options.get("transcription_config") or {})
    return str(config.get("provider") or "gladia")


def _body(event: Event, about: About, data: Mapping[str, Any]) -> Body:
    return {
        "event": event.value,
        "data": {"bot_id": str(about.bot_id), "event_id": about.event_id, **data},
        "extra": about.extra,
    }
