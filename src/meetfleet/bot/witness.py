"""Remembers what was last seen, so that every end carries its evidence."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from meetfleet.bot.observations import Finish
from meetfleet.platforms.screen import Screen

_NS = 1_000_000_000
SCREENS_KEPT = 8
SIGNALS_KEPT = 8


@dataclass(slots=True)
class Witness:
    """The last screens and signals, in short."""

    _screens: deque[tuple[int, Screen]] = field(default_factory=lambda: deque(maxlen=SCREENS_KEPT))
    _signals: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=SIGNALS_KEPT))

    def saw(self, screen: Screen, at_ns: int) -> bool:
        """Takes a look. Returns whether it differs from the one before."""
        if self._screens and _same(self._screens[-1][1], screen):
            return False
        self._screens.append((at_ns, screen))
        return True

    def signal(self, what: str, at_ns: int) -> None:
        self._signals.append((at_ns, what))

    def evidence(self, finish: Finish, now_ns: int) -> dict[str, Any]:
        """What the final report says of why: the screen, the words that gave it away, and what came before."""
        return {
            "screen": finish.screen.name,
            "text": finish.screen.evidence[:300],
            "url": finish.screen.url,
            "last_screens": [f"{s.name} ({_ago(at, now_ns)})" for at, s in self._screens],
            "last_signals": [f"{what} ({_ago(at, now_ns)})" for at, what in self._signals],
        }


def _same(one: Screen, other: Screen) -> bool:
    return (one.name, one.evidence) == (other.name, other.evidence) if one.kind == "unknown" else one.name == other.name


def _ago(at_ns: int, now_ns: int) -> str:
    return f"{(now_ns - at_ns) / _NS:.1f} s before"
