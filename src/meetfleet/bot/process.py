"""A bot's process: browser, link and stay put together, and an exit code that says what is left to do."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from meetfleet.bot.camera import PictureSource
from meetfleet.bot.course_rules import CourseRules
from meetfleet.bot.drill import carry_out
from meetfleet.bot.link import Link
from meetfleet.bot.observations import Disowned, Finish, Terminated
from meetfleet.bot.probing import probe_in
from meetfleet.bot.process_cost import CostMeter
from meetfleet.bot.recorder import ProbeMaker
from meetfleet.bot.shipper import Shipper
from meetfleet.bot.spool import Spool
from meetfleet.bot.stay import Stay
from meetfleet.browser.chromium import Chromium
from meetfleet.domain.clock import Clock, SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import HEARTBEAT_S, BotSpec, Command, EventType
from meetfleet.platforms.platform import PlatformAdapter
from meetfleet.platforms.registry import adapter_for
from meetfleet.tape.segment import SealedSegment

log = logging.getLogger(__name__)

RESTART_S = 1.0


class ExitCode(IntEnum):
    """How the bot's process ends."""

    DELIVERED = 0
    BAD_SPEC = 2
    FAILED = 70
    LEFT_BEHIND = 75
    """The stay is over, but reports or segments could not be delivered: they lie in the work folder."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the end of a bot waits for an absent control plane, in seconds."""

    deliver_s: float = 600.0
    terminated_s: float = 8.0


class BotProcess:
    """One bot, from its spec to its last confirmed report. The browser is lent: the caller closes it.

    Args:
        adapters, make_probe: As for Stay.
        meter: Measures what the heartbeat reports.
    """

    def __init__(
        self,
        spec: BotSpec,
        chromium: Chromium,
        *,
        clock: Clock | None = None,
        rules: CourseRules | None = None,
        patience: Patience | None = None,
        meter: CostMeter | None = None,
        adapters: Callable[[str], type[PlatformAdapter]] = adapter_for,
        make_probe: ProbeMaker = probe_in,
    ) -> None:
        self._clock = clock or SystemClock()
        self._patience = patience or Patience()
        self._meter = meter or CostMeter()
        self._terminated = asyncio.Event()
        self._spec = spec
        self._chromium = chromium
        access = {"link_url": spec.link_url, "bot_id": spec.bot_id, "token": spec.token}
        self.spool = Spool(Path(spec.work_dir))
        self.shipper = Shipper(**access)
        self.link = Link(
            **access,
            take=spec.take,
            spool=self.spool,
            clock=self._clock,
            on_command=self._order,
            on_disowned=self._disowned,
        )
        self._pictures = PictureSource(**access)
        self.stay = Stay(
            spec,
            chromium,
            self._clock,
            tell=self.link.tell,
            on_sealed=self._on_sealed,
            rules=rules,
            adapters=adapters,
            make_probe=make_probe,
            fetch_picture=self._pictures.fetch,
        )

    def terminate(self) -> None:
        """The machine wants the process to end: leave politely, deliver what can be delivered in seconds."""
        self._terminated.set()
        self.stay.observe(Terminated())

    def _order(self, command: Command) -> None:
        self.stay.order(command)

    def _disowned(self) -> None:
        """Nobody waits for this bot: leave. The tape stays on the disk; there is nobody to deliver it to."""
        self._terminated.set()
        self.stay.observe(Disowned())

    async def run(self) -> ExitCode:
        """The whole life. Never raises for the meeting's or the link's sake."""
        keepers = [
            asyncio.create_task(kept_running(work)) for work in (self.link.run, self.shipper.run, self._beat_forever)
        ]
        if self._spec.drill:
            drill = carry_out(self._spec.drill, lambda: self.stay.state, self._chromium)
            keepers.append(asyncio.create_task(drill))
        try:
            finish = await self.stay.run()
            return await self._deliver(finish)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._pictures.close()
            self.spool.close()

    async def _deliver(self, finish: Finish) -> ExitCode:
        log.info("Stay over: %s", finish.reason.value)
        shipped = await self._unless_terminated(self.shipper.drain)
        if not shipped:
            self.link.tell(
                EventType.LOG, {"level": "error", "text": f"{self.shipper.waiting} segments could not be delivered."}
            )
        self.stay.report_final()
        heard = await self._unless_terminated(self.link.drain)
        return ExitCode.DELIVERED if shipped and heard else ExitCode.LEFT_BEHIND

    async def _unless_terminated(self, drain: Callable[[float], Awaitable[bool]]) -> bool:
        """Drains with patience, which SIGTERM, before or meanwhile, makes short."""
        if not self._terminated.is_set():
            draining = asyncio.ensure_future(drain(self._patience.deliver_s))
            terminated = asyncio.create_task(self._terminated.wait())
            await asyncio.wait({draining, terminated}, return_when=asyncio.FIRST_COMPLETED)
            terminated.cancel()
            if draining.done():
                return draining.result()
            draining.cancel()
        return await drain(self._patience.terminated_s / 2)

    def _on_sealed(self, segment: SealedSegment) -> None:
        self.shipper.add(segment)
        facts = {k: v for k, v in asdict(segment).items() if k != "path"}
        self.link.tell(EventType.SEGMENT, facts)

    async def _beat_forever(self) -> None:
        while True:
            self.link.tell(EventType.HEARTBEAT, self._heartbeat())
            await asyncio.sleep(HEARTBEAT_S)

    def _heartbeat(self) -> dict[str, Any]:
        return {**asdict(self._meter.read()), **self.stay.recorder.figures(), "behind": self.shipper.waiting}


async def report_stillborn(spec: BotSpec, why: str, *, patience: Patience | None = None) -> ExitCode:
    """The browser did not start: says so over the link, for there will be no stay."""
    clock, spool = SystemClock(), Spool(Path(spec.work_dir))
    link = Link(
        link_url=spec.link_url,
        bot_id=spec.bot_id,
        token=spec.token,
        take=spec.take,
        spool=spool,
        clock=clock,
        on_command=lambda _: None,
    )
    reason = EndReason.BROWSER_CRASHED
    link.tell(EventType.STATE, {"state": BotState.PROCESSING.value, "reason": reason.value, "detail": why})
    running = asyncio.create_task(kept_running(link.run))
    try:
        heard = await link.drain((patience or Patience()).deliver_s)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        spool.close()
    return ExitCode.FAILED if heard else ExitCode.LEFT_BEHIND


async def kept_running(work: Callable[[], Awaitable[None]]) -> None:
    """Runs something that must not end; if it fails it is logged and begun anew. Nothing of it reaches the stay."""
    while True:
        try:
            await work()
        except Exception:  # outermost loop of a background task
            log.exception("%s failed", getattr(work, "__qualname__", "A background task"))
        await asyncio.sleep(RESTART_S)


def on_termination(callback: Callable[[], None]) -> None:
    """Calls back on SIGTERM and SIGINT instead of dying at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, callback)
