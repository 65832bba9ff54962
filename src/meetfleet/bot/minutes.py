"""Keeps the minutes: what the platform tells of people, speech and chat goes to the tape and, in short, to the link."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from meetfleet.bot.attendance import attendance
from meetfleet.bot.gated_tape import GatedTape
from meetfleet.bot.observations import Attendance
from meetfleet.bot.reports import Tell
from meetfleet.domain.link import EventType
from meetfleet.tape.records import Caption, ChatMessage, Participant, Roster, Speaking

ECHO_S = 2.0


@dataclass(slots=True)
class Minutes:
    """A platform's MeetingSink.

    Attributes:
        on_attendance: Told how many others are there, at every change of the roster.
        on_voices: Told whether the platform says that anybody speaks.
    """

    tape: GatedTape
    tell: Tell
    bot_name: str
    ignored_names: tuple[str, ...]
    on_attendance: Callable[[Attendance], None]
    is_paused: Callable[[], bool] = lambda: False
    on_voices: Callable[[bool], None] = lambda _: None
    _ever: dict[str, Participant] = field(default_factory=dict[str, Participant])
    _present: frozenset[str] = frozenset()
    _speaking: set[str] = field(default_factory=set[str])
    _sent: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    _sent_count: int = 0

    def on_roster(self, roster: Roster) -> None:
        self.tape.append(roster)
        before = {i: p.name for i, p in self._ever.items()}, self._present
        self._ever |= {p.participant_id: p for p in roster.participants}
        self._present = frozenset(p.participant_id for p in roster.participants)
        if before != ({i: p.name for i, p in self._ever.items()}, self._present):
            self.tell(EventType.PARTICIPANTS, {"participants": [self._report(p) for p in self._ever.values()]})
        self.on_attendance(attendance(roster, self.ignored_names))

    def on_speaking(self, speaking: Speaking) -> None:
        self.tape.append(speaking)
        change = self._speaking.add if speaking.speaking else self._speaking.discard
        change(speaking.participant_id)
        self.on_voices(bool(self._speaking))

    def on_caption(self, caption: Caption) -> None:
        self.tape.append(caption)

    def on_chat(self, message: ChatMessage) -> None:
        self._forget_sent(message)
        self._chat(message)

    def on_alarm(self, text: str) -> None:
        self.tell(EventType.LOG, {"level": "warning", "text": text})

    def sent(self, text: str) -> None:
        """The bot wrote this. Platforms echo it as a message; where none comes, `tick` writes it down itself."""
        self._sent.append((text.strip(), time.monotonic() + ECHO_S))

    def tick(self) -> None:
        now = time.monotonic()
        for text in [t for t, until in self._sent if until <= now]:
            self._sent = [(t, until) for t, until in self._sent if t != text]
            self._sent_count += 1
            me = next((p for p in self._ever.values() if p.is_self), None)
            own_id = me.participant_id if me else None
            self._chat(ChatMessage(f"sent-{self._sent_count}", own_id, self.bot_name, text, is_self=True))

    def _chat(self, message: ChatMessage) -> None:
        if self.is_paused():
            return
        self.tape.append(message)
        self.tell(
            EventType.CHAT,
            {
                "message_id": message.message_id,
                "participant_id": message.participant_id,
                "name": message.name,
                "text": message.text,
                "is_self": message.is_self,
            },
        )

    def _forget_sent(self, message: ChatMessage) -> None:
        if message.is_self or message.name == self.bot_name:
            self._sent = [(t, until) for t, until in self._sent if t != message.text.strip()]

    def _report(self, p: Participant) -> dict[str, Any]:
        return {
            "participant_id": p.participant_id,
            "name": p.name,
            "is_self": p.is_self,
            "present": p.participant_id in self._present,
        }
