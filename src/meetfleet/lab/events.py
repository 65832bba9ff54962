"""What happened in a room, as a list that can be waited on."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import MeetfleetError


class WaitTimeout(MeetfleetError):
    """What was waited for did not happen in time."""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """Something that happened.

    Attributes:
        n: 1 for the first event of the room.
        visit: Which page load it concerns, `v1` for the first; None for the room's own events.
    """

    n: int
    at_ns: int
    type: str
    visit: str | None = None
    data: dict[str, Any] = field(default_factory=dict[str, Any])

    def as_dict(self) -> dict[str, Any]:
        return {"n": self.n, "at_ns": self.at_ns, "type": self.type, "visit": self.visit, **self.data}


class RoomEvents:
    """Append-only. `wait_for` also sees what happened before it was called."""

    def __init__(self, clock: Clock) -> None:
        self.all: list[RoomEvent] = []
        self._clock = clock
        self._news = asyncio.Event()

    def add(self, type: str, visit: str | None = None, **data: Any) -> RoomEvent:
        event = RoomEvent(len(self.all) + 1, self._clock.now_ns(), type, visit, data)
        self.all.append(event)
        self._news.set()
        self._news = asyncio.Event()
        return event

    def of(self, type: str, visit: str | None = None) -> list[RoomEvent]:
        return [e for e in self.all if e.type == type and visit in (None, e.visit)]

    async def wait_for(self, type: str, timeout_s: float, *, count: int = 1, visit: str | None = None) -> RoomEvent:
        """The `count`-th event of this type.

        Raises:
            WaitTimeout: it names the events there were.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.of(type, visit)) < count:
                    await self._news.wait()
        except TimeoutError as error:
            seen = ", ".join(e.type for e in self.all) or "nothing"
            raise WaitTimeout(f"No {type} within {timeout_s:g} s. There was: {seen}", code="wait_timeout") from error
        return found[count - 1]
