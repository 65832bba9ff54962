"""Time moved by hand."""

import asyncio
import heapq
import itertools

START_NS = 1_800_000_000_000_000_000


class ManualClock:
    """A clock that stands still until a test moves it. Sleepers wake in order, at their time."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self._now_ns = now_ns
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []
        self._order = itertools.count()

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self._now_ns + round(seconds * 1e9), next(self._order), woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Moves time on and lets everybody run whose sleep is over by then."""
        until = self._now_ns + round(seconds * 1e9)
        while self._sleepers and self._sleepers[0][0] <= until:
            at_ns, _, woken = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, at_ns)
            woken.set()
            await asyncio.sleep(0)
        self._now_ns = max(self._now_ns, until)
        await asyncio.sleep(0)
