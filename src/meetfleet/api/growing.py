"""Follows a file on this machine while somebody else still writes it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import StrEnum
from io import BufferedReader
from pathlib import Path

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import MediaError

PIECE_BYTES = 256 * 1024


class Growth(StrEnum):
    """How the making of a file goes."""

    UNDER_WAY = "under_way"
    FINISHED = "finished"
    FAILED = "failed"


class GrowingFile:
    """A `GrowingArtifact`: a file that is only ever appended to (fragmented MP4), and somebody who knows how it goes.

    Args:
        path: May be missing at first. Once open, it may be moved or deleted.
        growth: Asked whenever no new bytes are there.
        poll_s: Pause between looks.
        stall_s: After so long without a new byte it is given up.
    """

    def __init__(
        self,
        path: Path,
        growth: Callable[[], Awaitable[Growth]],
        clock: Clock,
        *,
        poll_s: float = 0.2,
        stall_s: float = 60.0,
    ) -> None:
        self._path = path
        self._growth = growth
        self._clock = clock
        self._poll_s = poll_s
        self._stall_s = stall_s

    async def stream(self) -> AsyncGenerator[bytes]:
        """Raises MediaError: it failed, stopped growing for too long, or (`file_moved`) was finished and taken away."""
        file: BufferedReader | None = None
        grown_ns = self._clock.now_ns()
        try:
            while True:
                # Asked before reading: what was written before "finished" is read after it.
                growth = await self._growth()
                file = file or await asyncio.to_thread(_opened, self._path)
                piece = await asyncio.to_thread(file.read, PIECE_BYTES) if file else b""
                if piece:
                    yield piece
                    grown_ns = self._clock.now_ns()
                elif growth is Growth.FINISHED:
                    if file is None:
                        raise MediaError("The file was finished and moved.", code="file_moved")
                    return
                else:
                    self._refuse_hopeless(growth, (self._clock.now_ns() - grown_ns) / 1e9)
                    await self._clock.sleep(self._poll_s)
        finally:
            if file:
                file.close()

    def _refuse_hopeless(self, growth: Growth, still_s: float) -> None:
        if growth is Growth.FAILED:
            raise MediaError("The file could not be made.", code="render_failed")
        if still_s > self._stall_s:
            raise MediaError(f"The file has not grown for {still_s:.0f} s.", code="render_stalled")


def _opened(path: Path) -> BufferedReader | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
