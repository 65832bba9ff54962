"""Which speakers are heard: the loudest few, each on one of the pool's streams, as a conference server chooses them."""

from collections.abc import Mapping
from dataclasses import dataclass

LOUDER_BY_DB = 6
SMOOTHING = 0.1


@dataclass(slots=True)
class _Slot:
    owner: str | None = None
    last_tick: int = -1


class SpeakerPool:
    """Gives streams to speakers. A speaker keeps a stream until somebody else needs it.

    Args:
        size: Number of streams.
    """

    def __init__(self, size: int) -> None:
        self._slots = [_Slot() for _ in range(size)]
        self._loudness: dict[str, float] = {}

    def assign(self, tick: int, speaking: Mapping[str, int]) -> dict[str, int]:
        """Who is heard on which stream at this tick.

        Args:
            speaking: Level of everybody who sends a packet with speech now, in -dBov (small is loud).
        """
        for who, level in speaking.items():
            before = self._loudness.get(who, float(level))
            self._loudness[who] = before + SMOOTHING * (level - before)
        for who in speaking:
            slot = self._slot_of(who) or self._free_slot(who, speaking)
            if slot:
                slot.owner, slot.last_tick = who, tick
        return {slot.owner: n for n, slot in enumerate(self._slots) if slot.owner and slot.owner in speaking}

    def owners(self) -> dict[str, int]:
        """Who owns which stream, speaking or not."""
        return {slot.owner: n for n, slot in enumerate(self._slots) if slot.owner}

    def forget(self, who: str) -> None:
        """Takes the stream of somebody who left or muted."""
        slot = self._slot_of(who)
        if slot:
            slot.owner = None
        self._loudness.pop(who, None)

    def _slot_of(self, who: str) -> _Slot | None:
        return next((slot for slot in self._slots if slot.owner == who), None)

    def _free_slot(self, who: str, speaking: Mapping[str, int]) -> _Slot | None:
        idle = [slot for slot in self._slots if slot.owner not in speaking]
        if idle:
            return min(idle, key=lambda slot: slot.last_tick)
        quietest = max(self._slots, key=lambda slot: self._loudness[slot.owner or ""])
        if self._loudness[quietest.owner or ""] - self._loudness[who] >= LOUDER_BY_DB:
            return quietest
        return None
