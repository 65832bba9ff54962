"""The course of a bot's stay: a pure state machine that is fed what the bot notices and decides what it does.

It holds no socket, page or timer. Time comes in with every observation; `Tick` must come about once a second.
`course_rules.py` holds the waits and the reasons by screen, `attendance.py` the timers of an empty or silent meeting.
"""

from meetfleet.bot.attendance import Presence
from meetfleet.bot.course_rules import IN_CALL_ENDS, PATIENCE_S, REFUSALS, CourseRules
from meetfleet.bot.observations import (
    Answer,
    Attendance,
    BrowserLost,
    Decision,
    Disk,
    Disowned,
    Enter,
    Finish,
    Heard,
    NewPage,
    Observation,
    Ordered,
    PageLost,
    PageOpened,
    Refused,
    Say,
    Seen,
    Terminated,
)
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import IN_MEETING, BotState
from meetfleet.domain.link import Command, CommandType, Timeouts
from meetfleet.platforms.screen import UNKNOWN, Screen, ScreenKind

_NS = 1_000_000_000
_WAITED_IN_VAIN = {
    BotState.WAITING_ROOM: EndReason.WAITING_ROOM_TIMEOUT,
    BotState.WAITING_HOST: EndReason.WAITING_FOR_HOST_TIMEOUT,
}
_WAITING = {ScreenKind.WAITING_ROOM: BotState.WAITING_ROOM, ScreenKind.WAITING_HOST: BotState.WAITING_HOST}


