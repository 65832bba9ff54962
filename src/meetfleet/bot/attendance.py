"""When is a meeting empty, or silent, for too long? Timers fed with who is there and whether anybody is heard."""

from collections.abc import Collection

from meetfleet.bot.observations import Attendance
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.link import Timeouts
from meetfleet.tape.records import Roster

_NS = 1_000_000_000


def attendance(roster: Roster, ignored_names: Collection[str]) -> Attendance:
    """Counts a roster: the bot itself never counts, nor do names that the caller named (case and blanks aside)."""
    ignored = {_fold(name) for name in ignored_names}
    people = [p for p in roster.participants if not p.is_self]
    dropped = sum(_fold(p.name) in ignored for p in people)
    return Attendance(len(people) - dropped, dropped)


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


class Presence:
    """The timers of one recording. Before `start` nothing runs; within the grace period nothing fires.

    A voice is proof of company even while the list of participants says nobody: lists fail more often than ears.
    Only where an ignored participant is there, who may be the voice, the list alone counts.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._started_ns: int | None = None
        self._others: int | None = None
        self._ignored = 0
        self._others_since_ns = 0
        self._heard_ns: int | None = None
        self._had_company = False

    def start(self, now_ns: int) -> None:
        self._started_ns = now_ns
        if self._others == 0:
            self._others_since_ns = now_ns

    def attendance(self, others: int, ignored: int, now_ns: int) -> None:
        if self._others is None or (self._others == 0) != (others == 0):
            self._others_since_ns = now_ns
        self._others, self._ignored = others, ignored
        self._had_company |= others > 0

    def heard(self, now_ns: int) -> None:
        self._heard_ns = now_ns

    def verdict(self, now_ns: int) -> tuple[EndReason, str] | None:
        """Why the bot should go now, if it should."""
        started = self._started_ns
        if started is None or now_ns - started < self._timeouts.grace_s * _NS:
            return None
        if not self._others:
            return self._alone(started, now_ns)
        return self._silent(started, now_ns)

    def _alone(self, started_ns: int, now_ns: int) -> tuple[EndReason, str] | None:
        voice_counts = self._ignored == 0 and self._heard_ns is not None
        voice_ns = self._heard_ns if voice_counts and self._heard_ns is not None else 0
        if self._others is None and voice_ns:
            return self._silent(started_ns, now_ns)  # no list at all, but people are heard
        alone_s = (now_ns - max(started_ns, self._others_since_ns, voice_ns)) / _NS
        if self._had_company or voice_ns:
            limit_s, text = self._timeouts.everyone_left_s, "Everyone else left"
        else:
            limit_s, text = self._timeouts.no_one_joined_s, "Nobody else joined"
        return (EndReason.NO_ATTENDEES, f"{text}; alone for {limit_s:g} s.") if alone_s >= limit_s else None

    def _silent(self, started_ns: int, now_ns: int) -> tuple[EndReason, str] | None:
        quiet_s = (now_ns - max(started_ns, self._others_since_ns, self._heard_ns or 0)) / _NS
        if quiet_s < self._timeouts.silence_s:
            return None
        return EndReason.NO_SPEAKER, f"Nobody was heard for {self._timeouts.silence_s:g} s."
