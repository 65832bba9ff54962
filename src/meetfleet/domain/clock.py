"""The clock seam: everything that waits or stamps asks a Clock, so that tests can move time by hand."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time and sleeping."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970, never stepping back within one process."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock: wall time at start plus monotonic time since, so a clock step cannot reorder a tape."""

    def __init__(self) -> None:
        self._base_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        return self._base_ns + time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
