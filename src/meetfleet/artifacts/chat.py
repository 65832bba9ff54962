"""Chat messages to JSON."""

import json
from datetime import UTC, datetime

from meetfleet.artifacts.roster_book import Person
from meetfleet.tape.records import ChatMessage


class ChatBook:
    """Fed with messages in order of time; a message seen twice counts once."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[int, ChatMessage]] = {}

    def see(self, at_ns: int, message: ChatMessage) -> None:
        self._messages.setdefault(message.message_id, (at_ns, message))

    def messages(self) -> list[tuple[int, ChatMessage]]:
        """(meeting time, message), in order."""
        return list(self._messages.values())


def chat_json(messages: list[tuple[int, ChatMessage]], people: list[Person], *, with_user_ids: bool = True) -> str:
    """A JSON array. `sender_id` is the participant's `user_id` of the diarization; null for the bot and strangers."""
    by_id = {pid: person for person in people for pid in person.participant_ids}
    rows: list[dict[str, object]] = []
    for at_ns, message in messages:
        person = by_id.get(message.participant_id or "")
        rows.append(
            {
                "message_id": message.message_id,
                "sender_name": message.name or (person.name if person else ""),
                "sender_id": person.user_id if person and with_user_ids and not message.is_self else None,
                "text": message.text,
                "timestamp": utc_time(at_ns),
            }
        )
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def utc_time(at_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at_ns // 1_000_000 % 1000:03d}Z"
