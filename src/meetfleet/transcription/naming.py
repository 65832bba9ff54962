"""True names for utterances of engines that only number voices: matched with who was heard when.

Unknown beats wrong: no name is better than another person's. Source: contract.md 11.4; all utterances of a voice vote,
where the original takes a sample, and an utterance that is clear by itself keeps its own name.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from meetfleet.transcription.transcript import Utterance

TOLERANCE_S = 1.0
"""How far engine and diarization may differ. Source: contract.md 11.4."""
_CLEAR = 0.6
_COVERED = 0.3
_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class HeardSpan:
    """Somebody is heard.

    Attributes:
        speaker: None if nobody knows who it is.
    """

    speaker: str | None
    start_s: float
    end_s: float


class Diarization:
    """Who was heard when, searchable by time.

    Args:
        spans: In any order; they may overlap.
    """

    def __init__(self, spans: Sequence[HeardSpan]) -> None:
        self._spans = sorted(spans, key=lambda span: span.start_s)
        self._starts = [span.start_s for span in self._spans]
        # The latest end of all spans up to each: where it lies before a moment, nothing earlier reaches it.
        self._latest = list(accumulate((span.end_s for span in self._spans), max))

    def near(self, start_s: float, end_s: float) -> list[HeardSpan]:
        """Spans that overlap a span of time."""
        first = bisect_left(self._latest, start_s)
        last = bisect_left(self._starts, end_s)
        return [span for span in self._spans[first:last] if span.end_s > start_s]


def named(utterances: Sequence[Utterance], diarization: Diarization) -> list[Utterance]:
    """The same utterances with `speaker` set where the diarization tells it.

    Args:
        utterances: Voices are told apart by `voice`; give the voices of each piece numbers of their own.
    """
    own = [_clear_name(utterance, diarization) for utterance in utterances]
    votes: defaultdict[Hashable, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for utterance, name in zip(utterances, own, strict=True):
        if utterance.voice is not None and name is not None:
            votes[utterance.voice][name] += max(utterance.end_s - utterance.start_s, 0.01)
    majority = {voice: _majority(names) for voice, names in votes.items()}
    return [
        replace(u, speaker=name or _fallback(u, majority.get(u.voice), diarization))
        for u, name in zip(utterances, own, strict=True)
    ]


def _clear_name(utterance: Utterance, diarization: Diarization) -> str | None:
    """Whom the sound under an utterance names, if it is clearly one person."""
    shares = _shares(utterance, diarization, 0.0) or _shares(utterance, diarization, TOLERANCE_S)
    if not shares:
        return None
    total_s = sum(shares.values())
    name = max(shares, key=lambda who: (shares[who], who or ""))
    spoken_s = max(utterance.end_s - utterance.start_s, 0.01)
    if shares[name] < _CLEAR * total_s or total_s < _COVERED * spoken_s:
        return None
    return name


def _shares(utterance: Utterance, diarization: Diarization, tolerance_s: float) -> dict[str | None, float]:
    """Seconds of each person's sound under an utterance; nobody's sound counts as somebody's, too."""
    start_s, end_s = utterance.start_s - tolerance_s, max(utterance.end_s, utterance.start_s + 0.01) + tolerance_s
    shares: defaultdict[str | None, float] = defaultdict(float)
    for span in diarization.near(start_s, end_s):
        shares[span.speaker] += min(end_s, span.end_s) - max(start_s, span.start_s)
    return {who: length_s for who, length_s in shares.items() if length_s > 0}


def _majority(votes: dict[str, float]) -> str | None:
    name = max(votes, key=lambda who: (votes[who], who))
    return name if votes[name] > _MAJORITY * sum(votes.values()) else None


def _fallback(utterance: Utterance, name: str | None, diarization: Diarization) -> str | None:
    """The voice's name, unless only others (or nobody that is known) are heard around the utterance."""
    if name is None:
        return None
    around = diarization.near(utterance.start_s - TOLERANCE_S, utterance.end_s + TOLERANCE_S)
    return name if not around or any(span.speaker == name for span in around) else None
