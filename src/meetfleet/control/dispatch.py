"""Gives queued bots a place, oldest first, as far as this machine has room."""

import secrets
from collections.abc import Callable, Sequence
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
from meetfleet.control.placement import Choice
from meetfleet.control.playground import Ground
from meetfleet.control.team_limits import limits_of_team
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import BotSpec, BrowserSpec, Timeouts
from meetfleet.fleet.capacity import Capacity
from meetfleet.fleet.launcher import Launcher, RunnerHandle
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.storage_configs import StorageConfigRepository
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import BotRow
from meetfleet.store.times import utc

CLAIMED_AT_ONCE = 25
CLAIM_LEASE_S = 20.0
"""How long claimed bots may take to be started, after which the server that claimed them must have died."""
START_LEASE_S = 60.0
"""How long a started process may take to its first report."""
PICKUP_DELAY_S = 120.0
"""A bot joins within two minutes, or it is told that it will not. Source: contract.md 2.1."""
MAX_STARTS = 3
"""How often a bot is started that never said a word."""

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
        while (specs := await self._claim_next()) is not None:
            launched = await self._launch(specs)
            started += launched
            if launched < len(specs):
                break
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

    async def _claim_next(self) -> list[BotSpec] | None:
        """Claims those who wait longest, as far as there is room; None if there is nobody to decide upon."""
        async with self._database.transaction() as session:
            bots = BotRepository(session)
            await bots.lock_placement(self._launcher.owner)
            choice = Choice(self._room())
            await self._choose(session, choice)
            specs = await self._claim(session, choice)
            for why, team_id in choice.reasons:
                await bots.tell_queued(why, team_id)
            return specs if choice.going or choice.turned_away else None

    async def _choose(self, session: AsyncSession, choice: Choice) -> None:
        bots = BotRepository(session)
        while waiting := await bots.queued(limit=CLAIMED_AT_ONCE, passing_over=choice.held_teams, but=choice.aside):
            choice.note_running(await bots.live_groups(self._launcher.owner))
            for bot in waiting:
                if choice.is_full(bot):
                    return
                if bot.is_sandbox:
                    choice.take_in_sandbox(bot, await self._ground(session, bot))
                    continue
                if await self._is_held(session, bot, choice):
                    continue
                if await self._is_seated(session, bot, choice):
                    choice.take(bot)
                if self._logins.asks(bot):
                    # One lock on logins in a transaction, lest two servers wait for each other.
                    return
            if choice.going:
                return

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

    async def _is_held(self, session: AsyncSession, bot: BotRow, choice: Choice) -> bool:
        """Whether the bot's team may have no other one at once. Waits for nobody: yes, while another server counts."""
        if bot.team_id in choice.held_teams:
            return True
        team, bots = await TeamRepository(session).get(bot.team_id), BotRepository(session)
        most = None if team is None else limits_of_team(team).bots_at_once
        if most is None:
            return False
        if not await bots.try_lock_team(bot.team_id):
            choice.hold(bot.team_id)
        elif await bots.count_live(bot.team_id) + choice.going_of(bot.team_id) >= most:
            choice.hold(bot.team_id, f"The team may have {most} bots in meetings at once.")
        return bot.team_id in choice.held_teams

    async def _is_seated(self, session: AsyncSession, bot: BotRow, choice: Choice) -> bool:
        """Whether the bot has the login it asked for, if it did; if it cannot have one its life ends here."""
        reason = await self._logins.seat(session, bot, self._now())
        if reason is not None:
            choice.turned_away += 1
            await self._lifecycle.advance(
                session, bot, BotState.FAILED, at=self._now(), cause="dispatch", reason=reason
            )
        return reason is None

    async def _claim(self, session: AsyncSession, choice: Choice) -> list[BotSpec]:
        bots = choice.going
        tokens = [secrets.token_urlsafe(32) for _ in bots]
        await self._choose_buckets(session, [bot for bot in bots if bot.take == 0])
        for bot, token in zip(bots, tokens, strict=True):
            bot.take += 1
            bot.waiting_for = None
            bot.runner = None
            bot.link_token_hash = hash_of(token)
            bot.lease_owner = self._launcher.owner
            bot.lease_expires_at = self._now() + timedelta(seconds=CLAIM_LEASE_S)
        await self._lifecycle.advance_all(session, bots, BotState.STARTING, at=self._now(), cause="dispatch")
        specs = zip(bots, (self._spec(bot, token) for bot, token in zip(bots, tokens, strict=True)), strict=True)
        return [choice.grounds[bot.id].spec_of(spec, bot) if bot.id in choice.grounds else spec for bot, spec in specs]

    async def _choose_buckets(self, session: AsyncSession, bots: Sequence[BotRow]) -> None:
        """Where a bot's recording is kept is settled when it starts for the first time."""
        configs = StorageConfigRepository(session)
        for team_id in {bot.team_id for bot in bots}:
            chosen = await configs.present(team_id)
            for bot in bots:
                if bot.team_id == team_id:
                    bot.storage_config_id = chosen.id if chosen is not None and chosen.enabled else None

    async def _launch(self, specs: Sequence[BotSpec]) -> int:
        """Starts claimed bots one after the other; says how many. Once one does not start, the rest is put back."""
        if not specs:
            return 0
        started: list[tuple[BotSpec, RunnerHandle]] = []
        try:
            for spec in specs:
                started.append((spec, await self._launcher.start(spec)))
        except RunnerError as error:
            failed, *rest = specs[len(started) :]
            log.error("bot_not_started", bot_id=failed.bot_id, error=error.message)
            await self._return_to_queue(failed, error)
            await self._put_back(rest)
        await self._remember(started)
        return len(started)

    async def _remember(self, started: Sequence[tuple[BotSpec, RunnerHandle]]) -> None:
        async with self._database.transaction() as session:
            bots = await BotRepository(session).locked(UUID(spec.bot_id) for spec, _ in started)
            reports_until = self._now() + timedelta(seconds=START_LEASE_S)
            for spec, handle in started:
                bot = bots.get(UUID(spec.bot_id))
                if bot is not None and bot.take == spec.take:
                    bot.runner = handle.to_dict()
                    # It may have reported already, and have a lease by that.
                    bot.lease_expires_at = max(bot.lease_expires_at or reports_until, reports_until)

    async def _put_back(self, specs: Sequence[BotSpec]) -> None:
        """Bots that were claimed and not tried: as if nobody had claimed them."""
        async with self._database.transaction() as session:
            bots = await BotRepository(session).locked(UUID(spec.bot_id) for spec in specs)
            claimed = [bots[UUID(spec.bot_id)] for spec in specs if bots[UUID(spec.bot_id)].take == spec.take]
            waiting = [bot for bot in claimed if bot.state is BotState.STARTING]
            for bot in waiting:
                bot.take -= 1
                bot.lease_owner = bot.lease_expires_at = bot.link_token_hash = None
            await self._lifecycle.advance_all(session, waiting, BotState.QUEUED, at=self._now(), cause="dispatch")

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
