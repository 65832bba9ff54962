"""The work behind the `transcribe` job: one step with a provider, then the files, or a further step later.

A step never waits for a provider to finish: it asks, writes down where things stand, and has itself called again. So
thousands of recordings can be under way at once, and a crash costs one step.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.speech_source import Recorded, SpeechSource
from meetfleet.control.transcript_files import TranscriptFiles
from meetfleet.control.transcription_providers import TranscriptionProviders
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import MeetfleetError, ProviderError
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import BotRow, TranscriptionRow, TranscriptionStatus
from meetfleet.store.times import utc
from meetfleet.transcription.naming import Diarization, named
from meetfleet.transcription.output import RawPiece
from meetfleet.transcription.pieces import Piece, cut
from meetfleet.transcription.provider import Heard, SpeechToText, Submitted
from meetfleet.transcription.transcript import Transcript, Utterance

MAX_FAILURES = 8
PATIENCE = timedelta(hours=1)
"""How long a provider may take, on top of the recording's own length."""
_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 300.0
_POLL_S = (2.0, 30.0)
_VOICES_OF_A_PIECE = 10_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a run stands as the step begins."""

    bot: BotRow
    run: TranscriptionRow


class Transcriber:
    """Safe to repeat at any point, and to be called for a bot with nothing to do.

    Args:
        chance: Random numbers from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        queue: JobQueue,
        providers: TranscriptionProviders,
        source: SpeechSource,
        files: TranscriptFiles,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._providers = providers
        self._source = source
        self._files = files
        self._clock = clock
        self._chance = chance

    async def transcribe(self, bot_id: UUID) -> None:
        """Takes a bot's newest run one step further."""
        step = await self._found(bot_id)
        if step is None:
            return
        try:
            await self._choose(step)
            recorded = await self._source.read(step.bot)
            heard = await self._ask(step, recorded)
            if heard is None:
                await self._wait(step)
            else:
                await self._deliver(step, recorded, heard)
        except MeetfleetError as error:
            await self._failed(step, error)

    async def give_up(self, bot_id: UUID) -> None:
        """Something went wrong inside, time and again."""
        step = await self._found(bot_id)
        if step is not None:
            await self._fail(step, "The transcription failed inside.")

    async def _found(self, bot_id: UUID) -> _Step | None:
        async with self._database.transaction() as session:
            return await self._open(session, bot_id)

    async def _choose(self, step: _Step) -> None:
        """Settles, once, which engine does the work."""
        if step.run.engine is not None:
            return
        choice = self._providers.choose(step.bot, step.run)

        def begin(run: TranscriptionRow) -> None:
            run.engine, run.is_byok = choice.engine, choice.is_byok
            run.status, run.started_at = TranscriptionStatus.PROCESSING, self._now()

        begin(step.run)
        await self._note(step, begin)

    async def _open(self, session: AsyncSession, bot_id: UUID, run_id: UUID | None = None) -> _Step | None:
        """The bot and its newest run, locked, if that is (still) to be worked on."""
        bot = await BotRepository(session).get(bot_id, lock=True)
        if bot is None or bot.state is not BotState.TRANSCRIBING:
            return None
        run = await TranscriptionRepository(session, bot_id).newest(lock=True)
        if run is None or run.finished_at is not None or run_id not in (None, run.id):
            return None
        return _Step(bot, run)

    async def _ask(self, step: _Step, recorded: Recorded) -> list[RawPiece] | None:
        """What the provider made of all pieces; None while it works on any."""
        provider = self._providers.open(step.run)
        try:
            pieces = step.run.pieces or _cut(recorded, provider)
            async with self._source.sound(step.bot, recorded, provider.capabilities) as speech_of:
                found: list[RawPiece | None] = []
                for index, piece in enumerate(pieces):
                    span = Piece(piece["start_s"], piece["end_s"])
                    if piece["job_id"] is None:
                        answer = await provider.submit(await speech_of(span))
                        heard = await self._submitted(step, pieces, index, answer)
                    else:
                        heard = await self._collect(step, provider, index, piece["job_id"])
                    found.append(None if heard is None else self._raw(step, heard, span))
        finally:
            await provider.close()
        whole = [piece for piece in found if piece is not None]
        return whole if len(whole) == len(found) else None

    async def _submitted(
        self, step: _Step, pieces: Sequence[dict[str, Any]], index: int, answer: Heard | Submitted
    ) -> Heard | None:
        if isinstance(answer, Heard):
            return answer

        def keep(run: TranscriptionRow) -> None:
            run.pieces = _with_job(run.pieces or pieces, index, answer.job_id)
            run.provider_ids = [*run.provider_ids, answer.job_id]

        await self._note(step, keep)
        return None

    async def _collect(self, step: _Step, provider: SpeechToText, index: int, job_id: str) -> Heard | None:
        try:
            return await provider.collect(job_id)
        except ProviderError as error:
            if error.retryable and error.code == "job_failed":
                # This job will not recover; the next try begins with a new one.
                await self._note(step, lambda run: setattr(run, "pieces", _with_job(run.pieces, index, None)))
            raise

    def _raw(self, step: _Step, heard: Heard, span: Piece) -> RawPiece:
        assert step.run.started_at is not None
        took_s = max(0.0, (self._now() - step.run.started_at).total_seconds())
        return RawPiece(heard, span.start_s, span.duration_s, took_s)

    async def _note(self, step: _Step, change: Callable[[TranscriptionRow], None]) -> None:
        """Changes the stored run."""
        async with self._database.transaction() as session:
            found = await self._open(session, step.bot.id, step.run.id)
            if found is not None:
                change(found.run)

    async def _deliver(self, step: _Step, recorded: Recorded, pieces: Sequence[RawPiece]) -> None:
        utterances = _joined(pieces)
        if not self._providers.names_speakers(step.run):
            utterances = named(utterances, Diarization(recorded.heard))
        transcript = Transcript.of(utterances, recorded.duration_s)
        entries = await self._files.store(step.run, transcript, pieces, self._now())
        async with self._database.transaction() as session:
            found = await self._open(session, step.bot.id, step.run.id)
            if found is None:
                return
            bot, run = found.bot, found.run
            await self._files.register(session, bot, entries)
            run.status, run.finished_at, run.seconds = TranscriptionStatus.DONE, self._now(), recorded.duration_s
            if run.is_byok:
                bot.byok_transcribed_s += recorded.duration_s
            else:
                bot.transcribed_s += recorded.duration_s
            await self._lifecycle.advance(session, bot, run.back_to, at=self._now(), cause="transcribe")
        log.info("transcribed", bot_id=str(bot.id), engine=run.engine, seconds=recorded.duration_s, byok=run.is_byok)

    async def _wait(self, step: _Step) -> None:
        if self._is_overdue(step):
            await self._fail(step, "The provider took too long.")
            return
        assert step.run.started_at is not None
        least_s, most_s = _POLL_S
        wait_s = min(most_s, max(least_s, (self._now() - step.run.started_at).total_seconds() / 10))
        await self._again(step, wait_s, failures=0)

    async def _failed(self, step: _Step, error: MeetfleetError) -> None:
        failures = step.run.failures + 1
        last = not error.retryable or failures >= MAX_FAILURES or self._is_overdue(step)
        log.warning(
            "transcription_try_failed", bot_id=str(step.bot.id), error=error.message, code=error.code, last=last
        )
        if last:
            await self._fail(step, error.message)
            return
        wait_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** (failures - 1))
        asked_s = error.retry_after_s if isinstance(error, ProviderError) else None
        await self._again(step, max(wait_s, min(asked_s or 0.0, _LAST_RETRY_S)), failures=failures)

    async def _again(self, step: _Step, wait_s: float, *, failures: int) -> None:
        async with self._database.transaction() as session:
            found = await self._open(session, step.bot.id, step.run.id)
            if found is not None:
                found.run.failures = failures
                at = self._now() + timedelta(seconds=wait_s * (1 + self._chance() / 4))
                # Should another job wait already (a lost one that was put again), that one goes on for both.
                await self._queue.enqueue(session, Job.TRANSCRIBE, step.bot.id, at=at, once=True)

    async def _fail(self, step: _Step, why: str) -> None:
        """The recording stays, with all its links. Source: contract.md C61."""
        async with self._database.transaction() as session:
            found = await self._open(session, step.bot.id, step.run.id)
            if found is None:
                return
            bot, run = found.bot, found.run
            run.status, run.finished_at, run.error = TranscriptionStatus.ERROR, self._now(), why
            if run.back_to is BotState.COMPLETED:
                bot.end_reason = EndReason.TRANSCRIPTION_FAILED
            evidence = {"engine": run.engine, "error": why}
            await self._lifecycle.advance(
                session, bot, BotState.FAILED, at=self._now(), cause="transcribe", evidence=evidence
            )
        log.error("transcription_failed", bot_id=str(bot.id), engine=run.engine, error=why)

    def _is_overdue(self, step: _Step) -> bool:
        began = step.run.started_at or self._now()
        return self._now() > began + PATIENCE + timedelta(seconds=step.bot.duration_s or 0.0)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _cut(recorded: Recorded, provider: SpeechToText) -> list[dict[str, Any]]:
    """The pieces as the run keeps them from the first job on; until then each try cuts anew, and alike."""
    found = cut(recorded.duration_s, provider.capabilities.max_audio_s, recorded.heard)
    return [{"start_s": piece.start_s, "end_s": piece.end_s, "job_id": None} for piece in found]


def _with_job(pieces: Sequence[dict[str, Any]], index: int, job_id: str | None) -> list[dict[str, Any]]:
    return [{**piece, "job_id": job_id} if at == index else piece for at, piece in enumerate(pieces)]


def _joined(pieces: Sequence[RawPiece]) -> list[Utterance]:
    """All pieces on the recording's time line; a voice's number means nothing in another piece."""
    found: list[Utterance] = []
    for index, piece in enumerate(pieces):
        for utterance in piece.heard.utterances:
            voice = None if utterance.voice is None else index * _VOICES_OF_A_PIECE + utterance.voice
            found.append(replace(utterance.later(piece.start_s), voice=voice))
    return found
