"""Has providers delete what they keep of a recording that was deleted here. Source: contract.md 2.10."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from meetfleet.control.transcription_providers import TranscriptionProviders
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import MeetfleetError
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import TranscriptionRow
from meetfleet.store.times import utc

MAX_FAILURES = 12
_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 3600.0

log = structlog.get_logger()


class Forgetting:
    """The work behind the `forget` job."""

    def __init__(self, database: Database, queue: JobQueue, providers: TranscriptionProviders, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._providers = providers
        self._clock = clock

    async def forget(self, bot_id: UUID) -> None:
        """Asks for each of the bot's runs that a provider may know. What is forgotten already is no trouble."""
        async with self._database.transaction() as session:
            runs = await TranscriptionRepository(session, bot_id).unforgotten()
        for run in runs:
            try:
                await self._forget(run)
            except MeetfleetError as error:
                await self._failed(run, error)
            else:
                await self._settled(run)

    async def _forget(self, run: TranscriptionRow) -> None:
        provider = self._providers.open(run)
        try:
            for job_id in run.provider_ids:
                await provider.forget(job_id)
        finally:
            await provider.close()

    async def _settled(self, run: TranscriptionRow) -> None:
        async with self._database.transaction() as session:
            for stored in await TranscriptionRepository(session, run.bot_id).unforgotten(lock=True):
                if stored.id == run.id:
                    stored.forgotten_at = self._now()
        log.info("provider_forgot", bot_id=str(run.bot_id), engine=run.engine, jobs=len(run.provider_ids))

    async def _failed(self, run: TranscriptionRow, error: MeetfleetError) -> None:
        failures = run.forget_failures + 1
        last = not error.retryable or failures >= MAX_FAILURES
        told = {"bot_id": str(run.bot_id), "engine": run.engine, "error": error.message, "failures": failures}
        if last:
            # Somebody must see to it by hand: the ids stay in the row.
            log.error("provider_did_not_forget", jobs=run.provider_ids, **told)
            return
        log.warning("provider_forgets_later", **told)
        wait_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** (failures - 1)) * (1 + random.random() / 4)
        async with self._database.transaction() as session:
            for stored in await TranscriptionRepository(session, run.bot_id).unforgotten(lock=True):
                if stored.id == run.id:
                    stored.forget_failures = failures
            at = self._now() + timedelta(seconds=wait_s)
            await self._queue.enqueue(session, Job.FORGET, run.bot_id, at=at)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
