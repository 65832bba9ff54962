"""The seam to durable jobs: a job is a row that appears together with the state it follows from, or not at all."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


class Job(StrEnum):
    """What can happen later; each takes one id."""

    DISPATCH = "dispatch"
    FINALISE = "finalise"
    PURGE = "purge"
    RENDER = "render"
    RETAIN = "retain"
    TRANSCRIBE = "transcribe"
    FORGET = "forget"


class JobQueue(Protocol):
    """Where jobs are put. The real one is `jobs.queue`, the fake one is in `testing`."""

    async def enqueue(
        self, session: AsyncSession, job: Job, subject: UUID, *, at: datetime | None = None, once: bool = False
    ) -> None:
        """Puts a job into the session's transaction.

        Args:
            subject: The bot it is about. Jobs of one kind about one
                subject never run side by side.
            at: Not before this moment; None for at once.
            once: Does nothing if the same job still waits to start.
        """
        ...
