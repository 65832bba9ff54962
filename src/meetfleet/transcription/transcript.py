"""What was said: words make utterances, utterances make a transcript. Seconds count from the recording's start."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

UNKNOWN_SPEAKER = "Unknown speaker"
UNKNOWN_LANGUAGE = "und"
"""ISO 639: undetermined."""
UNTOLD_CONFIDENCE = 0.5
"""Written where the engine tells none; the published files must have a number."""


@dataclass(frozen=True, slots=True)
class Word:
    """Attributes:
    confidence: 0 to 1; None if the engine tells none.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one person said in one go.

    Attributes:
        speaker: Display name; None while, or if, nobody knows it.
        voice: The engine's own number for the voice; the same number may be two people, and one person two numbers.
        language: ISO 639-1, if known.
        confidence: 0 to 1; None if the engine tells none.
    """

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    voice: int | None = None
    language: str | None = None
    confidence: float | None = None
    channel: int = 0

    def later(self, by_s: float) -> "Utterance":
        """The same in a recording that began earlier."""
        words = tuple(replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in self.words)
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s, words=words)


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that was said, by time."""

    utterances: tuple[Utterance, ...]
    duration_s: float

    @classmethod
    def of(cls, utterances: Sequence[Utterance], duration_s: float) -> "Transcript":
        """Sorted, and held within the recording: engines round, and some end a word after the sound does."""
        kept = [_within(u, duration_s) for u in utterances if u.text.strip()]
        return cls(tuple(sorted(kept, key=lambda u: (u.start_s, u.end_s, u.speaker or ""))), duration_s)

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1, most spoken first."""
        spoken: Counter[str] = Counter()
        for utterance in self.utterances:
            if utterance.language:
                spoken[utterance.language] += len(utterance.text)
        return tuple(sorted(spoken, key=lambda language: (-spoken[language], language)))


def _within(utterance: Utterance, duration_s: float) -> Utterance:
    def held(at_s: float, least_s: float = 0.0) -> float:
        return max(least_s, min(at_s, duration_s))

    words = tuple(
        replace(word, start_s=held(word.start_s), end_s=held(word.end_s, held(word.start_s)))
        for word in utterance.words
    )
    start_s = held(utterance.start_s)
    return replace(utterance, start_s=start_s, end_s=held(utterance.end_s, start_s), words=words)
