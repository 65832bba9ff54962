"""Gives queued bots a place, oldest first, as far as this machine has room."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.camera import Camera
from meetfleet.control.keys import hash_of
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.login_desk import LoginDesk
from meetfleet.control.playground import Ground
from meetfleet.control.team_limits import limits_of_team
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import BotSpec, BrowserSpec, Timeouts
from meetfleet.fleet.capacity import Capacity, Cost, Running, refusal
from meetfleet.fleet.launcher import Launcher, RunnerHandle
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.storage_configs import StorageConfigRepository
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import BotRow
from meetfleet.store.times import utc

START_LEASE_S = 60.0
"""How long a started process may take to its first report."""
PICKUP_DELAY_S = 120.0
"""A bot joins within two minutes, or it is told that it will not. Source: contract.md 2.1."""
MAX_STARTS = 3
"""How often a bot is started that never said a word."""

_JOINING = frozenset({BotState.STARTING, BotState.JOINING})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """What every bot that is started here is told.

    Attributes:
        link_url: Where it reports.
        queue_s: How long a bot may wait for a place.
    """

    link_url: str
    browser: BrowserSpec = field(default_factory=BrowserSpec)
    queue_s: float = 900.0


class Grounds(Protocol):
    """Where sandbox bots play; control.playground has the real one."""

    def ground_for(self, bot: BotRow) -> Ground | None:
        """None while it is being made ready. Raises RunnerError if that failed."""
        ...


class Dispatcher:
    """May run on several servers at once: each bot is claimed under a row lock, each machine filled under one lock.

    Args:
        room: Measures what bots may use now.
        playground: Where sandbox bots are sent; without one they are not sent anywhere.
    """

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        queue: JobQueue,
        launcher: Launcher,
        room: Callable[[], Capacity],
        site: Site,
        clock: Clock,
        logins: LoginDesk,
        *,
        playground: Grounds | None = None,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._launcher = launcher
        self._room = room
        self._site = site
        self._clock = clock
        self._logins = logins
        self._playground = playground

    async def place_waiting(self) -> int:
        """Starts queued bots until none waits or one does not fit; says how many. Those left know why they wait."""
        started = 0
        while (spec := await self._claim_next()) is not None:
            if not await self._launch(spec):
                break
            started += 1
        return started

    async def watch_queue(self) -> None:
        """Tells of bots that have waited long for a place, and fails those that waited too long."""
        async with self._database.transaction() as session:
            bots, now = BotRepository(session), self._now()
            late = await bots.waiting_since(now - timedelta(seconds=PICKUP_DELAY_S), [BotState.QUEUED])
            await self._lifecycle.advance_all(session, late, BotState.PICKUP_DELAYED, at=now, cause="dispatch")
            for bot in await bots.waiting_since(now - timedelta(seconds=self._site.queue_s)):
                await self._lifecycle.advance(
                    session,
                    bot,
                    BotState.FAILED,
                    at=self._now(),
                    cause="dispatch",
                    reason=EndReason.DISPATCH_TIMEOUT,
                    detail=bot.waiting_for,
                )

    async def _claim_next(self) -> BotSpec | None:
        while True:
            async with self._database.transaction() as session:
                bots = BotRepository(session)
                await bots.lock_placement(self._launcher.owner)
                bot, ground = await self._next(session)
                if bot is None:
                    return None
                running = [_running(b) for b in await bots.live_of(self._launcher.owner)]
                why = refusal(self._room(), running, bot.recording_mode)
                if why is not None:
                    await bots.tell_queued(why)
                    return None
                # A stored login is a real account: no bot of the sandbox gets one.
                reason = None if ground else await self._logins.seat(session, bot, self._now())
                if reason is None:
                    return await self._claim(session, bot, ground)
                await self._lifecycle.advance(
                    session, bot, BotState.FAILED, at=self._now(), cause="dispatch", reason=reason
                )

    async def _next(self, session: AsyncSession) -> tuple[BotRow | None, Ground | None]:
        """The bot that has waited longest, of a team that may have another one in a meeting.

        One of the sandbox waits aside until its room is ready, and counts for nobody.
        """
        bots, full, aside = BotRepository(session), set[UUID](), set[UUID]()
        while (bot := await bots.next_queued(passing_over=full, but=aside)) is not None:
            if bot.is_sandbox:
                if (ground := await self._ground(session, bot)) is not None:
                    return bot, ground
                aside.add(bot.id)
            elif await _may_start(session, bot):
                return bot, None
            else:
                full.add(bot.team_id)
        return None, None

    async def _ground(self, session: AsyncSession, bot: BotRow) -> Ground | None:
        try:
            if self._playground is None:
                raise RunnerError("This server has no sandbox.", code="sandbox_failed")
            ground = self._playground.ground_for(bot)
            bot.waiting_for = None if ground else "its room in the sandbox is being made ready"
            return ground
        except RunnerError as error:
            log.error("sandbox_failed", bot_id=str(bot.id), error=error.message)
            reason = EndReason.INTERNAL_ERROR
            await self._lifecycle.advance(
                session, bot, BotState.FAILED, at=self._now(), cause="dispatch", reason=reason, detail=error.message
            )
            return None

    async def _claim(self, session: AsyncSession, bot: BotRow, ground: Ground | None) -> BotSpec:
        token = secrets.token_urlsafe(32)
        if bot.take == 0:
            chosen = await StorageConfigRepository(session).present(bot.team_id)
            bot.storage_config_id = chosen.id if chosen is not None and chosen.enabled else None
        bot.take += 1
        bot.waiting_for = None
        bot.runner = None
        bot.link_token_hash = hash_of(token)
        bot.lease_owner = self._launcher.owner
        bot.lease_expires_at = self._now() + timedelta(seconds=START_LEASE_S)
        await self._lifecycle.advance(session, bot, BotState.STARTING, at=self._now(), cause="dispatch")
        spec = self._spec(bot, token)
        return ground.spec_of(spec, bot) if ground else spec

    async def _launch(self, spec: BotSpec) -> bool:
        try:
            handle = await self._launcher.start(spec)
        except RunnerError as error:
            log.error("bot_not_started", bot_id=spec.bot_id, error=error.message)
            await self._return_to_queue(spec, error)
            return False
        await self._remember(spec, handle)
        return True

    async def _remember(self, spec: BotSpec, handle: RunnerHandle) -> None:
        async with self._database.transaction() as session:
            bot = await BotRepository(session).by_text_id(spec.bot_id)
            if bot is not None and bot.take == spec.take:
                bot.runner = handle.to_dict()

    async def _return_to_queue(self, spec: BotSpec, error: RunnerError) -> None:
        async with self._database.transaction() as session:
            bot = await BotRepository(session).by_text_id(spec.bot_id)
            if bot is not None and bot.take == spec.take:
                await start_again(session, self._lifecycle, self._queue, bot, why=error.message, at=self._now())

    def _spec(self, bot: BotRow, token: str) -> BotSpec:
        camera = Camera.from_dict(bot.camera)
        return BotSpec(
            bot_id=str(bot.id),
            take=bot.take,
            token=token,
            link_url=self._site.link_url,
            work_dir=str(self._launcher.work_dir(str(bot.id), bot.take)),
            meeting_url=bot.meeting_url,
            platform=bot.platform.value,
            bot_name=bot.bot_name,
            recording_mode=bot.recording_mode,
            entry_message=bot.entry_message,
            timeouts=Timeouts(**bot.timeouts),
            ignored_participant_names=tuple(bot.ignored_participant_names),
            browser=self._site.browser,
            camera=camera.spec if camera else None,
        )

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def start_again(
    session: AsyncSession, lifecycle: Lifecycle, queue: JobQueue, bot: BotRow, *, why: str, at: datetime
) -> None:
    """Sends a bot that never reported back to the queue, or ends it if that happened too often."""
    if bot.state is not BotState.STARTING:
        return
    evidence = {"why": why}
    asked_to_leave = await BotRepository(session).leave_asked_at(bot.id) is not None
    if bot.take < MAX_STARTS and not asked_to_leave:
        bot.waiting_for = why
        await lifecycle.advance(session, bot, BotState.QUEUED, at=at, cause="dispatch", evidence=evidence)
        return
    reason = EndReason.STOPPED_BEFORE_RECORD if asked_to_leave else EndReason.INTERNAL_ERROR
    await lifecycle.advance(
        session, bot, BotState.PROCESSING, at=at, cause="dispatch", reason=reason, detail=why, evidence=evidence
    )
    await queue.enqueue(session, Job.FINALISE, bot.id, once=True)


def _running(bot: BotRow) -> Running:
    measured = None
    if bot.cpu_cores is not None and bot.memory_bytes is not None:
        measured = Cost(bot.cpu_cores, bot.memory_bytes)
    return Running(bot.recording_mode, measured, bot.state in _JOINING)


async def _may_start(session: AsyncSession, bot: BotRow) -> bool:
    """Whether the bot's team may have one more at once. Waits for nobody: no, while another server counts."""
    team, bots = await TeamRepository(session).get(bot.team_id), BotRepository(session)
    most = None if team is None else limits_of_team(team).bots_at_once
    if most is None:
        return True
    if not await bots.try_lock_team(bot.team_id):
        return False
    if await bots.count_live(bot.team_id) < most:
        return True
    await bots.tell_queued(f"The team may have {most} bots in meetings at once.", bot.team_id)
    return False
