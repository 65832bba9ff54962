"""One bot's stay in one meeting: the thin shell around the course. It looks, listens, tapes and reports."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meetfleet.bot.album import Album
from meetfleet.bot.camera import Camera, Fetch
from meetfleet.bot.course import Course
from meetfleet.bot.course_rules import CourseRules
from meetfleet.bot.gated_tape import GatedTape
from meetfleet.bot.minutes import Minutes
from meetfleet.bot.observations import (
    Answer,
    BrowserLost,
    Decision,
    Disk,
    Enter,
    Finish,
    Heard,
    NewPage,
    Observation,
    Ordered,
    Refused,
    Say,
    Seen,
    Tick,
)
from meetfleet.bot.probing import probe_in
from meetfleet.bot.recorder import ProbeMaker, Recorder
from meetfleet.bot.reports import Reports, Tell
from meetfleet.bot.visit import Visit
from meetfleet.bot.witness import Witness
from meetfleet.browser.chromium import Chromium
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError, RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import BotSpec, Command
from meetfleet.platforms.platform import ChatUnavailable, PlatformAdapter
from meetfleet.platforms.platform import Visit as VisitSpec
from meetfleet.platforms.registry import adapter_for
from meetfleet.platforms.screen import ScreenKind
from meetfleet.tape.segment import SealedSegment, TapeMeta
from meetfleet.tape.writer import TapeWriter

log = logging.getLogger(__name__)

TICK_S = 0.25
CLOSE_PAGE_S = 1.0
_LEAVABLE = frozenset(
    {ScreenKind.IN_CALL, ScreenKind.RECONNECTING, ScreenKind.WAITING_ROOM, ScreenKind.WAITING_HOST, ScreenKind.UNKNOWN}
)


async def _no_picture(number: int) -> bytes | None:
    return None


SaidTo = Callable[[ChatUnavailable | None], None]


class Stay:
    """Runs a whole stay. `run` returns how it ended, with the tape sealed and the page closed.

    Args:
        adapters: Finds the adapter of a platform.
        make_probe: Makes the probe of a page.
        tell: Reports something over the link; never blocks.
        on_sealed: Takes each sealed segment of the tape.
        fetch_picture: Gets the pictures of the bot's camera.
    """

    def __init__(
        self,
        spec: BotSpec,
        chromium: Chromium,
        clock: Clock,
        *,
        tell: Tell,
        on_sealed: Callable[[SealedSegment], None],
        rules: CourseRules | None = None,
        adapters: Callable[[str], type[PlatformAdapter]] = adapter_for,
        make_probe: ProbeMaker = probe_in,
        fetch_picture: Fetch = _no_picture,
    ) -> None:
        self._spec = spec
        self._adapters = adapters
        self._chromium = chromium
        self._clock = clock
        now_ns = clock.now_ns()
        self.course = Course(spec.timeouts, now_ns, rules)
        self.witness = Witness()
        meta = TapeMeta(spec.bot_id, spec.take, spec.platform, now_ns)
        writer = TapeWriter(Path(spec.work_dir) / "tape", meta, clock, on_sealed=on_sealed)
        self.tape = GatedTape(writer, lambda full: self.observe(Disk(full)))
        self._reports = Reports(tell, self.tape, self.witness, clock)
        has_camera = spec.camera is not None
        self.recorder = Recorder(self.tape, self.witness, tell, clock, make_probe, has_camera=has_camera)
        self._camera = Camera(spec.camera, fetch_picture, self.recorder.show_pictures)
        self.minutes = Minutes(
            self.tape,
            tell,
            spec.bot_name,
            spec.ignored_participant_names,
            on_attendance=self.observe,
            is_paused=lambda: self.course.state is BotState.PAUSED,
            on_voices=self.recorder.someone_speaks,
        )
        self._visit: Visit | None = None
        self._album: Album | None = None
        self._turn = asyncio.Event()
        self._new_page: NewPage | None = None
        self._texts: deque[tuple[str, SaidTo]] = deque()
        self._greeted = False

    # ---- what the visit sees of it

    @property
    def state(self) -> BotState:
        return self.course.state

    def observe(self, observation: Observation) -> None:
        """Feeds the course and does what it decides. Never blocks, never raises."""
        if isinstance(observation, Seen):
            self._reports.screen(observation.screen)
        for decision in self.course.observe(observation, self._clock.now_ns()):
            self._perform(decision)

    def order(self, command: Command) -> None:
        """Takes an order of the control plane."""
        self.observe(Ordered(command))

    def next_text(self) -> tuple[str, SaidTo] | None:
        return self._texts.popleft() if self._texts else None

    def said(self, message: str) -> None:
        self.minutes.sent(message)

    # ---- the whole stay

    async def run(self) -> Finish:
        """Joins, takes part until the course ends, leaves, seals the tape and closes the page."""
        self._chromium.on_exit(lambda code: self.observe(BrowserLost(f"The browser ended with {code}.")))
        self._reports.state(BotState.JOINING)
        ticking = asyncio.create_task(self._tick_forever())
        picturing = asyncio.create_task(self._camera.run())
        if not self._chromium.is_alive:
            self.observe(BrowserLost("The browser was dead before the bot began."))
        while self.course.finish is None:
            try:
                await self._one_visit(ticking)
            except Exception as error:  # outermost loop of a bot: whatever it is, the tape is sealed and delivered
                log.exception("The stay failed")
                self.observe(Refused(EndReason.INTERNAL_ERROR, f"{type(error).__name__}: {error}"))
        ticking.cancel()
        picturing.cancel()
        await asyncio.gather(ticking, picturing, return_exceptions=True)
        await self._wind_up(self.course.finish)
        return self.course.finish

    async def _one_visit(self, ticking: "asyncio.Task[None]") -> None:
        """Visits with one page until the course wants another one, or nothing more."""
        self._turn.clear()
        self._new_page = None
        tasks: list[asyncio.Task[None]] = []
        try:
            visit = await self._begin_visit()
            tasks = [asyncio.create_task(visit.run())]
            if self._album:
                tasks.append(asyncio.create_task(self._album.run()))
            await self._until_turn([*tasks, ticking])
        except JoinError as error:
            self.observe(Refused(error.reason, error.message))
        except RunnerError as error:
            self.observe(BrowserLost(error.message))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.course.finish is None:
            await self._end_visit()

    async def _begin_visit(self) -> Visit:
        adapter_type = self._adapters(self._spec.platform)
        page = await self._chromium.new_page()
        self._album = Album(
            page,
            self.tape.screenshot,
            live=self.recorder.picture,
            every_s=60.0 if self._spec.recording_mode.has_video else None,
        )
        name = self._spec.bot_name[: adapter_type.capabilities.name_max_chars]
        visit = VisitSpec(self._spec.meeting_url, name, has_picture=lambda: self.recorder.camera_is_lit)
        adapter: PlatformAdapter = adapter_type(page, visit, self.minutes)
        await self.recorder.attach(page, adapter, self._spec.recording_mode)
        self._visit = Visit(page, adapter, self._album, self)
        return self._visit

    async def _until_turn(self, tasks: "list[asyncio.Task[None]]") -> None:
        """Waits for the course to want something else; a task that died of our own fault is raised here."""
        turn = asyncio.create_task(self._turn.wait())
        try:
            pending: set[asyncio.Task[Any]] = {turn, *tasks}
            while not turn.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {turn}:
                    task.result()
        finally:
            turn.cancel()

    async def _end_visit(self) -> None:
        if self._visit:
            await self.recorder.detach()
            await self._visit.page.close()
            self._visit = self._album = None
        if self._new_page and self._new_page.after_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._new_page.after_s):
                    await self._turn_to_finish()

    async def _turn_to_finish(self) -> None:
        while self.course.finish is None:
            self._turn.clear()
            await self._turn.wait()

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            heard, named = self.recorder.take_sound()
            if heard:
                self.observe(Heard())
                if self._visit:
                    self._visit.adapter.on_sound(attributable=named)
            self.minutes.tick()
            self.tape.tick()
            self.observe(Tick())

    async def _wind_up(self, finish: Finish) -> None:
        """Pictures the end, leaves as a person would, seals the tape."""
        visit, album = self._visit, self._album
        if visit and album:
            await album.last()
            if finish.screen.kind in _LEAVABLE:
                await visit.adapter.leave()
        await self.recorder.detach()
        self._reports.end_on_tape(finish)
        self.tape.close()
        if visit:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_PAGE_S):
                    await visit.page.close()

    # ---- what the course decides

    def _perform(self, decision: Decision) -> None:
        match decision:
            case Enter(state):
                self._enter(state)
            case NewPage():
                log.info("New page: %s", decision.why)
                self._reports.warning(f"New page: {decision.why}")
                self._new_page = decision
                self._turn.set()
            case Answer(command, ok, detail, code):
                self._reports.answer(command, ok=ok, detail=detail, code=code)
            case Say(command):
                self._texts.append((str(command.data.get("text", "")), lambda e: self._said(command, e)))
                self._wake()
            case Finish():
                self._turn.set()

    def _enter(self, state: BotState) -> None:
        if state is BotState.PAUSED:
            self.tape.pause()
        elif state is BotState.RECORDING:
            self.tape.resume()
            self._greet()
            if self._album:
                self._album.wish(in_call=True)
        self._camera.enter(state)
        self._reports.state(state, self.course.finish)

    def _greet(self) -> None:
        can_say = self._adapters(self._spec.platform).capabilities.chat_send
        if self._spec.entry_message and can_say and not self._greeted:
            self._greeted = True
            self._texts.append((self._spec.entry_message, self._greeting_said))
            self._wake()

    def _greeting_said(self, error: ChatUnavailable | None) -> None:
        if error is not None:
            self._reports.warning(f"Entry message not sent: {error.message}")

    def _said(self, command: Command, error: ChatUnavailable | None) -> None:
        if error is None:
            self._reports.answer(command, ok=True)
        else:
            self._reports.answer(command, ok=False, detail=error.message, code=error.code)

    def _wake(self) -> None:
        if self._visit:
            self._visit.wake()

    def report_final(self) -> None:
        """Tells that nothing more comes: the tape is sealed and delivered as far as it could be."""
        self._reports.state(BotState.PROCESSING, self.course.finish)
