"""Wake-ups across connections."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID, uuid4

import psycopg
import pytest

from meetfleet.store.database import Database
from meetfleet.store.wakeups import Wakeups, wake


@pytest.fixture
async def wakeups(database: Database) -> AsyncGenerator[Wakeups]:
    """Listening, and without the safety net of polling."""
    found = Wakeups(database.url, poll_s=3600)
    before = await listeners(database)
    task = asyncio.create_task(found.run())
    await another_listener(database, before)
    yield found
    task.cancel()


async def listeners(database: Database) -> set[int]:
    """Process ids of the connections that listen on this database; those of earlier tests go when they please."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        return {pid for (pid,) in await (await connection.execute(query)).fetchall()}


async def another_listener(database: Database, before: set[int]) -> None:
    for _ in range(500):
        if await listeners(database) - before:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody listens")


async def tell(database: Database, subject: UUID) -> None:
    async with database.transaction() as session:
        await wake(session, subject)


async def test_a_waiter_is_woken_for_its_own_subject_only(database: Database, wakeups: Wakeups):
    mine, other = uuid4(), uuid4()
    with wakeups.watching(mine) as mine_watch, wakeups.watching(other) as other_watch:
        waiting, unconcerned = (asyncio.create_task(w.wait(60)) for w in (mine_watch, other_watch))
        await tell(database, mine)
        await asyncio.wait_for(waiting, 20)
        assert not unconcerned.done()
        unconcerned.cancel()


async def test_what_happens_between_looking_and_waiting_is_not_missed(database: Database, wakeups: Wakeups):
    subject = uuid4()
    with wakeups.watching(subject) as watch:
        await tell(database, subject)
        await asyncio.sleep(0.2)
        await asyncio.wait_for(watch.wait(60), 20)


async def test_a_transaction_that_fails_wakes_nobody(database: Database, wakeups: Wakeups):
    subject, later = uuid4(), uuid4()

    async def wake_and_fail() -> None:
        async with database.transaction() as session:
            await wake(session, subject)
            raise ZeroDivisionError

    with wakeups.watching(subject) as watch, wakeups.watching(later) as later_watch:
        waiting = asyncio.create_task(watch.wait(60))
        with pytest.raises(ZeroDivisionError):
            await wake_and_fail()
        await tell(database, later)
        await asyncio.wait_for(later_watch.wait(60), 20)
        assert not waiting.done()
        waiting.cancel()


async def test_a_broken_connection_is_replaced_and_everybody_looks_again(database: Database, wakeups: Wakeups):
    subject = uuid4()
    with wakeups.watching(subject) as watch:
        waiting = asyncio.create_task(watch.wait(60))
        before = await listeners(database)
        async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        await asyncio.wait_for(waiting, 20)
        await another_listener(database, before)
        again = asyncio.create_task(watch.wait(60))
        await tell(database, subject)
        await asyncio.wait_for(again, 20)
