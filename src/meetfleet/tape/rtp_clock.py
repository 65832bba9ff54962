"""From a sender's RTP clock to the meeting clock, by the fastest packets of the last seconds."""

from collections import deque

_NS = 1_000_000_000
_STEP_PACKETS = 25  # enough that chance alone does not delay them all
_STEP_PACKETS_FEW = 5  # so few must all be later by more than any usual jitter
_STEP_FEW_NS = 300_000_000


class _SlidingMinimum:
    """The smallest value of a sliding window of time, in constant time per value."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._values: deque[tuple[int, int]] = deque()

    def add(self, at_ns: int, value: int) -> None:
        while self._values and self._values[-1][1] >= value:
            self._values.pop()
        self._values.append((at_ns, value))
        self.expire(at_ns)

    def expire(self, now_ns: int) -> None:
        """Forgets what is older than the window, but keeps the last value."""
        while len(self._values) > 1 and self._values[0][0] < now_ns - self._window_ns:
            self._values.popleft()

    def clear(self) -> None:
        self._values.clear()

    def take_from(self, other: "_SlidingMinimum") -> None:
        """Becomes what `other`, with a shorter window over the same values, is."""
        self._values = other._values.copy()

    @property
    def value(self) -> int | None:
        return self._values[0][1] if self._values else None


class RtpClock:
    """Maps the ticks of one RTP stream to nanoseconds on the meeting clock.

    A packet's delay is its arrival minus its RTP time. The least delay of the last `window_s` belongs to packets that
    waited in no queue, so it is the offset between the two clocks; a window of seconds follows a sender whose
    clock is off by 100 ppm within 2 ms. Feed it ahead of asking (a reorder buffer's hold is enough): then the
    first words of a stream already profit from packets that came after them.

    A sender that restarts its timestamps after silence shifts every later packet alike. When half a second of packets
    in a row are all later than the envelope by more than `step_s`, the envelope is taken from them alone.
    """

    def __init__(
        self, clock_rate_hz: int, *, window_s: float = 20.0, recent_s: float = 1.5, step_s: float = 0.1
    ) -> None:
        self._rate_hz = clock_rate_hz
        self._recent_ns = round(recent_s * _NS)
        self._step_ns = round(step_s * _NS)
        self._envelope = _SlidingMinimum(round(window_s * _NS))
        self._recent = _SlidingMinimum(self._recent_ns)
        self._arrivals: deque[int] = deque()
        self._epoch = 0

    def observe(self, epoch: int, ticks: int, arrival_ns: int) -> None:
        """Takes the arrival of one packet, in order of arrival."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._envelope.clear()
            self._recent.clear()
            self._arrivals.clear()
        delay_ns = arrival_ns - self._media_ns(ticks)
        self._envelope.add(arrival_ns, delay_ns)
        self._recent.add(arrival_ns, delay_ns)
        self._arrivals.append(arrival_ns)
        while self._arrivals[0] < arrival_ns - self._recent_ns:
            self._arrivals.popleft()
        self._follow_step()

    def time_ns(self, ticks: int) -> int:
        """Returns when the sender took this tick, as if its packet had waited in no queue.

        Raises:
            ValueError: nothing was observed yet.
        """
        if self._envelope.value is None:
            raise ValueError("No packet was observed yet.")
        return self._media_ns(ticks) + self._envelope.value

    def _media_ns(self, ticks: int) -> int:
        return ticks * _NS // self._rate_hz

    def _follow_step(self) -> None:
        count, envelope, recent = len(self._arrivals), self._envelope.value, self._recent.value
        if envelope is None or recent is None or count < _STEP_PACKETS_FEW:
            return
        if recent - envelope > (self._step_ns if count >= _STEP_PACKETS else _STEP_FEW_NS):
            self._envelope.take_from(self._recent)
