"""Where sandbox bots play: a room of the lab for each meeting that is ordered, made when wanted and closed when done.

A sandbox bot gets a place here or none at all: its browser knows the way to the lab and to nowhere else.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

import structlog

from meetfleet.domain.errors import Conflict, InvalidRequest, RunnerError
from meetfleet.domain.link import BotSpec, BrowserSpec
from meetfleet.domain.meeting_url import Platform
from meetfleet.domain.sandbox import Order, shortened
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotRow

SWEEP_S = 2.0
IDLE_S = 300.0
PREPARE_TIMEOUT_S = 240.0
REPLICAS = frozenset({Platform.GOOGLE_MEET})
"""Platforms that the lab plays. Bots for all others end as they would live."""

log = structlog.get_logger()


class SandboxUnavailable(Conflict):
    """This server cannot run the lab."""

    def __init__(self, lacking: Sequence[str]) -> None:
        super().__init__(
            f"This server has no sandbox: it lacks {', '.join(lacking)}.",
            code="sandbox_unavailable",
            hint="The operator installs it with `pip install 'meetfleet[lab]'` and `apt-get install flite`.",
        )


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a bot plays: the meeting it opens, by which browser."""

    meeting_url: str
    browser: BrowserSpec

    def spec_of(self, spec: BotSpec, bot: BotRow) -> BotSpec:
        """What the bot is told, instead of what it would be told for a real meeting."""
        return replace(
            spec,
            meeting_url=self.meeting_url,
            browser=self.browser,
            timeouts=shortened(spec.timeouts),
            drill=Order.from_dict(bot.options["sandbox"]).drill,
        )


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """A room of the lab."""

    code: str
    meeting_url: str


class LabHost(Protocol):
    """A lab that runs while it is needed. All methods raise RunnerError if it cannot be run."""

    @property
    def is_running(self) -> bool: ...

    async def browser(self) -> BrowserSpec:
        """How a browser is started that sees the lab and nothing else. Starts the lab."""
        ...

    async def open_room(self, script: dict[str, Any]) -> OpenRoom:
        """Starts the lab if it does not run."""
        ...

    async def close_room(self, code: str) -> None: ...

    async def stop(self) -> None:
        """Ends it with all its rooms."""
        ...


@dataclass(slots=True)
class _Room:
    """A meeting that was ordered.

    Attributes:
        making: Becomes the ground on which it is played.
        bots: Who is to go there, or is there.
    """

    making: "asyncio.Task[tuple[OpenRoom | None, BrowserSpec]]"
    bots: set[UUID] = field(default_factory=set[UUID])


Key = tuple[UUID, str, str]


class Playground:
    """One server's part of the sandbox. Run `run` as long as it may have bots.

    Args:
        on_ready: Called when a room is ready that a bot waits for.
        idle_s: How long the lab is kept without a room.
    """

    def __init__(
        self, database: Database, lab: LabHost, on_ready: Callable[[], Awaitable[object]], *, idle_s: float = IDLE_S
    ) -> None:
        self._database = database
        self._lab = lab
        self._on_ready = on_ready
        self._idle_s = idle_s
        self._rooms: dict[Key, _Room] = {}
        self._news = asyncio.Event()

    def ground_for(self, bot: BotRow) -> Ground | None:
        """Where this bot plays; None while that is being made ready. Bots of a team meet in one room by its URL.

        Raises:
            RunnerError: it could not be made ready.
        """
        key = _key_of(bot)
        room = self._rooms.get(key)
        if room is None or (room.making.done() and not self._lab.is_running):
            room = self._rooms[key] = _Room(asyncio.create_task(self._make(bot)))
            room.making.add_done_callback(lambda _: self._news.set())
        room.bots.add(bot.id)
        if not room.making.done():
            return None
        try:
            opened, browser = room.making.result()
        except (RunnerError, asyncio.CancelledError) as error:
            del self._rooms[key]
            raise RunnerError(f"The sandbox is out of order: {error}", code="sandbox_failed") from error
        return Ground(opened.meeting_url if opened else bot.meeting_url, browser)

    async def run(self) -> None:
        """Sends bots into rooms that are ready, closes those whose bots are at their end, and the idle lab."""
        used_at = asyncio.get_running_loop().time()
        try:
            while True:
                await self._wait()
                await self.sweep()
                now = asyncio.get_running_loop().time()
                used_at = now if self._rooms else used_at
                if now - used_at >= self._idle_s and self._lab.is_running:
                    log.info("sandbox_idle")
                    await self._lab.stop()
        finally:
            await self._close()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_S):
                await self._news.wait()
        if self._news.is_set():
            self._news.clear()
            await self._on_ready()

    async def sweep(self) -> None:
        """Closes the rooms of bots that are at their end."""
        wanted = {bot for room in self._rooms.values() for bot in room.bots}
        if not wanted:
            return
        async with self._database.transaction() as session:
            unfinished = await BotRepository(session).unfinished(wanted)
        for key, room in list(self._rooms.items()):
            if room.making.done() and not room.bots & unfinished:
                del self._rooms[key]
                await self._close_room(room)

    async def _make(self, bot: BotRow) -> tuple[OpenRoom | None, BrowserSpec]:
        try:
            async with asyncio.timeout(PREPARE_TIMEOUT_S):
                browser = await self._lab.browser()
                if bot.platform not in REPLICAS:
                    return None, browser
                return await self._lab.open_room(Order.from_dict(bot.options["sandbox"]).room()), browser
        except TimeoutError:
            raise RunnerError("Its room took too long to make.", code="sandbox_timeout") from None
        except InvalidRequest as error:
            raise RunnerError(error.message, code="sandbox_script") from error

    async def _close_room(self, room: _Room) -> None:
        with contextlib.suppress(RunnerError, asyncio.CancelledError):
            opened, _ = room.making.result()
            if opened is not None and self._lab.is_running:
                await self._lab.close_room(opened.code)

    async def _close(self) -> None:
        for room in self._rooms.values():
            room.making.cancel()
        await asyncio.gather(*(room.making for room in self._rooms.values()), return_exceptions=True)
        self._rooms.clear()
        await self._lab.stop()


def _key_of(bot: BotRow) -> Key:
    return bot.team_id, bot.meeting_url, str(sorted(bot.options.get("sandbox", {}).items()))
