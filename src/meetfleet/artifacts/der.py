"""How far a diarization is from the truth."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """Somebody speaks, in seconds."""

    speaker: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class DiarizationError:
    """Parts of the diarization error rate, in seconds of speech.

    Attributes:
        spoken_s: Speech in the truth; two at once count twice.
        missed_s: Spoken, but nobody named.
        false_alarm_s: Nobody spoke, but somebody was named.
        confused_s: Somebody else was named.
    """

    spoken_s: float
    missed_s: float
    false_alarm_s: float
    confused_s: float

    @property
    def rate(self) -> float:
        """0 is perfect; with no speech at all, 0 or (if anybody was named) infinity."""
        wrong = self.missed_s + self.false_alarm_s + self.confused_s
        if self.spoken_s:
            return wrong / self.spoken_s
        return float("inf") if wrong else 0.0


def diarization_error_rate(truth: Iterable[SpokenSpan], hypothesis: Iterable[SpokenSpan], collar_s: float = 0) -> float:
    """(missed + false alarm + confused) / spoken. Names are compared as they are: nobody is matched up."""
    return diarization_error(truth, hypothesis, collar_s).rate


def diarization_error(
    truth: Iterable[SpokenSpan], hypothesis: Iterable[SpokenSpan], collar_s: float = 0
) -> DiarizationError:
    """The parts of the diarization error rate.

    Args:
        collar_s: How much to leave out on either side of each true boundary.

    Source: NIST Rich Transcription evaluation plan, speaker diarization error.
    """
    true_spans, guessed = list(truth), list(hypothesis)
    edges = {t for s in (*true_spans, *guessed) for t in (s.start_s, s.end_s)}
    collars = [(t - collar_s, t + collar_s) for s in true_spans for t in (s.start_s, s.end_s)] if collar_s else []
    edges |= {t for collar in collars for t in collar}
    ordered = sorted(edges)
    spoken = missed = false_alarm = confused = 0.0
    true_sweep, guess_sweep = _Sweep(true_spans), _Sweep(guessed)
    for start, end in pairwise(ordered):
        speaking, named = true_sweep.at(start), guess_sweep.at(start)
        if any(a <= start and end <= b for a, b in collars):
            continue
        length, right = end - start, len(speaking & named)
        spoken += length * len(speaking)
        missed += length * max(0, len(speaking) - len(named))
        false_alarm += length * max(0, len(named) - len(speaking))
        confused += length * (min(len(speaking), len(named)) - right)
    return DiarizationError(spoken, missed, false_alarm, confused)


class _Sweep:
    """Who speaks at moments asked in order."""

    def __init__(self, spans: list[SpokenSpan]) -> None:
        self._coming = sorted(spans, key=lambda s: -s.start_s)
        self._current: list[SpokenSpan] = []

    def at(self, moment_s: float) -> set[str]:
        while self._coming and self._coming[-1].start_s <= moment_s:
            self._current.append(self._coming.pop())
        self._current = [s for s in self._current if s.end_s > moment_s]
        return {s.speaker for s in self._current}
