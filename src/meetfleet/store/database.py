"""The door to PostgreSQL: one pool, one kind of transaction."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine


def conninfo(url: str) -> str:
    """The URL as psycopg itself takes it; `postgres://` and `postgresql+psycopg://` are accepted, too."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql://{rest}" if separator and scheme.split("+")[0] in {"postgres", "postgresql"} else url


class Database:
    """A pool of connections. Rows stay readable after their transaction ended.

    Args:
        url: `postgresql://...`.
        pool_size: Connections kept; twice as many may exist for a moment.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = conninfo(url)
        self.engine: AsyncEngine = create_async_engine(
            make_url(self.url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=20,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "meetfleet", "prepare_threshold": 3},
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """Commits at the end of the block, rolls back on any error. Nothing else in the code base commits."""
        async with self._sessions() as session, session.begin():
            yield session

    async def is_up(self) -> bool:
        try:
            async with self.transaction() as session:
                await session.execute(text("SELECT 1"))
        except (DBAPIError, PoolTimeout, OSError):
            return False
        return True

    async def close(self) -> None:
        await self.engine.dispose()


async def raw_connection(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """The psycopg connection below a session, inside the same transaction (procrastinate enqueues jobs on it)."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", raw.driver_connection)
