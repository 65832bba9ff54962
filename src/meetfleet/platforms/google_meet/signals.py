"""Listens to what Meet's page receives and tells the bot what it means; notices when Meet changed its wire."""

from collections.abc import Callable
from dataclasses import dataclass, field

from meetfleet.platforms.google_meet.protobuf import WireError
from meetfleet.platforms.google_meet.roster import MeetRoster
from meetfleet.platforms.google_meet.wire import (
    MeetCaption,
    MeetChat,
    read_captions,
    read_collection,
    read_snapshot,
    read_speaking,
)
from meetfleet.platforms.platform import MeetingSink, SignalHooks
from meetfleet.tape.records import Caption, ChatMessage, Evidence, Roster, Speaking

HOOKS = SignalHooks(
    data_channels=("collections", "captions", "dcrpc"),
    rpc=("MeetingSpaceService/SyncMeetingSpaceCollections",),
    undrawn=('[role="region"][aria-label*="aption"]',),  # captions change several times a second
)
SNAPSHOT_CHANNEL = "SyncMeetingSpaceCollections"
DRIFT_AFTER = 5


@dataclass(slots=True)
class ChannelHealth:
    """How many messages of a channel came, and how many of them we understood."""

    seen: int = 0
    parsed: int = 0

    @property
    def is_drifting(self) -> bool:
        """Many seen, none understood: Meet speaks another language now."""
        return self.seen >= DRIFT_AFTER and self.parsed == 0


@dataclass(slots=True)
class MeetSignals:
    """Turns channel messages into roster, chat, captions and speaking marks."""

    sink: MeetingSink
    roster: MeetRoster = field(default_factory=MeetRoster)
    health: dict[str, ChannelHealth] = field(default_factory=dict[str, ChannelHealth])
    _last_roster: Roster = field(default_factory=Roster)
    _speaking: dict[str, bool] = field(default_factory=dict[str, bool])
    _chat_seen: set[str] = field(default_factory=set[str])
    _alarmed: set[str] = field(default_factory=set[str])

    @property
    def roster_known(self) -> bool:
        """Whether the platform itself has told who is here."""
        return bool(self._last_roster.participants)

    @property
    def roster_drifts(self) -> bool:
        return any(h.is_drifting for c, h in self.health.items() if c in ("collections", SNAPSHOT_CHANNEL))

    def parsed(self, channel: str) -> int:
        return self.health.get(channel, ChannelHealth()).parsed

    def feed(self, channel: str, payload: bytes) -> None:
        """Takes one message; one that we cannot read is counted, and alarms if none can be read.

        Args:
            channel: `data/<label>` of a data channel, or `rpc/<part of the address>`.
        """
        name = SNAPSHOT_CHANNEL if SNAPSHOT_CHANNEL in channel else channel.removeprefix("data/")
        read = self._readers().get(name)
        if read is None:
            return
        health = self.health.setdefault(name, ChannelHealth())
        health.seen += 1
        try:
            read(payload)
            health.parsed += 1
        except WireError as error:
            if health.is_drifting and name not in self._alarmed:
                self._alarmed.add(name)
                self.sink.on_alarm(f"{name}: {health.seen} messages seen, none understood ({error.message})")

    def _readers(self) -> dict[str, Callable[[bytes], None]]:
        return {
            "collections": self._on_collection,
            SNAPSHOT_CHANNEL: self._on_snapshot,
            "captions": self._on_captions,
            "dcrpc": self._on_speaking,
        }

    def _on_collection(self, payload: bytes) -> None:
        collection = read_collection(payload)
        if self.roster.update(collection):
            self._publish()
        for message in collection.chat:
            self._on_chat(message)

    def _on_snapshot(self, payload: bytes) -> None:
        if self.roster.replace(read_snapshot(payload)):
            self._publish()

    def _publish(self) -> None:
        picture = self.roster.picture
        if picture != self._last_roster:
            self._last_roster = picture
            self.sink.on_roster(picture)

    def _on_chat(self, chat: MeetChat) -> None:
        key = chat.message_id or f"{chat.device_id}:{chat.text}"
        if key in self._chat_seen:
            return
        self._chat_seen.add(key)
        name, is_self = self.roster.name_of(chat.device_id), self.roster.is_self(chat.device_id)
        self.sink.on_chat(ChatMessage(key, chat.device_id or None, name, chat.text, is_self))

    def _on_captions(self, payload: bytes) -> None:
        for caption in read_captions(payload):
            self.sink.on_caption(self._caption(caption))

    def _caption(self, c: MeetCaption) -> Caption:
        key = f"{c.device_id}/{c.caption_id}"
        name = self.roster.name_of(c.device_id)
        return Caption(key, c.device_id, name, c.text, c.version, c.is_final, c.language)

    def _on_speaking(self, payload: bytes) -> None:
        for device_id, speaking in read_speaking(payload).items():
            if self.roster.is_self(device_id) or self._speaking.get(device_id, False) == speaking:
                continue
            self._speaking[device_id] = speaking
            self.sink.on_speaking(Speaking(device_id, speaking, Evidence.SIGNAL))
