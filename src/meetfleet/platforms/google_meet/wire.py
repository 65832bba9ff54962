"""What Meet's messages mean: users, media sources, chat, captions, speaking flags.

Field numbers were observed by public open-source recorders between 2024 and 2026; none is documented by Google.
Everything here turns bytes into plain values or raises WireError; nothing else.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from meetfleet.platforms.google_meet.inflate import unpackings
from meetfleet.platforms.google_meet.protobuf import Message, WireError

T = TypeVar("T")


class UserStatus(IntEnum):
    """Where Meet says a device is. Other numbers occur and mean nothing to us."""

    IN_MEETING = 1
    NOT_IN_MEETING = 6
    REMOVED = 7


class OutputType(IntEnum):
    AUDIO = 1
    VIDEO = 2


@dataclass(frozen=True, slots=True)
class MeetUser:
    """One device in the meeting: a person's browser, or the pseudo-device of a screen share.

    Attributes:
        device_id: `spaces/<space>/devices/<n>`.
        parent_device_id: Set on a screen share: whose screen it is.
    """

    device_id: str
    name: str
    status: int
    avatar_url: str | None = None
    is_self: bool = False
    is_host: bool = False
    parent_device_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceOutput:
    """A media source that the server mixes into our streams.

    Attributes:
        stream_id: Audio: the CSRC as decimal text. Video: the id of a MediaStream.
    """

    device_id: str
    type: int
    stream_id: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class MeetChat:
    message_id: str
    device_id: str
    text: str


@dataclass(frozen=True, slots=True)
class MeetCaption:
    """One revision of a caption; the highest version of a caption id is its text."""

    caption_id: str
    device_id: str
    version: int
    text: str
    is_final: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """One message of the `collections` channel, or the whole picture that the server answers on request."""

    users: tuple[MeetUser, ...] = ()
    outputs: tuple[DeviceOutput, ...] = ()
    chat: tuple[MeetChat, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.users or self.outputs or self.chat)


def read_collection(data: bytes) -> Collection:
    """Reads one message of the `collections` channel.

    Raises:
        WireError: nothing of what we know is in it.
    """
    return _first_sensible(data, _collection, lambda found: not found.is_empty)


def read_snapshot(body: bytes) -> Collection:
    """Reads the answer of `SyncMeetingSpaceCollections`: everybody who is in the meeting now.

    Raises:
        WireError: no base64, or nobody in it (we are in the meeting, so an honest answer names at least us).
    """
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        data = body
    found = _first_sensible(data, lambda m: Collection(users=_users(m.message(2, 2))), lambda c: bool(c.users))
    return found


def read_captions(data: bytes) -> list[MeetCaption]:
    """Reads one message of the `captions` channel.

    Raises:
        WireError: no caption in it.
    """
    return _first_sensible(data, lambda m: [_caption(c) for c in m.messages(1)], bool)


def read_speaking(data: bytes) -> dict[str, bool]:
    """Reads one message of the `dcrpc` channel: who speaks, by device id. A keep-alive names nobody.

    Raises:
        WireError: neither a keep-alive nor a list of speakers.
    """

    def read(message: Message) -> dict[str, bool] | None:
        if 2 not in message:
            return {} if 1 in message else None
        return _first_sensible(message.raw(2), _speaking, bool)

    found = _first_sensible(data, read, lambda it: it is not None)
    return found or {}


def _first_sensible(data: bytes, read: Callable[[Message], T], is_sensible: Callable[[T], bool]) -> T:
    for unpacked in unpackings(data):
        try:
            found = read(Message.parse(unpacked))
        except WireError:
            continue
        if is_sensible(found):
            return found
    raise WireError("Nothing known in this message.")


def _collection(message: Message) -> Collection:
    payload = message.message(1, 2)
    people = payload.message(13)
    outputs = [_output(o) for o in payload.message(3).messages(2)]
    chat = [_chat(c.message(2)) for c in people.messages(4) if 2 in c]
    return Collection(
        _users(people.message(1)), tuple(o for o in outputs if o.device_id), tuple(c for c in chat if c.text)
    )


def _users(people: Message) -> tuple[MeetUser, ...]:
    return tuple(user for user in map(_user, people.messages(2)) if user.device_id)


def _user(m: Message) -> MeetUser:
    return MeetUser(
        device_id=m.text(1),
        name=m.text(2) or m.text(29),
        status=m.number(4),
        avatar_url=m.text(3) or None,
        is_self=7 in m,
        is_host=bool(m.number(34)),
        parent_device_id=m.text(21) or None,
    )


def _output(m: Message) -> DeviceOutput:
    return DeviceOutput(m.text(6), m.number(2), m.text(4), bool(m.message(10).number(1)))


def _chat(m: Message) -> MeetChat:
    return MeetChat(m.text(1), m.text(2), m.message(5).text(1))


def _caption(m: Message) -> MeetCaption:
    device_id, text = m.text(1), m.text(6)
    if not device_id:
        raise WireError("A caption without a speaker.")
    return MeetCaption(str(m.number(2)), device_id, m.number(3), text, bool(m.number(4)), _language(m))


def _language(m: Message) -> str | None:
    """Seen as a number as well as a BCP 47 tag; only the tag says anything."""
    try:
        return m.text(8) or None
    except WireError:
        return None


def _speaking(message: Message, depth: int = 2) -> dict[str, bool]:
    """The repeated participants; the field that carries them, here or a level down, is told by its content."""
    for number in message.numbers:
        try:
            below = message.messages(number)
            found = {p.text(4): 2 in p.message(9) for p in below if p.raw(4).startswith(b"spaces/")}
        except WireError:
            continue
        for deeper in below if depth > 1 and not found else ():
            found |= _speaking(deeper, depth - 1)
        if found:
            return found
    return {}
