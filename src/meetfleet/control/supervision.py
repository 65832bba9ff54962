"""Watches over live bots: each has a process that reports, or gets a decision. Nothing stays stuck."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from meetfleet.control.dispatch import Dispatcher, start_again
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.link import LinkService
from meetfleet.control.rejoin import AfterCrash, RejoinPolicy
from meetfleet.control.runner import runner_of
from meetfleet.control.verdict import Action, Evidence, Verdict, decide
from meetfleet.domain.clock import Clock
from meetfleet.domain.lifecycle import BotState, may_follow
from meetfleet.domain.link import LEASE_S
from meetfleet.fleet.launcher import Launcher, RunnerHandle, RunnerState, RunnerStatus
from meetfleet.fleet.leftovers import log_tail, undelivered_reports
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository, LiveBot
from meetfleet.store.tables import BotRow, EventKind
from meetfleet.store.times import utc

SWEEP_S = 2.0
LEAVE_PATIENCE_S = 90.0
FINALISE_AGAIN_S = 60.0
_WORKED_OFF = {BotState.PROCESSING: Job.FINALISE, BotState.TRANSCRIBING: Job.TRANSCRIBE}
"""What takes bots further that have no process any more; a job that got lost is put again."""
_STOP_GRACE_S = 10.0
_EXAMINED_AT_ONCE = 4

log = structlog.get_logger()


class Supervisor:
    """Run `run` on every server. It holds no truth of its own: what it decides upon stands in the database."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        queue: JobQueue,
        launcher: Launcher,
        dispatcher: Dispatcher,
        link: LinkService,
        rejoin: RejoinPolicy,
        clock: Clock,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._queue = queue
        self._launcher = launcher
        self._dispatcher = dispatcher
        self._link = link
        self._rejoin = rejoin
        self._clock = clock
        self._reachable_since = clock.now_ns()
        self._examining: dict[UUID, asyncio.Lock] = {}
        self._turns = asyncio.Semaphore(_EXAMINED_AT_ONCE)

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            try:
                await self.sweep()
            except (DBAPIError, PoolTimeout, OSError) as error:
                log.error("sweep_failed", error=str(error).splitlines()[0])
                # Bots could not renew their leases either: they get a full one before they are judged.
                self._reachable_since = self._clock.now_ns()
            await self._clock.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Looks once at every bot that is not at its end."""
        await self._dispatcher.watch_queue()
        await self._dispatcher.place_waiting()
        async with self._database.transaction() as session:
            bots = BotRepository(session)
            perhaps_unwell = await bots.perhaps_unwell(self._launcher.owner, self._now())
            late = self._now() - timedelta(seconds=FINALISE_AGAIN_S)
            for bot in await bots.in_states(_WORKED_OFF):
                if bot.updated_at < late:
                    bot.updated_at = self._now()
                    await self._queue.enqueue(session, _WORKED_OFF[bot.state], bot.id, once=True)
        unwell = {bot.id for bot in perhaps_unwell if not await self._is_well(bot)}
        await asyncio.gather(*(self._examine_in_turn(bot_id) for bot_id in unwell))
        self._examining = {b: lock for b, lock in self._examining.items() if b in unwell or lock.locked()}

    async def _is_well(self, bot: LiveBot) -> bool:
        """Whether a bot reports, runs, and is to stay: then nothing about it can need a decision."""
        handle = RunnerHandle.from_dict(bot.runner)
        if handle is None or bot.asked_to_leave or bot.lease_expires_at is None or bot.lease_expires_at <= self._now():
            return False
        return (await self._launcher.adopt(handle)).state is RunnerState.ALIVE

    async def _examine_in_turn(self, bot_id: UUID) -> None:
        async with self._turns:
            await self.examine(bot_id)

    async def runner_ended(self, handle: RunnerHandle, status: RunnerStatus) -> None:
        """The launcher saw a process end: decide at once instead of at the next sweep."""
        try:
            await self.examine(UUID(Path(handle.work_dir).parent.name))
        except (DBAPIError, PoolTimeout, OSError, ValueError) as error:
            log.error("examination_failed", work_dir=handle.work_dir, error=str(error).splitlines()[0])

    async def examine(self, bot_id: UUID) -> None:
        """Judges one bot, and does what follows."""
        async with self._examining.setdefault(bot_id, asyncio.Lock()):
            bot, evidence = await self._evidence(bot_id)
            if bot is None or evidence is None:
                return
            verdict = decide(evidence)
            if verdict.action is Action.WAIT:
                return
            await self._execute(bot, evidence, verdict)

    async def _evidence(self, bot_id: UUID) -> tuple[BotRow | None, Evidence | None]:
        async with self._database.transaction() as session:
            bots = BotRepository(session)
            bot = await bots.get(bot_id)
            if bot is None or not bot.state.is_live:
                return None, None
            reported = await bots.last_report(bot_id, bot.take) > 0
            asked = await bots.leave_asked_at(bot_id)
        handle = runner_of(self._launcher, bot)
        runner = await self._launcher.adopt(handle) if handle is not None else None
        return bot, Evidence(
            runner=runner,
            has_reported=reported,
            lease_overdue_s=self._overdue_s(bot),
            leave_overdue_s=None if asked is None else (self._now() - asked).total_seconds() - LEAVE_PATIENCE_S,
        )

    async def _execute(self, bot: BotRow, evidence: Evidence, verdict: Verdict) -> None:
        work_dir = self._launcher.work_dir(str(bot.id), bot.take)
        handle = runner_of(self._launcher, bot)
        if handle is not None:
            if verdict.action is Action.END and self._launcher.status(handle).state is RunnerState.ALIVE:
                await self._note_reason(bot, verdict)
            await self._launcher.stop(handle, grace_s=_STOP_GRACE_S)
        # Its own words come first: it may have ended in good order while nobody was there to hear.
        reports = await asyncio.to_thread(undelivered_reports, work_dir)
        await self._link.report_left_behind(bot.id, bot.take, reports)
        proof = _proof(evidence, work_dir)
        log.warning("bot_decided", bot_id=str(bot.id), action=verdict.action, reason=verdict.reason)
        async with self._database.transaction() as session:
            current = await BotRepository(session).get(bot.id, lock=True)
            if current is None or current.take != bot.take or not current.state.is_live:
                return
            await self._lifecycle.record(
                session, current, at=self._now(), cause="supervisor", kind=EventKind.RUNNER, evidence=proof
            )
            if verdict.action is Action.RESTART and current.state is BotState.STARTING:
                why = "The bot's process ended before it said anything."
                await start_again(session, self._lifecycle, self._queue, current, why=why, at=self._now())
            elif self._rejoin.after_crash(current, evidence) is AfterCrash.FINALISE:
                await self._lifecycle.advance(
                    session,
                    current,
                    BotState.PROCESSING,
                    at=self._now(),
                    cause="supervisor",
                    reason=verdict.reason,
                    evidence=proof,
                )
                await self._queue.enqueue(session, Job.FINALISE, bot.id, once=True)

    async def _note_reason(self, bot: BotRow, verdict: Verdict) -> None:
        """Before the process is stopped, which it would report as the reason itself."""
        async with self._database.transaction() as session:
            current = await BotRepository(session).get(bot.id, lock=True)
            if current is not None and may_follow(current.state, BotState.LEAVING):
                await self._lifecycle.advance(
                    session, current, BotState.LEAVING, at=self._now(), cause="supervisor", reason=verdict.reason
                )

    def _overdue_s(self, bot: BotRow) -> float:
        """Since when the lease has run out, counted from when bots could reach us again."""
        expires = bot.lease_expires_at or bot.state_at
        reachable = utc(self._reachable_since) + timedelta(seconds=LEASE_S)
        return (self._now() - max(expires, reachable)).total_seconds()

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _proof(evidence: Evidence, work_dir: Path) -> Mapping[str, Any]:
    runner = evidence.runner
    return {
        "process": None if runner is None else runner.state.value,
        "exit_code": None if runner is None else runner.exit_code,
        "exit_signal": None if runner is None else runner.exit_signal,
        "lease_overdue_s": round(evidence.lease_overdue_s, 1),
        "last_words": "" if runner and runner.state is RunnerState.FOREIGN else log_tail(work_dir).replace("\x00", ""),
    }