class Course:
    """One stay. `observe` returns what to do, in order; after a `Finish` nothing more comes.

    Args:
        started_ns: When the bot began, on the meeting clock.
    """

    def __init__(self, timeouts: Timeouts, started_ns: int, rules: CourseRules | None = None) -> None:
        self._timeouts = timeouts
        self._rules = rules or CourseRules()
        self.state = BotState.JOINING
        self.finish: Finish | None = None
        self.screen: Screen = UNKNOWN
        self._now_ns = started_ns
        self._opened_ns = started_ns
        self._answered_ns = started_ns
        self._shown_since_ns = started_ns
        self._waiting_since_ns: dict[BotState, int] = {}
        self._recording_since_ns: int | None = None
        self._paused_since_ns: int | None = None
        self._paused_ns = 0
        self._disk_full_since_ns: int | None = None
        self._presence = Presence(timeouts)
        self._new_pages: dict[str, int] = {}
        self._decisions: list[Decision] = []

    @property
    def in_meeting(self) -> bool:
        return self.state in IN_MEETING

    def observe(self, observation: Observation, now_ns: int) -> list[Decision]:
        """Takes one observation.

        Args:
            now_ns: Meeting clock; never goes back.
        """
        if self.finish is not None:
            return []
        self._decisions = []
        self._now_ns = max(self._now_ns, now_ns)
        self._take(observation)
        if self.finish is None:
            self._check_clock()
        return self._decisions

    def recorded_s(self) -> float:
        """How long the bot has been recording, pauses not counted."""
        if self._recording_since_ns is None:
            return 0.0
        paused = self._paused_ns
        if self._paused_since_ns is not None:
            paused += self._now_ns - self._paused_since_ns
        return (self._now_ns - self._recording_since_ns - paused) / _NS

    def _take(self, observation: Observation) -> None:
        match observation:
            case PageOpened():
                self._opened_ns = self._answered_ns = self._now_ns
            case Seen(screen):
                self._see(screen)
            case PageLost(why, reason):
                self._page_lost(why, reason)
            case Refused(reason, why):
                self._end(reason, why)
            case BrowserLost(why):
                self._end(EndReason.BROWSER_CRASHED, why)
            case Attendance(others, ignored):
                self._presence.attendance(others, ignored, self._now_ns)
            case Heard():
                self._presence.heard(self._now_ns)
            case Ordered(command):
                self._obey(command)
            case Disk(full):
                self._disk_full_since_ns = (self._disk_full_since_ns or self._now_ns) if full else None
            case Terminated():
                self._end(EndReason.TERMINATED, "The bot's process was asked to end.")
            case Disowned():
                self._end(EndReason.TERMINATED, "The control plane does not know this bot any more.")
            case _:
                return

    # ---- screens

    def _see(self, screen: Screen) -> None:
        self._answered_ns = self._now_ns
        if screen.kind is not self.screen.kind:
            self._shown_since_ns = self._now_ns
        self.screen = screen
        if self.in_meeting:
            self._see_in_meeting(screen)
        else:
            self._see_before_meeting(screen)

    def _see_before_meeting(self, screen: Screen) -> None:
        kind = screen.kind
        if kind in _WAITING:
            self._waiting_since_ns.setdefault(_WAITING[kind], self._now_ns)
            self._enter(_WAITING[kind])
        elif not self._stands_for(PATIENCE_S.get(kind, 0.0)):
            return
        elif kind is ScreenKind.IN_CALL:
            self._admitted()
        elif kind is ScreenKind.BLOCKED:
            self._retry("blocked", self._rules.blocked_retries, EndReason.BLOCKED_BY_PLATFORM, screen.evidence)
        elif kind is ScreenKind.NOT_FOUND:
            # Once more, in case the page was stale.
            self._retry("not_found", 1, EndReason.MEETING_NOT_FOUND, screen.evidence)
        elif kind is ScreenKind.LEFT and self._waiting_since_ns:
            self._end(EndReason.BOT_NOT_ACCEPTED, "The page says that the bot left, though it never was let in.")
        elif kind in REFUSALS:
            self._end(REFUSALS[kind], screen.evidence)

    def _see_in_meeting(self, screen: Screen) -> None:
        reason = IN_CALL_ENDS.get(screen.kind)
        if reason is None or not self._stands_for(PATIENCE_S.get(screen.kind, 1.0)):
            return
        if reason is EndReason.BOT_REMOVED and self.recorded_s() < self._rules.early_removal_s:
            reason = EndReason.BOT_REMOVED_TOO_EARLY
        self._end(reason, screen.evidence)

    def _stands_for(self, seconds: float) -> bool:
        return self._since(self._shown_since_ns) >= seconds

    def _admitted(self) -> None:
        self._enter(BotState.IN_CALL)
        self._recording_since_ns = self._now_ns
        self._presence.start(self._now_ns)
        self._enter(BotState.RECORDING)

    # ---- pages

    def _page_lost(self, why: str, reason: EndReason) -> None:
        if self.in_meeting:
            self._end(reason, why)
        else:
            self._retry("lost", self._rules.lost_retries, reason, why)

    def _retry(self, why: str, retries: int, reason: EndReason, detail: str) -> None:
        """A new page, until this cause has used up its tries; then the end."""
        used = self._new_pages.get(why, 0)
        if used >= retries:
            self._end(reason, detail)
            return
        self._new_pages[why] = used + 1
        self.screen = UNKNOWN
        self._shown_since_ns = self._opened_ns = self._answered_ns = self._now_ns
        self._enter(BotState.JOINING)
        self._decisions.append(NewPage(f"{why}: {detail}", self._rules.retry_pause_s * 2**used))

    # ---- orders

    def _obey(self, command: Command) -> None:
        match command.type:
            case CommandType.LEAVE:
                self._answer(command)
                recorded = self._recording_since_ns is not None
                reason = EndReason.API_REQUEST if recorded else EndReason.STOPPED_BEFORE_RECORD
                self._end(reason, "The caller asked the bot to leave.")
            case CommandType.PAUSE if self.state is BotState.RECORDING:
                self._paused_since_ns = self._now_ns
                self._answer(command)
                self._enter(BotState.PAUSED)
            case CommandType.RESUME if self.state is BotState.PAUSED:
                self._paused_ns += self._now_ns - (self._paused_since_ns or self._now_ns)
                self._paused_since_ns = None
                self._answer(command)
                self._enter(BotState.RECORDING)
            case CommandType.CHAT if self.in_meeting:
                self._decisions.append(Say(command))
            case _:
                detail = f"A bot that is {self.state.value} cannot do that."
                self._decisions.append(Answer(command, False, detail, "bot_status"))

    def _answer(self, command: Command) -> None:
        self._decisions.append(Answer(command, True))

    # ---- time

    def _check_clock(self) -> None:
        if self._since(self._answered_ns) >= self._rules.freeze_s:
            self._frozen()
        elif self._disk_full_since_ns and self._since(self._disk_full_since_ns) >= self._rules.disk_full_s:
            self._end(EndReason.DISK_FULL, "The tape cannot be written.")
        elif self.in_meeting:
            self._check_meeting_clock()
        else:
            self._check_joining_clock()

    def _frozen(self) -> None:
        detail = f"The page did not answer for {self._rules.freeze_s:g} s."
        if self.in_meeting:
            self._end(EndReason.NETWORK_LOSS, detail)
        else:
            self._retry("frozen", self._rules.lost_retries, EndReason.NETWORK_LOSS, detail)

    def _check_joining_clock(self) -> None:
        if waited_for := self._waited_too_long():
            self._end(_WAITED_IN_VAIN[waited_for], f"Not let in within {self._timeouts.waiting_room_s:g} s.")
        elif self.state is BotState.JOINING and self._since(self._opened_ns) >= self._timeouts.join_s:
            detail = f"Neither lobby nor call within {self._timeouts.join_s:g} s; {self.screen.evidence}"
            self._retry("join", self._rules.join_retries, EndReason.CANNOT_JOIN_MEETING, detail)

    def _waited_too_long(self) -> BotState | None:
        """Host and waiting room each have a clock of their own: a late host leaves the bot all its time to be let in.

        It runs on while the page shows something else. The caller names one length for both. Source: contract.md 2.1
        """
        clocks = self._waiting_since_ns
        if not clocks:
            return None
        waiting = self.state if self.state in clocks else next(reversed(clocks))
        return waiting if self._since(clocks[waiting]) >= self._timeouts.waiting_room_s else None

    def _check_meeting_clock(self) -> None:
        if self._recording_since_ns and self._since(self._recording_since_ns) >= self._timeouts.max_recording_s:
            self._end(EndReason.RECORDING_TIMEOUT, f"{self._timeouts.max_recording_s:g} s are recorded.")
        elif self.screen.kind is ScreenKind.RECONNECTING:
            # Whoever is cut off hears nobody: no timer of company or silence may fire now.
            if self._stands_for(self._rules.reconnect_s):
                self._end(EndReason.NETWORK_LOSS, f"The page tried to reconnect for {self._rules.reconnect_s:g} s.")
        else:
            verdict = self._presence.verdict(self._now_ns)
            if verdict is not None:
                self._end(*verdict)

    # ---- effects

    def _since(self, then_ns: int) -> float:
        return (self._now_ns - then_ns) / _NS

    def _enter(self, state: BotState) -> None:
        if state is not self.state:
            self.state = state
            self._decisions.append(Enter(state))

    def _end(self, reason: EndReason, detail: str) -> None:
        if self.finish is None:
            self.finish = Finish(reason, detail, self.screen)
            self._enter(BotState.LEAVING)
            self._decisions.append(self.finish)
