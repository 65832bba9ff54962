"""The job queue and its worker on a real database."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from meetfleet.jobs.queue import ProcrastinateQueue, job_app
from meetfleet.jobs.worker import MAX_TRIES, Backoff, Handler, JobWorker
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.tables.base import utc_now


class Desk:
    """A queue, and workers whose jobs are noted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = ProcrastinateQueue(job_app(database.url))
        self.done: list[tuple[Job, UUID]] = []
        self.running = 0
        self.most_at_once: dict[UUID, int] = {}

    async def put(self, job: Job, subject: UUID, **how) -> None:
        async with self.database.transaction() as session:
            await self.queue.enqueue(session, job, subject, **how)

    def handler(self, job: Job, act: Callable[[UUID], Awaitable[None]] | None = None) -> Handler:
        async def run(subject: UUID) -> None:
            if act is not None:
                await act(subject)
            self.done.append((job, subject))

        return Handler(run)

    @asynccontextmanager
    async def working(self, handlers: dict[Job, Handler], *, alone: bool = True) -> AsyncGenerator[None]:
        worker = JobWorker(job_app(self.database.url), handlers, alone=alone)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def count(self, where: str = "true") -> int:
        with psycopg.connect(self.database.url) as connection:
            row = connection.execute(f"SELECT count(*) FROM procrastinate_jobs WHERE {where}".encode()).fetchone()
            assert row is not None
            return row[0]


@pytest.fixture
def desk(database: Database) -> Desk:
    """A desk with no job on it."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    return Desk(database)


async def until(true: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


async def test_a_job_runs_and_leaves_nothing_behind(desk: Desk):
    subject = uuid4()
    async with desk.working({Job.FINALISE: desk.handler(Job.FINALISE)}):
        await desk.put(Job.FINALISE, subject)
        await until(lambda: desk.done == [(Job.FINALISE, subject)])
        await until(lambda: desk.count() == 0)


async def test_a_job_exists_only_if_its_transaction_was_committed(desk: Desk):
    async def put_and_fail() -> None:
        async with desk.database.transaction() as session:
            await desk.queue.enqueue(session, Job.PURGE, uuid4())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await put_and_fail()
    assert desk.count() == 0


async def test_a_job_that_waits_already_is_not_put_twice(desk: Desk):
    subject = uuid4()
    for _ in range(3):
        await desk.put(Job.PURGE, subject, once=True)
    await desk.put(Job.PURGE, uuid4(), once=True)
    assert desk.count() == 2
    async with desk.working({Job.PURGE: desk.handler(Job.PURGE)}):
        await until(lambda: desk.count() == 0)


async def test_jobs_about_one_subject_run_one_after_the_other(desk: Desk):
    subject, active, overlaps = uuid4(), 0, 0

    async def act(_: UUID) -> None:
        nonlocal active, overlaps
        active += 1
        overlaps += active > 1
        await asyncio.sleep(0.05)
        active -= 1

    for _ in range(4):
        await desk.put(Job.FINALISE, subject)
    async with desk.working({Job.FINALISE: desk.handler(Job.FINALISE, act)}):
        await until(lambda: len(desk.done) == 4)
    assert overlaps == 0


async def test_a_job_waits_for_its_time(desk: Desk):
    early, late = uuid4(), uuid4()
    due = utc_now() + timedelta(seconds=1.5)
    async with desk.working({Job.PURGE: desk.handler(Job.PURGE)}):
        await desk.put(Job.PURGE, late, at=due)
        await desk.put(Job.PURGE, early)
        await until(lambda: len(desk.done) == 2)
    assert [subject for _, subject in desk.done] == [early, late]
    assert utc_now() >= due


async def test_a_job_that_fails_is_tried_again(desk: Desk):
    tries = 0

    async def fail_once(_: UUID) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("not today")

    async with desk.working({Job.PURGE: desk.handler(Job.PURGE, fail_once)}):
        await desk.put(Job.PURGE, uuid4())
        await until(lambda: len(desk.done) == 1)
    assert tries == 2


async def test_a_job_that_always_fails_is_given_up_once(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("meetfleet.jobs.worker.MAX_TRIES", 2)
    given_up: list[UUID] = []
    subject = uuid4()

    async def fail(_: UUID) -> None:
        raise OSError("never")

    async def give_up(found: UUID) -> None:
        given_up.append(found)

    async with desk.working({Job.FINALISE: Handler(fail, give_up)}):
        await desk.put(Job.FINALISE, subject)
        await until(lambda: desk.count("status = 'failed'") == 1)
    assert given_up == [subject]


def test_tries_are_spread_out_and_end():
    class Stored:
        attempts = 0

    waits = []
    for attempts in range(MAX_TRIES):
        Stored.attempts = attempts
        before = utc_now()
        decision = Backoff().get_retry_decision(exception=OSError(), job=Stored)  # type: ignore[arg-type]
        waits.append(None if decision is None else (decision.retry_at - before).total_seconds())
    assert waits[-1] is None
    assert all(0.9 * 2**i <= wait <= 91 for i, wait in enumerate(waits[:6]))


async def test_a_job_of_a_killed_server_is_taken_up_by_the_next(desk: Desk):
    """The job stands as running under a worker that will never answer again."""
    subject = uuid4()
    await desk.put(Job.FINALISE, subject)
    with psycopg.connect(desk.database.url, autocommit=True) as connection:
        row = connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id").fetchone()
        assert row is not None
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", row)
        connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 second'")
    async with desk.working({Job.FINALISE: desk.handler(Job.FINALISE)}, alone=True):
        await until(lambda: desk.done == [(Job.FINALISE, subject)])


async def test_a_job_of_another_living_server_is_left_alone(desk: Desk):
    await desk.put(Job.FINALISE, uuid4())
    with psycopg.connect(desk.database.url, autocommit=True) as connection:
        row = connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id").fetchone()
        assert row is not None
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", row)
    async with desk.working({Job.FINALISE: desk.handler(Job.FINALISE)}, alone=False):
        await asyncio.sleep(0.5)
    assert desk.done == []
