"""What a test message says: every event as it could be, of a bot that does not exist."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES, Event, Status, wire_time
from meetfleet.domain.end_reason import EndReason
from meetfleet.notify.payloads.v2 import About, Body, chat_message, status_change

NOBODY = UUID(int=0)
_ABOUT = About(NOBODY, None, {"test": True})
_MEETING = timedelta(minutes=30)


def example(event: Event, now: datetime) -> Body:
    """A body that differs from a real one in `extra.test` and in the bot's id, which is all zeros."""
    match event:
        case Event.STATUS_CHANGE:
            status = {
                "code": Status.IN_CALL_RECORDING,
                "created_at": wire_time(now),
                "start_time": int(now.timestamp()),
            }
            return status_change(_ABOUT, status)
        case Event.CHAT_MESSAGE:
            said = {"message_id": "test", "sender_name": "Ann", "sender_id": 1, "text": "This is a test."}
            return chat_message(_ABOUT, said, now)
        case Event.COMPLETED:
            return _around(event, _completed(now))
        case Event.FAILED:
            reason = EndReason.BOT_NOT_ACCEPTED.projection
            data = {"error_message": reason.text, "error_code": reason.v2_code, "sent_at": wire_time(now)}
            return _around(event, data)


def _completed(now: datetime) -> dict[str, Any]:
    people = [{"name": "Ann", "id": 1}, {"name": "Ben", "id": 2}]
    return {
        "participants": people,
        "speakers": people[:1],
        "duration_seconds": int(_MEETING.total_seconds()),
        "joined_at": wire_time(now - _MEETING),
        "exited_at": wire_time(now),
        "data_deleted": False,
        **dict.fromkeys(ARTIFACT_NAMES),
        "transcription_provider": None,
        "transcription_ids": None,
        "sent_at": wire_time(now),
    }


def _around(event: Event, data: dict[str, Any]) -> Body:
    head = {"bot_id": str(_ABOUT.bot_id), "event_id": _ABOUT.event_id}
    return {"event": event.value, "data": {**head, **data}, "extra": _ABOUT.extra}
