"""What callers can do with bots: create, look, ask to leave, delete. Every method is one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.admission import Admission
from meetfleet.control.camera import Camera
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.playground import SandboxUnavailable
from meetfleet.control.zoom_credentials import refuse_unknown_credential
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, NotFound, ProviderError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CommandType, RecordingMode, Timeouts
from meetfleet.domain.meeting_url import MeetingUrl
from meetfleet.domain.sandbox import Order
from meetfleet.storage.objects import ObjectStore, bot_prefix
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.bots import BotFilter, BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import ArtifactRow, BotEventRow, BotRow, CommandRow, ParticipantRow, TeamRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import wake

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where one bot's end is told.

    Attributes:
        secret: Sealed.
    """

    url: str
    method: str = "POST"
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBot:
    """A validated request for a bot.

    Attributes:
        options: The whole request as its dialect validated it, for those fields that only the dialect shows again;
            secrets in it are sealed.
        extra: The caller's own data, given back in details and notices.
    """

    meeting: MeetingUrl
    bot_name: str
    recording_mode: RecordingMode = RecordingMode.SPEAKER_VIEW
    entry_message: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    ignored_participant_names: tuple[str, ...] = ()
    allow_multiple_bots: bool = True
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extra: Mapping[str, Any] | None = None
    callback: Callback | None = None
    camera: Camera | None = None
    is_sandbox: bool = False
    origin: str = "v2"


class Bots:
    """The service behind every dialect. All methods raise NotFound (`bot_not_found`) for a foreign or unknown id."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        queue: JobQueue,
        objects: ObjectStore,
        clock: Clock,
        *,
        sandbox_lacks: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._objects = objects
        self._clock = clock
        self._admission = Admission(clock)
        self._sandbox_lacks = sandbox_lacks

    async def create(self, team: TeamRow, new: NewBot) -> BotRow:
        """Stores a queued bot and its dispatch job.

        Raises:
            InvalidRequest: it names a Zoom credential that never was, or wants of the sandbox what is not there.
            Conflict: `sandbox_unavailable`, if it is one for the sandbox and this server has none.
            Refusal: the team's plan, tokens or another bot in the meeting do not let it run.
        """
        self.check_sandbox(new)
        async with self._database.transaction() as session:
            await refuse_unknown_credential(session, team, new.options)
            bot = new_row(team, new, BotState.QUEUED, self._now())
            bot.spawned_at = bot.created_at
            await BotRepository(session).add(bot)
            await self._admission.check(session, team, bot)
            event = await self._lifecycle.record(session, bot, at=bot.created_at, cause="request")
            await self._lifecycle.announce(session, bot, event)
            await self._queue.enqueue(session, Job.DISPATCH, bot.id, once=True)
            return bot

    def check_sandbox(self, new: NewBot) -> None:
        """Raises SandboxUnavailable if it is a bot for the sandbox and this server has none."""
        if new.is_sandbox and (lacking := self._sandbox_lacks()):
            raise SandboxUnavailable(lacking)

    async def get(self, team: TeamRow, bot_id: UUID) -> BotRow:
        async with self._database.transaction() as session:
            return await found_bot(session, team, bot_id)

    async def with_id_part(self, team: TeamRow, part: str) -> Sequence[BotRow]:
        """Bots whose id holds this text, scheduled ones too; two at most, to tell whether it names one."""
        async with self._database.transaction() as session:
            return await BotRepository(session).with_id_part(team.id, part, limit=2)

    async def list(self, team: TeamRow, wanted: BotFilter, page: PageRequest) -> Page[BotRow]:
        """Newest first."""
        async with self._database.transaction() as session:
            return await BotRepository(session).page(team.id, wanted, page)

    async def participants(self, team: TeamRow, bot_id: UUID) -> Sequence[ParticipantRow]:
        async with self._database.transaction() as session:
            await found_bot(session, team, bot_id)
            return await RecordingRepository(session, bot_id).participants()

    async def events(self, team: TeamRow, bot_id: UUID) -> Sequence[BotEventRow]:
        """The bot's history, oldest first."""
        async with self._database.transaction() as session:
            await found_bot(session, team, bot_id)
            return await BotRepository(session).events(bot_id)

    async def artifacts(self, team: TeamRow, bot_id: UUID) -> Sequence[ArtifactRow]:
        """By name; none once the data was deleted."""
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id)
            deleted = bot.artifacts_deleted_at is not None
            return [] if deleted else await RecordingRepository(session, bot_id).artifacts()

    async def screenshots(self, team: TeamRow, bot_id: UUID) -> Sequence[ArtifactRow]:
        """In the order they were taken; none for audio-only bots. Source: contract.md 2.6."""
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id)
            if bot.artifacts_deleted_at is not None or not bot.recording_mode.has_video:
                return []
            shots = [a for a in await RecordingRepository(session, bot_id).artifacts() if a.kind == "screenshot"]
            return sorted(shots, key=lambda a: (len(a.name), a.name))

    async def request_leave(self, team: TeamRow, bot_id: UUID) -> BotRow:
        """Asks a bot to leave; does nothing if it already does, or has left. Source: contract.md 2.7.

        A scheduled bot that was not sent yet is cancelled.

        Raises:
            Conflict: `bot_status`, if its life is over.
        """
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id, lock=True)
            if bot.state.is_final:
                raise wrong_state(bot)
            if bot.state is BotState.SCHEDULED:
                await self._lifecycle.advance(session, bot, BotState.CANCELLED, at=self._now(), cause="request")
            elif bot.state.is_in_queue:
                reason = EndReason.STOPPED_BEFORE_RECORD
                await self._lifecycle.advance(
                    session, bot, BotState.FAILED, at=self._now(), cause="request", reason=reason
                )
            elif bot.state.is_live and await BotRepository(session).open_command(bot_id, CommandType.LEAVE) is None:
                await self._order(session, bot, CommandType.LEAVE, {})
            return bot

    async def order(
        self,
        team: TeamRow,
        bot_id: UUID,
        command: CommandType,
        data: Mapping[str, Any],
        allowed: frozenset[BotState],
    ) -> CommandRow:
        """Hands a command to a bot in one of the allowed states.

        Raises:
            Conflict: `bot_status`, in any other state.
        """
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id, lock=True)
            if bot.state not in allowed:
                raise wrong_state(bot)
            return await self._order(session, bot, command, data)

    async def delete_data(self, team: TeamRow, bot_id: UUID, *, from_provider: bool = True) -> BotRow:
        """Removes everything recorded; the bot's own row and history stay. A repeat is fine.

        Args:
            from_provider: Whether transcription providers are asked to delete what they keep, too.

        Raises:
            Conflict: `bot_status`, while the bot is not completed or failed.
        """
        async with self._database.transaction() as session:
            bot = await found_bot(session, team, bot_id, lock=True)
            if bot.state not in (BotState.COMPLETED, BotState.FAILED):
                raise wrong_state(bot)
            await self.erase(session, bot, from_provider=from_provider)
        await self.purge(bot_id)
        return bot

    async def erase(self, session: AsyncSession, bot: BotRow, *, from_provider: bool = True) -> None:
        """Forgets what a bot recorded; the caller has locked its row, and purges its objects after the commit.

        Args:
            from_provider: Whether transcription providers are asked to delete what they keep, too.
        """
        bot.artifacts_deleted_at = bot.artifacts_deleted_at or self._now()
        bot.manifest = None
        await RecordingRepository(session, bot.id).forget()
        # The job makes sure of it should this process die before the caller's purge has run to its end.
        await self._queue.enqueue(session, Job.PURGE, bot.id, once=True)
        if from_provider and await TranscriptionRepository(session, bot.id).unforgotten():
            await self._queue.enqueue(session, Job.FORGET, bot.id, once=True)

    async def purge(self, bot_id: UUID) -> None:
        """Removes all stored objects of a bot, and looks whether they are gone.

        Raises:
            ProviderError: `not_purged`, some are still there; another try may help.
        """
        prefix = bot_prefix(str(bot_id))
        count = await self._objects.delete_prefix(prefix)
        left = [info.key async for info in self._objects.list(prefix)]
        if left:
            raise ProviderError(
                f"{len(left)} objects of bot '{bot_id}' are still there.", code="not_purged", retryable=True
            )
        log.info("bot_purged", bot_id=str(bot_id), objects=count)

    async def _order(
        self, session: AsyncSession, bot: BotRow, kind: CommandType, data: Mapping[str, Any]
    ) -> CommandRow:
        bot.last_command_seq += 1
        command = CommandRow(
            bot_id=bot.id, seq=bot.last_command_seq, type=kind, data=dict(data), created_at=self._now()
        )
        await BotRepository(session).add_command(command)
        await wake(session, bot.id)
        return command

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def wrong_state(bot: BotRow) -> Conflict:
    """The refusal of a call that the bot's state does not allow; the dialect words it with its own status."""
    return Conflict(f"Bot '{bot.id}' is {bot.state}: operation not permitted in this state.", code="bot_status")


