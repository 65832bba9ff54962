"""Which server delivers which lane: advisory locks, which PostgreSQL gives back when a server dies."""

from typing import LiteralString

import psycopg

_TAKE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended('delivery lane ' || %s, 0))"
_RELEASE: LiteralString = "SELECT pg_advisory_unlock(hashtextextended('delivery lane ' || %s, 0))"


class LaneLocks:
    """The locks of one server, held on one connection. Any error of psycopg means that all of them are lost."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[bool]]) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> "LaneLocks":
        return cls(await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10))

    async def take(self, lane: str) -> bool:
        """Whether the lane is ours from now on. To be asked once for each lane."""
        row = await (await self._connection.execute(_TAKE, (lane,))).fetchone()
        return row is not None and row[0]

    async def release(self, lane: str) -> None:
        await self._connection.execute(_RELEASE, (lane,))

    async def check(self) -> None:
        """Raises psycopg.Error if the connection is gone, and the locks with it."""
        await self._connection.execute("SELECT 1")

    async def close(self) -> None:
        await self._connection.close()
