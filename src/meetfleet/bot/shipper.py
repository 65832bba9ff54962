"""Carries sealed segments to the control plane while the meeting runs, one after the other, oldest first."""

import asyncio
import contextlib
import logging
from collections import deque
from pathlib import Path

from meetfleet.bot.backoff import Backoff
from meetfleet.bot.http_connection import HttpConnection, LinkDown
from meetfleet.tape.segment import SealedSegment

log = logging.getLogger(__name__)

PUT_TIMEOUT_S = 60.0
_UNWANTED = frozenset({400, 409, 413, 422})


class Shipper:
    """Uploads segments with patience. What stays behind when the bot must end lies in the tape folder, sealed."""

    def __init__(self, *, link_url: str, bot_id: str, token: str) -> None:
        self._connection = HttpConnection(link_url, {"Authorization": f"Bearer {token}"})
        self._path = f"/bots/{bot_id}/segments"
        self._waiting: deque[SealedSegment] = deque()
        self._arrived = asyncio.Event()
        self._shipped = asyncio.Event()
        self._backoff = Backoff(most_s=30.0)

    def add(self, segment: SealedSegment) -> None:
        """Takes a sealed segment over."""
        self._waiting.append(segment)
        self._arrived.set()

    @property
    def waiting(self) -> int:
        """How many segments are still to be carried."""
        return len(self._waiting)

    async def run(self) -> None:
        """Carries until cancelled."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    if await self._put(self._waiting[0]):
                        self._backoff.succeeded()
                        self._waiting.popleft()
                        self._shipped.set()
                    else:
                        await asyncio.sleep(self._backoff.failed())
        finally:
            await self._connection.close()

    async def drain(self, timeout_s: float) -> bool:
        """Waits until all segments are carried. Returns whether that came true in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._waiting:
                    self._shipped.clear()
                    await self._shipped.wait()
        return not self._waiting

    async def _put(self, segment: SealedSegment) -> bool:
        try:
            body = _read(segment.path)  # a few megabytes from the page cache: no thread is worth it
        except FileNotFoundError:
            log.error("Segment %s is gone from the disk.", segment.name)
            return True
        try:
            headers = {"X-Content-SHA256": segment.sha256, "Content-Type": "application/octet-stream"}
            answer = await self._connection.request(
                "PUT", f"{self._path}/{segment.name}", body=body, headers=headers, timeout_s=PUT_TIMEOUT_S
            )
        except LinkDown as error:
            log.debug("Segment %s: %s", segment.name, error.message)
            return False
        if not answer.is_success:
            log.warning("Segment %s was answered %d", segment.name, answer.status)
        if answer.status in _UNWANTED:
            self._waiting.rotate(-1)  # the next one may fare better; this one stays on the disk and in the queue
        return answer.is_success


def _read(path: Path) -> bytes:
    return path.read_bytes()
