"""Begins transcriptions: after a call by itself, later on request. The work is done by `transcribing.py`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.admission import Admission
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import ArtifactStatus, BotRow, TeamRow, TranscriptionRow
from meetfleet.store.times import utc
from meetfleet.transcription.choice import NAME_OF_UNNAMED


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest:
    """How a caller wants a recording to be transcribed.

    Attributes:
        provider: None for the server's default.
        api_key: The caller's own, sealed.
        custom_params: Handed to the provider as they are.
    """

    provider: str | None = None
    api_key: str | None = field(default=None, repr=False)
    region: str | None = None
    custom_params: Mapping[str, Any] | None = None


def is_wanted(bot: BotRow) -> bool:
    """Whether the bot was created to be transcribed."""
    return bool(bot.options.get("transcription_enabled"))


class Transcriptions:
    def __init__(self, database: Database, lifecycle: Lifecycle, queue: JobQueue, clock: Clock) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._clock = clock
        self._admission = Admission(clock)

    async def begin(self, session: AsyncSession, bot: BotRow, back_to: BotState) -> None:
        """Takes a bot whose recording is done into `transcribing`. The caller holds its row lock.

        Args:
            back_to: How its life ends once it is transcribed, for the reason that it has now.
        """
        config = cast("dict[str, Any]", bot.options.get("transcription_config") or {})
        await self._begin(session, bot, config, back_to, bot.end_reason, cause="finalise")

    async def retranscribe(self, team: TeamRow, bot_id: UUID, request: TranscriptionRequest | None) -> BotRow:
        """Transcribes a finished bot's recording once more. Source: contract.md 2.15.

        Args:
            request: None for what was asked for before.

        Raises:
            NotFound: `bot_not_found`.
            Conflict: `bot_status`, if the bot is not finished, or has no sound (any more).
            ByokNotEnabled: the request brings a key that the team's plan does not take.
        """
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, team_id=team.id, lock=True)
            if bot is None:
                raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
            await _check_sound(session, bot)
            last = await TranscriptionRepository(session, bot_id).newest()
            config = _config(bot, last) if request is None else asdict(request)
            self._admission.check_entitlement(team, {"transcription_enabled": True, "transcription_config": config})
            back_to, back_reason = _before(bot, last)
            await self._begin(session, bot, config, back_to, back_reason, cause="request")
            return bot

    async def _begin(
        self,
        session: AsyncSession,
        bot: BotRow,
        config: Mapping[str, Any],
        back_to: BotState,
        back_reason: EndReason | None,
        *,
        cause: str,
    ) -> None:
        now = self._now()
        run = TranscriptionRow(
            bot_id=bot.id,
            provider=config.get("provider") or NAME_OF_UNNAMED,
            config=dict(config),
            back_to=back_to,
            back_reason=back_reason,
            created_at=now,
        )
        await TranscriptionRepository(session, bot.id).add(run)
        bot.end_reason = back_reason
        await self._lifecycle.advance(session, bot, BotState.TRANSCRIBING, at=now, cause=cause)
        await self._queue.enqueue(session, Job.TRANSCRIBE, bot.id)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def _check_sound(session: AsyncSession, bot: BotRow) -> None:
    sound = await RecordingRepository(session, bot.id).artifact(ARTIFACT_NAMES["audio"])
    kept = sound is not None and sound.status is ArtifactStatus.READY and bot.artifacts_deleted_at is None
    if bot.state not in (BotState.COMPLETED, BotState.FAILED) or not kept:
        raise Conflict(f"Bot '{bot.id}' is {bot.state}: operation not permitted in this state.", code="bot_status")


def _config(bot: BotRow, last: TranscriptionRow | None) -> Mapping[str, Any]:
    return last.config if last is not None else bot.options.get("transcription_config") or {}


def _before(bot: BotRow, last: TranscriptionRow | None) -> tuple[BotState, EndReason | None]:
    """How the bot's life had ended but for its transcription."""
    if last is not None and bot.end_reason is EndReason.TRANSCRIPTION_FAILED:
        return last.back_to, last.back_reason
    return bot.state, bot.end_reason
