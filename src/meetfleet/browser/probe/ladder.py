"""Which rung serves the meeting's sound: decided from what can be heard on each, not from what should work.

Pure: fed with evidence and the time, it gives the state that it wants. Receivers are named by keys of the probe.
"""

from collections import deque
from dataclasses import dataclass, field

from meetfleet.tape.records import Rung

SECOND = 1_000_000_000
SOUND_DB = -55.0  # a meter above this hears somebody
WINDOW_S = 5.0
TRUST_S = 15.0  # served sound this fresh needs no taps in standby
BAD_CHECKS = 2
GOOD_CHECKS = 3
SILENT_S = 0.2  # less sound than this within the window is silence
RAW_SOUND_S = 2.0
ENCODED_SOUND_S = 1.0
PAGE_SOUND_S = 2.0
PAGE_SOUND_ALONE_S = 0.6  # without any receiver there is nothing else to wait for
SPEAKS_S = 3.0
RAW_RETRY_S = (60.0, 600.0)
RAW_TRIAL_S = 6.0
BUCKET_S = 0.2
NO_RECEIVER = "there is no audio receiver"


class Hearing:
    """How many seconds of the last few something was loud."""

    def __init__(self) -> None:
        self._buckets: deque[int] = deque()

    def heard(self, now_ns: int, seconds: float = BUCKET_S) -> None:
        """It was loud for these last `seconds`."""
        last = int(now_ns / SECOND / BUCKET_S)
        first = last - max(1, round(seconds / BUCKET_S)) + 1
        for bucket in range(max(first, self._buckets[-1] + 1 if self._buckets else first), last + 1):
            self._buckets.append(bucket)

    def seconds(self, now_ns: int, window_s: float = WINDOW_S) -> float:
        oldest = int((now_ns / SECOND - window_s) / BUCKET_S)
        while self._buckets and self._buckets[0] <= int((now_ns / SECOND - 4 * WINDOW_S) / BUCKET_S):
            self._buckets.popleft()
        return BUCKET_S * sum(1 for bucket in self._buckets if bucket > oldest)

    def within(self, now_ns: int, window_s: float) -> bool:
        return bool(self._buckets) and self._buckets[-1] * BUCKET_S > now_ns / SECOND - window_s - BUCKET_S


@dataclass(slots=True)
class Receiver:
    """What is known of one audio receiver."""

    encoded: Hearing = field(default_factory=Hearing)
    raw: Hearing = field(default_factory=Hearing)
    good: int = 0
    bad: int = 0
    why: str = ""
    unproven_ns: int | None = None  # since when packets are loud without a good check

    @property
    def is_trusted(self) -> bool:
        return self.bad < BAD_CHECKS


@dataclass(frozen=True, slots=True)
class Plan:
    """The state wanted of the page's taps.

    Attributes:
        rung: What serves the meeting's sound as a whole; RAW if any receiver is served raw.
        raw: Receivers served by decoded sound instead of their packets.
        arm_raw: Listen to every receiver's decoded sound, in standby.
        arm_page: Listen to the page's mixed sound, in standby.
        starve: Nobody needs decoded sound: proven packets are taped, and no other way is kept open.
        since_ns: From when on kept sound is to be added after a change of rung.
    """

    rung: Rung
    raw: frozenset[str]
    arm_raw: bool
    arm_page: bool
    starve: bool
    since_ns: int
    why: str


