"""Works jobs off, inside the server process; after a crash of any server its jobs are taken up again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import procrastinate
import structlog
from procrastinate import JobContext, RetryDecision
from procrastinate.jobs import Job as StoredJob
from procrastinate.retry import BaseRetryStrategy

from meetfleet.jobs.queue import LONG_QUEUE, OUTSIDE_QUEUE, PROMPT_QUEUE, TRANSCRIBE_QUEUE
from meetfleet.store.jobs import Job

MAX_TRIES = 8
_POLL_S = 1.0
_HEARTBEAT_S = 5.0
_STALLED_S = 20.0
_REAP_S = 5.0
_KEEP_FAILED_HOURS = 24 * 7
_STOP_S = 10.0
_CONCURRENCY = {PROMPT_QUEUE: 8, OUTSIDE_QUEUE: 48, LONG_QUEUE: 4, TRANSCRIBE_QUEUE: 12}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handler:
    """What one kind of job does.

    Attributes:
        run: Must be safe to repeat: a crash may come after its last line and before the job is marked done.
        give_up: Called instead of a further try, after the last one failed.
    """

    run: Callable[[UUID], Awaitable[None]]
    give_up: Callable[[UUID], Awaitable[None]] | None = None


class Backoff(BaseRetryStrategy):
    """1, 2, 4 ... 60 seconds, each up to half longer by chance, then no more."""

    def get_retry_decision(self, *, exception: BaseException, job: StoredJob) -> RetryDecision | None:
        if job.attempts + 1 >= MAX_TRIES:
            return None
        wait_s = min(60.0, 2.0**job.attempts) * (1 + random.random() / 2)
        return RetryDecision(retry_in={"seconds": round(wait_s)})


class JobWorker:
    """Runs the jobs of all queues.

    Args:
        alone: Whether no other server can be using this database, so that jobs of dead servers need no waiting.
    """

    def __init__(self, app: procrastinate.App, handlers: Mapping[Job, Handler], *, alone: bool) -> None:
        self._app = app
        self._alone = alone
        for job, handler in handlers.items():
            self._register(job, handler)

    async def run(self) -> None:
        """Works until cancelled; running jobs then get a few seconds to end."""
        async with self._app.open_async():
            await self._take_up_again(0.0 if self._alone else _STALLED_S)
            async with asyncio.TaskGroup() as tasks:
                for queue, concurrency in _CONCURRENCY.items():
                    tasks.create_task(self._work(queue, concurrency))
                tasks.create_task(self._reap())

    async def _work(self, queue: str, concurrency: int) -> None:
        await self._app.run_worker_async(
            queues=[queue],
            name=f"meetfleet-{queue}",
            concurrency=concurrency,
            fetch_job_polling_interval=_POLL_S,
            update_heartbeat_interval=_HEARTBEAT_S,
            stalled_worker_timeout=_STALLED_S,
            shutdown_graceful_timeout=_STOP_S,
            install_signal_handlers=False,
            delete_jobs="successful",
        )
        raise RuntimeError(f"The worker of queue '{queue}' has stopped.")

    async def _reap(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(_REAP_S)
            await self._take_up_again(_STALLED_S)
            if rounds % 720 == 0:
                await self._app.job_manager.delete_old_jobs(nb_hours=_KEEP_FAILED_HOURS, include_failed=True)
            rounds += 1

    async def _take_up_again(self, silent_s: float) -> None:
        """Makes jobs wait anew whose worker has been silent for so long."""
        for job in await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_s):
            log.warning("job_taken_up_again", job=job.task_name, subject=job.task_kwargs.get("subject"))
            await self._app.job_manager.retry_job(job, retry_at=datetime.now(UTC))

    def _register(self, job: Job, handler: Handler) -> None:
        async def run(context: JobContext, subject: str) -> None:
            with structlog.contextvars.bound_contextvars(job=job.value, subject=subject):
                try:
                    await handler.run(UUID(subject))
                except Exception as error:
                    # The outermost loop of a job: whatever went wrong, it is tried again or given up.
                    last = context.job.attempts + 1 >= MAX_TRIES
                    log.error("job_failed", attempt=context.job.attempts + 1, given_up=last, exc_info=error)
                    if last and handler.give_up is not None:
                        await handler.give_up(UUID(subject))
                    raise

        self._app.task(name=job.value, pass_context=True, retry=Backoff())(run)
