"""Google Meet's messages, as far as public recorders have read them: roster, media sources, chat, captions, speakers.

No field number is documented by Google. Bodies of `collections` and `captions` are deflated; `dcrpc` carries a gzip.
"""

import base64
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from meetfleet.lab.protobuf import field, first, message


class Status(IntEnum):
    IN_MEETING = 1
    NOT_IN_MEETING = 6
    REMOVED = 7


class OutputType(IntEnum):
    AUDIO = 1
    VIDEO = 2


@dataclass(frozen=True, slots=True)
class User:
    """A device in the meeting; with a parent it is the pseudo-device of a screen share."""

    device_id: str
    name: str
    status: Status = Status.IN_MEETING
    is_self: bool = False
    is_host: bool = False
    parent_device_id: str | None = None
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A media source. `stream_id`: for audio the CSRC as decimal text, for video the id of the MediaStream."""

    device_id: str
    type: OutputType
    stream_id: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    message_id: str
    device_id: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Caption:
    device_id: str
    caption_id: int
    version: int
    text: str
    is_final: bool
    language: str = "en-US"


def collections(
    *, sequence: int, users: Sequence[User] = (), outputs: Sequence[Output] = (), chats: Sequence[Chat] = ()
) -> bytes:
    """A message of the `collections` channel."""
    payload = b""
    if outputs:
        payload += field(3, message(*((2, _output(output)) for output in outputs)))
    if users or chats:
        people = field(1, _users(sequence, users)) if users else b""
        payload += field(13, people + b"".join(field(4, field(2, _chat(chat))) for chat in chats))
    return zlib.compress(field(1, field(2, payload)))


def snapshot(*, sequence: int, users: Sequence[User]) -> bytes:
    """The answer of `SyncMeetingSpaceCollections`: base64 text."""
    return base64.b64encode(field(2, field(2, _users(sequence, users))))


def device_created(device_id: str, *, detected_as_bot: bool = False) -> bytes:
    """The answer of `CreateMeetingDevice`: base64 text. Field 36 is the verdict on automation."""
    return base64.b64encode(message((1, device_id), (36, 1 if detected_as_bot else None)))


def caption(item: Caption) -> bytes:
    """A message of the `captions` channel."""
    body = message(
        (1, item.device_id),
        (2, item.caption_id),
        (3, item.version),
        (4, int(item.is_final)),
        (6, item.text),
        (8, item.language),
    )
    return zlib.compress(field(1, body))


def speaking(flags: Sequence[tuple[str, int, bool]]) -> bytes:
    """A message of the `dcrpc` channel: (device id, CSRC, speaks) of everybody."""
    people = b"".join(
        field(1, message((4, device_id), (8, csrc), (9, message((1, 1), (2, 1 if speaks else None)))))
        for device_id, csrc, speaks in flags
    )
    return field(2, gzip.compress(people, mtime=0))


def keep_alive(counter: int) -> bytes:
    """The other message of the `dcrpc` channel."""
    return field(1, counter)


def read_chat_request(data: bytes) -> str | None:
    """The text of a message that the page posted on `meet_messages`; None for anything else."""
    try:
        text = first(data, 1, 1, 3, 1, 2, 5, 1)
    except ValueError:
        return None
    return text.decode(errors="replace") if isinstance(text, bytes) else None


def _users(sequence: int, users: Sequence[User]) -> bytes:
    return field(1, field(1, sequence)) + b"".join(field(2, _user(user)) for user in users)


def _user(user: User) -> bytes:
    return message(
        (1, user.device_id),
        (2, user.name),
        (3, user.avatar_url or None),
        (4, int(user.status)),
        (7, message((1, 1)) if user.is_self else None),
        (21, user.parent_device_id),
        (29, user.name),
        (34, 1 if user.is_host else None),
    )


def _output(output: Output) -> bytes:
    return message(
        (2, int(output.type)),
        (4, output.stream_id),
        (6, output.device_id),
        (10, message((1, int(output.disabled)))),
    )


def _chat(chat: Chat) -> bytes:
    return message((1, chat.message_id), (2, chat.device_id), (3, chat.at_ms), (5, message((1, chat.text))))
