"""A room: one meeting of the lab, its visitors, and the doors by which a test looks in and takes part."""

import asyncio
import json
import secrets
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest
from meetfleet.lab import casting, truth
from meetfleet.lab.actor import Actor
from meetfleet.lab.cues import cues_of
from meetfleet.lab.events import RoomEvent, RoomEvents
from meetfleet.lab.media.studio import Progress, Studio
from meetfleet.lab.rtc.camera_watch import CameraWatch
from meetfleet.lab.rtc.sent_log import SentLog
from meetfleet.lab.rtc.session import MediaSession
from meetfleet.lab.scramble import scramble
from meetfleet.lab.script import AudioPath, RoomScript, Start, script_as_dict
from meetfleet.lab.seat import Seat
from meetfleet.lab.stage import Said, Stage
from meetfleet.lab.visit import Visit, VisitState

log = structlog.get_logger()

VANISHED_AFTER_S = 5.0
RUN_UP_NS = 300_000_000
"""Between a first bot's connection and the first tick: all of its streams are ready by then."""
_OVER_EVENTS = {
    VisitState.LEFT: "bot_left",
    VisitState.DENIED: "bot_denied",
    VisitState.NO_ANSWER: "bot_unanswered",
    VisitState.BLOCKED: "bot_blocked",
    VisitState.REMOVED: "bot_removed",
    VisitState.HOST_ENDED: "call_ended",
    VisitState.CALL_ENDED: "call_ended",
    VisitState.VANISHED: "bot_vanished",
}


