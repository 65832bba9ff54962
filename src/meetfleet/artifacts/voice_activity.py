"""When a source sounds, from the level of each of its packets."""

from collections import deque
from dataclasses import dataclass

from meetfleet.artifacts.recording_line import SAMPLE_RATE_HZ

_SPEECH_DB = 55  # -dBov: quieter than this is no speech, unless the noise floor says otherwise
_LOUDEST_THRESHOLD_DB = 38
_ABOVE_FLOOR_DB = 12
_HYSTERESIS_DB = 6
_FLOOR_WINDOWS = 12
_WINDOW_SAMPLES = SAMPLE_RATE_HZ
_SMOOTHING = 0.4
_JOIN_SAMPLES = round(0.3 * SAMPLE_RATE_HZ)
_LEAST_ACTIVE_SAMPLES = round(0.05 * SAMPLE_RATE_HZ)
_CLICK_GAP_SAMPLES = round(0.1 * SAMPLE_RATE_HZ)


@dataclass(slots=True)
class ActiveSpan:
    """A span in which a source sounds.

    Attributes:
        start: Samples at 48 kHz.
        active: How much of it is sound; the rest are pauses between words.
    """

    start: int
    end: int
    active: int


class VoiceActivity:
    """Joins loud packets into spans. Feed it packets in order of place.

    A packet is loud above -55 dBov, or above the noise of this source if that is higher: the quietest of the last
    seconds plus 12 dB, at most -38 dBov so that steady music stays sound. Once loud, 6 dB less keeps it so.
    """

    def __init__(self) -> None:
        self._spans: list[ActiveSpan] = []
        self._floors: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._window_start: int | None = None
        self._window_floor = 0.0
        self._smooth: float | None = None
        self._is_loud = False

    def add(self, position: int, samples: int, level_db: int) -> None:
        """Takes one packet.

        Args:
            level_db: -dBov, 0 loudest to 127 silence.
        """
        threshold = self._threshold() + (_HYSTERESIS_DB if self._is_loud else 0)
        self._is_loud = level_db <= threshold
        if self._is_loud:
            self._extend(position, samples)
        self._follow_floor(position, level_db)

    def spans(self) -> list[ActiveSpan]:
        """Everything found so far; clicks shorter than 50 ms are left out."""
        return [span for span in self._spans if span.active >= _LEAST_ACTIVE_SAMPLES]

    def _extend(self, position: int, samples: int) -> None:
        last = self._spans[-1] if self._spans else None
        if last is not None and last.active < _LEAST_ACTIVE_SAMPLES and position - last.end > _CLICK_GAP_SAMPLES:
            self._spans.pop()
            last = None
        if last is not None and position - last.end <= _JOIN_SAMPLES:
            last.end = max(last.end, position + samples)
            last.active += samples
        else:
            self._spans.append(ActiveSpan(position, position + samples, samples))

    def _threshold(self) -> float:
        """In -dBov: a smaller number is louder."""
        if not self._floors:
            return _SPEECH_DB
        return max(_LOUDEST_THRESHOLD_DB, min(_SPEECH_DB, max(self._floors) - _ABOVE_FLOOR_DB))

    def _follow_floor(self, position: int, level_db: int) -> None:
        smooth = level_db if self._smooth is None else self._smooth + _SMOOTHING * (level_db - self._smooth)
        self._smooth = smooth
        if self._window_start is None:
            self._window_start, self._window_floor = position, smooth
        elif position - self._window_start >= _WINDOW_SAMPLES:
            self._floors.append(self._window_floor)
            self._window_start, self._window_floor = position, smooth
        self._window_floor = max(self._window_floor, smooth)
