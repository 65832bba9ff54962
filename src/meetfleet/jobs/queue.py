"""Puts jobs into the transaction that calls for them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import procrastinate
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.database import raw_connection
from meetfleet.store.jobs import Job

PROMPT_QUEUE = "prompt"
"""Short work on bots."""
OUTSIDE_QUEUE = "outside"
"""Work that waits for other people's servers, kept apart so that it never holds bots up."""

LONG_QUEUE = "long"
"""Work that keeps a processor busy for minutes."""

TRANSCRIBE_QUEUE = "transcribe"
"""Work on speech: uploads of whole recordings may take minutes, waiting for providers takes no place."""

_QUEUES = {
    Job.RENDER: LONG_QUEUE,
    Job.RETAIN: LONG_QUEUE,
    Job.TRANSCRIBE: TRANSCRIBE_QUEUE,
    Job.FORGET: TRANSCRIBE_QUEUE,
}
_PRIORITIES = {Job.DISPATCH: 10, Job.FINALISE: 5}
_WAITING = text(
    "SELECT 1 FROM procrastinate_jobs "
    "WHERE status = 'todo' AND task_name = :job AND args->>'subject' = :subject LIMIT 1"
)


def job_app(url: str) -> procrastinate.App:
    """The connection to the job tables of a database."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=8)
    return procrastinate.App(connector=connector)


class ProcrastinateQueue:
    """The `JobQueue` that `JobWorker` works off.

    Args:
        app: Need not be opened: jobs are written on the caller's connection.
    """

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app

    async def enqueue(
        self, session: AsyncSession, job: Job, subject: UUID, *, at: datetime | None = None, once: bool = False
    ) -> None:
        if once and await session.scalar(_WAITING, {"job": job.value, "subject": str(subject)}):
            # Two transactions may both find none; the second job then finds nothing left to do.
            return
        options: dict[str, Any] = {"schedule_at": at} if at is not None else {}
        deferrer = self._app.configure_task(
            job.value,
            queue=_QUEUES.get(job, PROMPT_QUEUE),
            lock=f"{job}:{subject}",
            priority=_PRIORITIES.get(job, 0),
            connection=await raw_connection(session),
            **options,
        )
        await deferrer.defer_async(subject=str(subject))