class AudioLadder:
    """Climbs down when a rung is silent or scrambled while another one speaks, and up again on better evidence."""

    def __init__(self, rungs: tuple[Rung, ...] = tuple(Rung)) -> None:
        self._rungs = rungs
        self._receivers: dict[str, Receiver] = {}
        self._gone: deque[Hearing] = deque(maxlen=16)
        self._page = Hearing()
        self._rung = rungs[0]
        self._raw: set[str] = set()
        self._why = "the first choice"
        self._since_ns = 0
        self._speaks_ns: int | None = None
        self._retry_s = RAW_RETRY_S[0]
        self._retry_ns = 0

    # ---- evidence

    def receiver_seen(self, key: str) -> None:
        self._receivers.setdefault(key, Receiver())

    def receiver_gone(self, key: str) -> None:
        """Its track has ended. What it gave lately still counts as heard."""
        if receiver := self._receivers.pop(key, None):
            self._gone.append(receiver.raw if key in self._raw else receiver.encoded)
        self._raw.discard(key)

    def encoded_heard(self, key: str, now_ns: int) -> None:
        """A packet whose level says that it holds sound."""
        receiver = self._receiver(key)
        receiver.encoded.heard(now_ns)
        if receiver.unproven_ns is None:
            receiver.unproven_ns = now_ns

    def checked(self, key: str, fits: bool, why: str) -> None:
        """Some packets were decoded: did their sound fit their levels?"""
        receiver = self._receiver(key)
        receiver.good = receiver.good + 1 if fits else 0
        receiver.bad = 0 if receiver.good >= (1 if receiver.is_trusted else GOOD_CHECKS) else receiver.bad + (not fits)
        receiver.why = why
        if fits:
            receiver.unproven_ns = None

    def raw_heard(self, key: str, level_db: float, now_ns: int, seconds: float) -> None:
        """The meter of a receiver's decoded sound over the last `seconds`."""
        if level_db > SOUND_DB:
            self._receiver(key).raw.heard(now_ns, seconds)

    def page_heard(self, level_db: float, now_ns: int, seconds: float) -> None:
        """The meter of all that the page plays."""
        if level_db > SOUND_DB:
            self._page.heard(now_ns, seconds)

    def someone_speaks(self, speaking: bool, now_ns: int) -> None:
        """The platform says whether anybody speaks: a signal or a mark on the page."""
        if not speaking:
            self._speaks_ns = None
        elif self._speaks_ns is None:
            self._speaks_ns = now_ns

    def _receiver(self, key: str) -> Receiver:
        return self._receivers.setdefault(key, Receiver())

    # ---- decision

    def decide(self, now_ns: int) -> Plan:
        """The plan for this moment. Call it a few times a second."""
        if Rung.ENCODED in self._rungs:
            self._judge_receivers(now_ns)
        elif self._rung is Rung.RAW:
            self._raw = set(self._receivers)
        if self._rung is Rung.PAGE:
            self._maybe_climb(now_ns)
        else:
            self._maybe_leave(now_ns)
        return Plan(
            rung=self._rung,
            raw=frozenset() if self._rung is Rung.PAGE else frozenset(self._raw),
            arm_raw=Rung.RAW in self._rungs and self._wants_raw_standby(now_ns),
            arm_page=Rung.PAGE in self._rungs and self._rung is not Rung.PAGE and self._wants_standby(now_ns),
            starve=self._rung is Rung.ENCODED and not self._raw and not self._wants_standby(now_ns),
            since_ns=self._since_ns,
            why=self._why,
        )

    def _judge_receivers(self, now_ns: int) -> None:
        for key, receiver in self._receivers.items():
            if key in self._raw:
                self._maybe_return(key, receiver, now_ns)
            elif not receiver.is_trusted and receiver.raw.within(now_ns, WINDOW_S) and Rung.RAW in self._rungs:
                self._raw.add(key)
                self._move(Rung.RAW, receiver.unproven_ns or now_ns, f"the packets are no sound: {receiver.why}")

    def _maybe_return(self, key: str, receiver: Receiver, now_ns: int) -> None:
        if receiver.is_trusted and receiver.good >= GOOD_CHECKS:
            self._raw.discard(key)
            if not self._raw:
                self._move(Rung.ENCODED, now_ns, "the packets hold sound again")

    def _maybe_leave(self, now_ns: int) -> None:
        """The rung in use is silent: is one below it not?"""
        if self._served_s(now_ns) >= SILENT_S:
            return
        louder = [k for k, r in self._receivers.items() if k not in self._raw and r.raw.seconds(now_ns) >= RAW_SOUND_S]
        if louder and Rung.RAW in self._rungs:
            self._raw.update(louder)
            self._move(Rung.RAW, now_ns - int(WINDOW_S * SECOND), "the packets are silent, the decoded sound is not")
            return
        if Rung.PAGE not in self._rungs:
            return
        enough_s = PAGE_SOUND_S if self._receivers else PAGE_SOUND_ALONE_S
        if self._page.seconds(now_ns) >= enough_s:
            why = "the page plays sound that no receiver has" if self._receivers else NO_RECEIVER
            self._leave_for_page(now_ns - int(WINDOW_S * SECOND), now_ns, why)
        elif self._speaks_ns is not None and now_ns - self._speaks_ns > SPEAKS_S * SECOND:
            why = "somebody speaks and no receiver is heard" if self._receivers else NO_RECEIVER
            self._leave_for_page(self._speaks_ns, now_ns, why)

    def _maybe_climb(self, now_ns: int) -> None:
        """On the page rung: has a better one come to life?"""
        needed = 1 if self._why == NO_RECEIVER else GOOD_CHECKS
        proven = [r for r in self._receivers.values() if r.is_trusted and r.good >= needed]
        if Rung.ENCODED in self._rungs and any(r.encoded.seconds(now_ns) >= ENCODED_SOUND_S for r in proven):
            self._raw.clear()
            self._move(Rung.ENCODED, now_ns, "receivers came to life")
            return
        louder = {k for k, r in self._receivers.items() if r.raw.seconds(now_ns) >= RAW_SOUND_S}
        if louder and Rung.RAW in self._rungs:
            self._raw = set(louder)
            self._move(Rung.RAW, now_ns, "decoded sound came to life")

    def _served_s(self, now_ns: int) -> float:
        """Seconds of sound that the rung in use gave lately."""
        heard = [
            r.raw if k in self._raw else r.encoded for k, r in self._receivers.items() if k in self._raw or r.is_trusted
        ]
        return max((h.seconds(now_ns) for h in (*heard, *self._gone)), default=0.0)

    def _wants_standby(self, now_ns: int) -> bool:
        """No trusted sound for a while, or receivers whose packets are not proven: keep other ways open."""
        for key, receiver in self._receivers.items():
            proven = key in self._raw or receiver.good > 0
            heard = receiver.raw if key in self._raw else receiver.encoded
            if proven and heard.within(now_ns, TRUST_S):
                return any(not r.is_trusted for k, r in self._receivers.items() if k not in self._raw)
        return True

    def _wants_raw_standby(self, now_ns: int) -> bool:
        if self._rung is not Rung.PAGE:
            return self._wants_standby(now_ns)
        if now_ns >= self._retry_ns + int(RAW_TRIAL_S * SECOND):
            self._retry_s = min(self._retry_s * 2, RAW_RETRY_S[1])
            self._retry_ns = now_ns + int(self._retry_s * SECOND)
        return now_ns >= self._retry_ns

    def _leave_for_page(self, since_ns: int, now_ns: int, why: str) -> None:
        self._retry_s = RAW_RETRY_S[0]
        self._retry_ns = now_ns + int(self._retry_s * SECOND)
        self._move(Rung.PAGE, since_ns, why)

    def _move(self, rung: Rung, since_ns: int, why: str) -> None:
        self._rung, self._since_ns, self._why = rung, since_ns, why
