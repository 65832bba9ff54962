"""Whether one more bot fits on a machine, judged by what the running ones cost and not by their number."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from meetfleet.domain.link import RecordingMode

_MB = 1_000_000
_BURST_PER_CORE = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a bot uses, its browser included.

    Attributes:
        cores: Processor seconds per second.
    """

    cores: float
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class Running:
    """A bot that has a place.

    Attributes:
        measured: By its own heartbeats; None before the first.
        is_joining: Between start and the meeting, when a browser costs much more than later.
    """

    mode: RecordingMode
    measured: Cost | None
    is_joining: bool


@dataclass(frozen=True, slots=True)
class Capacity:
    """What bots may use together.

    Attributes:
        free_memory_bytes: What the machine has left at this moment, whoever uses the rest.
    """

    cores: float
    memory_bytes: float
    free_memory_bytes: float

    def beside_renderers(self, count: int) -> "Capacity":
        """What is left for bots while so many videos are rendered. `free_memory_bytes` has felt them already."""
        cores = max(0.0, self.cores - count * RENDERER.cores)
        return replace(self, cores=cores, memory_bytes=max(0.0, self.memory_bytes - count * RENDERER.memory_bytes))


EXPECTED = {
    RecordingMode.AUDIO_ONLY: Cost(0.10, 260 * _MB),
    RecordingMode.SPEAKER_VIEW: Cost(0.16, 300 * _MB),
    RecordingMode.GALLERY_VIEW: Cost(0.16, 300 * _MB),
}
"""What a bot costs in a six-person meeting until it tells. Measured, see docs/operating.md."""


RENDERER = Cost(0.5, 350 * _MB)
"""What a video renderer takes from bots. It uses a core and more, but at the lowest priority: bots get the processor
when they want it. Half a core is what they are assumed to lose to shared caches and execution units."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the bots on a machine use together.

    Attributes:
        joining: How many of them are between start and the meeting.
    """

    bots: int = 0
    joining: int = 0
    cores: float = 0.0
    memory_bytes: float = 0.0

    @classmethod
    def of(cls, running: Iterable[Running]) -> Self:
        return sum((cls.one(bot) for bot in running), cls())

    @classmethod
    def one(cls, bot: Running, count: int = 1) -> Self:
        """So many bots that cost the same; until they are in their meetings, what they are expected to cost."""
        cost = bot.measured if bot.measured and not bot.is_joining else EXPECTED[bot.mode]
        return cls(count, count * bot.is_joining, count * cost.cores, count * cost.memory_bytes)

    def __add__(self, other: "Load") -> Self:
        return type(self)(
            self.bots + other.bots,
            self.joining + other.joining,
            self.cores + other.cores,
            self.memory_bytes + other.memory_bytes,
        )


def refusal(capacity: Capacity, load: Load, mode: RecordingMode) -> str | None:
    """Why one more bot does not fit now, in words for its owner; None if it fits. A first bot always does."""
    if not load.bots:
        return None
    wanted = EXPECTED[mode]
    if load.joining >= max(1, round(capacity.cores * _BURST_PER_CORE)):
        return f"{load.joining} bots are starting; the next one starts when one of them is in its meeting"
    if load.cores + wanted.cores > capacity.cores:
        return f"{load.bots} bots use {load.cores:.1f} of {capacity.cores:.1f} processor cores"
    if load.memory_bytes + wanted.memory_bytes > capacity.memory_bytes:
        return f"{load.bots} bots use {_mb(load.memory_bytes)} of {_mb(capacity.memory_bytes)} MB of memory"
    if wanted.memory_bytes > capacity.free_memory_bytes:
        return f"this machine has {_mb(capacity.free_memory_bytes)} MB of memory left"
    return None


def _mb(size_bytes: float) -> int:
    return round(size_bytes / _MB)