class Room:
    """A running meeting. Made by `Lab.open_room`."""

    def __init__(self, script: RoomScript, code: str, studio: Studio, clock: Clock, out_dir: Path | None) -> None:
        self.script = script
        self.code = code
        self.name = script.name
        self.meeting_url = f"https://meet.google.com/{code}"
        self.space = f"spaces/{secrets.token_urlsafe(9)}"
        self.clock = clock
        self.studio = studio
        self.events = RoomEvents(clock)
        self.visits: dict[str, Visit] = {}
        self.zero_ns: int | None = None
        self.network_up = True
        self.loads = 0
        self.visit_changed: list[Callable[[Visit], None]] = []
        self.channel_opened: list[Callable[[Visit, str], None]] = []
        self.page_message: list[Callable[[Visit, str, bytes], None]] = []
        self.stage: Stage
        self._out_dir = out_dir
        self._run: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def prepare(self, progress: Progress | None = None) -> None:
        """Makes or loads the media and puts the people in their places.

        Raises:
            MediaError: speech cannot be made on this machine.
        """
        production = casting.produce(self.script)
        orders = production.orders if self.script.media.cameras else [*production.screens, *production.speech]
        await self.studio.prepare(orders, progress)
        spoken, pictures = await casting.fetch(self.studio, self.script, production)
        actors = casting.cast_actors(self.script, production, spoken, self.space)
        shares = casting.shares_of(self.script, production, {a.person.name: a for a in actors}, self.space)
        self.stage = Stage(
            actors,
            cues_of(self.script),
            pictures,
            shares,
            pool_size=self.script.media.audio_streams,
            silence_packets=self.script.media.silence_packets,
        )
        self.stage.say_in_chat = self.chat_from_actor
        self.stage.tell.network.append(self.set_network)
        self.stage.tell.happened.append(lambda what, who: self._note(what, who))
        if self.script.start is Start.OPEN:
            self.begin()

    # ---- looking in

    @property
    def time(self) -> truth.RoomTime:
        return truth.RoomTime(self.zero_ns)

    @property
    def in_call(self) -> list[Visit]:
        return [visit for visit in self.visits.values() if visit.state is VisitState.IN_CALL]

    async def wait_for(self, type: str, timeout_s: float, *, count: int = 1, visit: str | None = None) -> RoomEvent:
        """Waits for an event, see docs/lab.md for their names.

        Raises:
            WaitTimeout
        """
        return await self.events.wait_for(type, timeout_s, count=count, visit=visit)

    def truth(self, *, sent: bool = True) -> dict[str, Any]:
        """What really happened so far. Times are nanoseconds on the meeting clock; null before the room has begun.

        Args:
            sent: Include the record of every media frame sent to each visitor.
        """
        time = self.time
        return {
            "room": self.name,
            "meeting_url": self.meeting_url,
            "zero_ns": self.zero_ns,
            "until_ns": time.ns(self.stage.tick),
            "script": script_as_dict(self.script),
            "participants": truth.people(self.stage, time),
            "lines": truth.lines(self.stage, time),
            "shares": truth.shares(self.stage, time),
            "chat": truth.chat(self.stage.chat),
            "captions": truth.captions(self.stage, time),
            "visits": [self._visit_truth(visit, sent) for visit in self.visits.values()],
            "events": [event.as_dict() for event in self.events.all],
        }

    def reference_audio(self, name: str | None = None) -> npt.NDArray[np.int16]:
        """What one person, or everybody, said up to now: s16, (samples,), 48 kHz. Sample 0 is at `zero_ns`."""
        return truth.reference_audio(self.stage, name)

    async def do(self, action: str, **args: Any) -> dict[str, Any]:
        """Takes part by hand: `admit`, `remove_bot`, `drop_network`, `say` and so on, see docs/lab.md.

        Raises:
            InvalidRequest: no such action, person or bot.
        """
        from meetfleet.lab import actions

        return await actions.do(self, action, **args)

    # ---- the life of the room

    def begin(self) -> None:
        """Starts room time."""
        if self._run is None:
            self.zero_ns = self.clock.now_ns() + RUN_UP_NS
            self.events.add("began", zero_ns=self.zero_ns)
            self._run = asyncio.create_task(self._play())
            self._run.add_done_callback(self._played)

    async def close(self) -> None:
        """Ends every visit's media, stops the clock and writes the truth down."""
        for visit in self.visits.values():
            visit.cancel_plans()
            await self._close_session(visit)
            await visit.seen.close()
        if self._run:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)
        if self._out_dir:
            await asyncio.to_thread(self._write_truth, self._out_dir)

    async def _play(self) -> None:
        """The room's clock: one tick every 20 ms. Late ticks are caught up, so nothing is ever skipped."""
        assert self.zero_ns is not None
        tick = 0
        while True:
            due_ns = self.zero_ns + tick * truth.TICK_NS
            wait_ns = due_ns - self.clock.now_ns()
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / 1e9)
            await self.stage.play(tick)
            tick += 1

    def _played(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("The room stopped", room=self.name, error=repr(error))
            self.events.add("room_failed", error=repr(error))

    # ---- visitors; called by the replica

    def welcome(self) -> Visit:
        """A page is being loaded."""
        number = len(self.visits) + 1
        sent = SentLog(self.script.sent_log, [])
        device_id, seen = f"{self.space}/devices/{900 + number}", CameraWatch(self.clock)
        visit = Visit(f"v{number}", device_id, sent, seen, self.clock.now_ns())
        self.visits[visit.id] = visit
        self.events.add("page_loaded", visit.id)
        return visit

    def ask(self, visit: Visit, name: str, *, button: str, direct: bool) -> None:
        """The join button has been clicked. `direct`: there is no lobby behind it."""
        if visit.state is not VisitState.GREEN_ROOM:
            return
        visit.name, visit.asked_ns = name, self.clock.now_ns()
        self.events.add("join_clicked", visit.id, name=name, button=button)
        if self.script.page.after_ask == "blocked":
            visit.after(0.5, lambda: self.finish(visit, VisitState.BLOCKED))
        elif direct:
            visit.after(0.1, lambda: self.admit(visit))
        else:
            self._set_state(visit, VisitState.WAITING)
            self.events.add("bot_waiting", visit.id, name=name)
            self._plan_answer(visit)

    def _plan_answer(self, visit: Visit) -> None:
        host = self.script.host
        if host.denies_after_s is not None:
            visit.after(host.denies_after_s, lambda: self.finish(visit, VisitState.DENIED))
        elif host.no_answer_after_s is not None:
            visit.after(host.no_answer_after_s, lambda: self.finish(visit, VisitState.NO_ANSWER))
        elif host.admits_after_s is not None:
            visit.after(host.admits_after_s, lambda: self.admit(visit))

    async def admit(self, visit: Visit) -> None:
        """Lets a visitor in."""
        if visit.state.is_over or visit.state is VisitState.IN_CALL:
            return
        visit.cancel_plans()
        visit.admitted_ns = self.clock.now_ns()
        self._set_state(visit, VisitState.IN_CALL)
        self.events.add("bot_admitted", visit.id, name=visit.name)
        host = self.script.host
        for seconds, state in (
            (host.removes_after_s, VisitState.REMOVED),
            (host.ends_after_s, VisitState.HOST_ENDED),
            (host.closes_after_s, VisitState.CALL_ENDED),
        ):
            if seconds is not None:
                visit.after(seconds, lambda state=state: self.finish(visit, state))

    async def finish(self, visit: Visit, state: VisitState) -> None:
        """The visit is over."""
        if visit.state.is_over:
            return
        was_in_call = visit.state is VisitState.IN_CALL
        visit.cancel_plans()
        visit.over_ns = self.clock.now_ns()
        self._set_state(visit, state)
        self.events.add(_OVER_EVENTS[state], visit.id, name=visit.name, was_in_call=was_in_call, how=state.value)
        await self._close_session(visit)

    async def connect(self, visit: Visit, sdp: str, streams: dict[str, str], *, fresh: bool) -> str | None:
        """Answers a page's offer; `fresh` is one of a new connection. None once the visit is over."""
        if visit.state is not VisitState.IN_CALL:
            return None
        if fresh or visit.session is None:
            await self._close_session(visit)
            visit.session = self._new_session(visit)
            visit.seat = Seat(visit.session)
        answer = await visit.session.answer(sdp, streams)
        self.events.add("offer_answered", visit.id, streams=len(streams))
        return answer

    def page_gone(self, visit: Visit) -> None:
        """The page's socket closed. If it does not come back, the bot has vanished."""
        if self.network_up and not visit.state.is_over:
            visit.after(VANISHED_AFTER_S, lambda: self._vanish_unless_back(visit))

    async def _vanish_unless_back(self, visit: Visit) -> None:
        if self.network_up and not visit.reachable:
            await self.finish(visit, VisitState.VANISHED)

    def chat_from_bot(self, visit: Visit, text: str) -> None:
        self.events.add("chat_received", visit.id, text=text)
        self._post_chat(visit.device_id, visit.name or "", text, bot=True)

    def chat_from_actor(self, actor: Actor, text: str) -> None:
        self.events.add("chat_sent", name=actor.name, text=text)
        self._post_chat(actor.device_id, actor.name, text, bot=False)

    def set_network(self, up: bool) -> None:
        """Cuts, or restores, everything between the room and all its visitors."""
        self.network_up = up
        for visit in self.in_call:
            if visit.session:
                visit.session.join() if up else visit.session.cut()
        for visit in self.visits.values():
            if not visit.state.is_over:
                visit.tell({"t": "cut"} if not up else {"t": "restored"})

    def _post_chat(self, device_id: str, name: str, text: str, *, bot: bool) -> None:
        now = self.clock.now_ns()
        number = len(self.stage.chat) + 1
        self.stage.post_chat(Said(f"{self.space}/messages/{number}", device_id, name, text, now, bot))

    def _new_session(self, visit: Visit) -> MediaSession:
        page = self.script.page
        return MediaSession(
            self.clock,
            codec=self.script.media.codec,
            loss=self.script.network.loss_percent / 100,
            sent=visit.sent,
            seen=visit.seen,
            scramble=scramble if page.audio is AudioPath.E2EE else None,
            true_levels=self.script.media.true_levels,
            audio_channel=page.audio is AudioPath.WORKLET,
            on_state=lambda state: self._session_changed(visit, state),
            on_open=lambda label: self._channel_opened(visit, label),
            on_message=lambda label, data: self._page_message(visit, label, data),
        )

    def _session_changed(self, visit: Visit, state: str) -> None:
        self.events.add(f"media_{state}", visit.id)
        if state == "connected" and visit.seat and visit.session:
            if not self.network_up:
                visit.session.cut()
            if visit.seat not in self.stage.seats:
                self.stage.seats.append(visit.seat)
            self.begin()

    def _channel_opened(self, visit: Visit, label: str) -> None:
        for listener in self.channel_opened:
            listener(visit, label)

    def _page_message(self, visit: Visit, label: str, data: bytes) -> None:
        for listener in self.page_message:
            listener(visit, label, data)

    async def _close_session(self, visit: Visit) -> None:
        session, seat, visit.session, visit.seat = visit.session, visit.seat, None, None
        if seat in self.stage.seats:
            self.stage.seats.remove(seat)
        if session:
            task = asyncio.create_task(session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _set_state(self, visit: Visit, state: VisitState) -> None:
        visit.state = state
        for listener in self.visit_changed:
            listener(visit)

    def _note(self, what: str, who: str) -> None:
        self.events.add(what, name=who)

    def _visit_truth(self, visit: Visit, sent: bool) -> dict[str, Any]:
        return {
            "id": visit.id,
            "name": visit.name,
            "device_id": visit.device_id,
            "state": visit.state,
            "loaded_ns": visit.loaded_ns,
            "asked_ns": visit.asked_ns,
            "admitted_ns": visit.admitted_ns,
            "over_ns": visit.over_ns,
            "camera": visit.seen.as_dicts(),
            "sent": visit.sent.as_dicts() if sent else [],
        }

    def _write_truth(self, out_dir: Path) -> None:
        folder = out_dir / self.code
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "truth.json").write_text(json.dumps(self.truth(), indent=1), encoding="utf-8")


def made_up_code() -> str:
    """A meeting code like Meet's: 3, 4 and 3 letters."""
    return "-".join("".join(secrets.choice(string.ascii_lowercase) for _ in range(n)) for n in (3, 4, 3))


def check_code(code: str) -> str:
    """Raises:
    InvalidRequest: no code that Meet's addresses can have.
    """
    parts = code.split("-")
    if [len(part) for part in parts] != [3, 4, 3] or not all(
        p.isascii() and p.isalpha() and p.islower() for p in parts
    ):
        raise InvalidRequest(f"'{code}' is no meeting code such as abc-defg-hij.", code="invalid_script")
    return code