async def found_bot(session: AsyncSession, team: TeamRow, bot_id: UUID, *, lock: bool = False) -> BotRow:
    """One of a team's bots. Raises NotFound (`bot_not_found`)."""
    bot = await BotRepository(session).get(bot_id, team_id=team.id, lock=lock)
    if bot is None:
        raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
    return bot


def _options(new: NewBot) -> dict[str, Any]:
    order = {"sandbox": Order.of(new.meeting.native_id, new.extra).to_dict()} if new.is_sandbox else {}
    return {**new.options, **order}


def new_row(team: TeamRow, new: NewBot, state: BotState, now: datetime) -> BotRow:
    """A bot as it is created."""
    bot = BotRow(team_id=team.id, origin=new.origin, state=state, state_at=now, created_at=now)
    apply(new, bot)
    return bot


def apply(new: NewBot, bot: BotRow) -> None:
    """Makes a stored bot what a request asks for."""
    bot.meeting_url, bot.platform, bot.native_id = new.meeting.url, new.meeting.platform, new.meeting.native_id
    bot.bot_name = new.bot_name
    bot.recording_mode = new.recording_mode
    bot.entry_message = new.entry_message
    bot.timeouts = asdict(new.timeouts)
    bot.ignored_participant_names = list(new.ignored_participant_names)
    bot.options = _options(new)
    bot.extra = None if new.extra is None else dict(new.extra)
    bot.allow_multiple_bots = new.allow_multiple_bots
    bot.callback = None if new.callback is None else asdict(new.callback)
    bot.camera = None if new.camera is None else new.camera.to_dict()
    bot.is_sandbox = new.is_sandbox
