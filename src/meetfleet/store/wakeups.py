"""Tells waiting requests on any server that a bot has something new: NOTIFY, with polling as the safety net."""

import asyncio
import contextlib
from collections import defaultdict
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL = "meetfleet_wakeups"
_RETRY_S = 1.0

log = structlog.get_logger()


async def wake(session: AsyncSession, subject: UUID) -> None:
    """Wakes those who wait for the subject, once this transaction is committed."""
    await session.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": str(subject)})


class Wakeups:
    """One listening connection for all waiters of this process.

    Args:
        url: The database; `run` reconnects for ever.
        poll_s: How long a waiter sleeps at most, so that a lost notification only costs time.
    """

    def __init__(self, url: str, *, poll_s: float = 2.0) -> None:
        self._url = url
        self._poll_s = poll_s
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Listens until cancelled."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("wakeups_interrupted", error=str(error).strip())
            # What was notified meanwhile is unknown: everybody looks again.
            for subject in list(self._waiting):
                self._rouse(subject)
            await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=10) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for notification in connection.notifies():
                self._rouse(notification.payload)

    def _rouse(self, subject: str) -> None:
        for event in self._waiting.get(subject, ()):
            event.set()

    @contextlib.contextmanager
    def watching(self, subject: UUID):
        """While inside, no wake-up of the subject is missed: enter, look, and only then wait."""
        event = asyncio.Event()
        self._waiting[str(subject)].add(event)
        try:
            yield Watch(event, self._poll_s)
        finally:
            self._waiting[str(subject)].discard(event)
            if not self._waiting[str(subject)]:
                del self._waiting[str(subject)]


class Watch:
    """One waiter's view."""

    def __init__(self, event: asyncio.Event, poll_s: float) -> None:
        self._event = event
        self._poll_s = poll_s

    async def wait(self, timeout_s: float) -> None:
        """Returns when woken, or when it is time to look again."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), min(timeout_s, self._poll_s))
        self._event.clear()
