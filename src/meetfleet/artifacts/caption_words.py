"""When captioned words were said, as far as captions tell, for who makes a transcript of them."""

import json
from dataclasses import dataclass

from meetfleet.artifacts.captions import CaptionRun
from meetfleet.artifacts.diarization import Segment

_NS = 1_000_000_000
_LETTER_NS = 65_000_000
"""How long a letter takes to say, about; pauses between words count as one letter."""
_MOST_LAG_NS = 4_000_000_000
_LAG_STEP_NS = 250_000_000


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word with an estimate of when it was said, from the recording's start."""

    text: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class SaidRun:
    """What somebody said in one go, by the captions.

    Attributes:
        name: As the platform shows it; empty if nobody knows.
    """

    participant_id: str | None
    name: str
    language: str | None
    text: str
    words: tuple[SaidWord, ...]


def said_runs(runs: list[CaptionRun], names: dict[str, str], segments: list[Segment]) -> list[SaidRun]:
    """Captions with the time of each word, in order.

    A word was said before it was captioned: words that appeared together share the time since those before them, at
    the pace of speech. Captions lag; by how much is told by the sound of those who spoke.

    Args:
        names: Display names by participant id, which win over the names captions carry.
        segments: Who was heard when.
    """
    said = [_said(run, names) for run in runs]
    lag_ns = _lag_ns(said, segments)
    return sorted((_earlier(run, lag_ns) for run in said), key=lambda run: (run.words[0].start_ns, run.name))


def captions_json(runs: list[SaidRun]) -> str | None:
    """`captions.json`: seconds of the recording; None if nothing was captioned."""
    rows = [
        {
            "speaker": run.name or None,
            "language": run.language,
            "text": run.text,
            "words": [
                {"word": word.text, "start": round(word.start_ns / _NS, 3), "end": round(word.end_ns / _NS, 3)}
                for word in run.words
            ],
        }
        for run in runs
    ]
    # Without indentation: the fast encoder, for files of megabytes.
    return json.dumps({"version": 1, "lines": rows}, ensure_ascii=False) + "\n" if rows else None


def _said(run: CaptionRun, names: dict[str, str]) -> SaidRun:
    caption = run.caption
    texts = [caption.text[word.start : word.end] for word in run.words]
    words: list[SaidWord] = []
    first = 0
    for index in range(1, len(texts) + 1):
        if index == len(texts) or run.words[index].seen_ns != run.words[first].seen_ns:
            begin_ns = words[-1].end_ns if words else 0
            words += _spread(texts[first:index], begin_ns, run.words[first].seen_ns)
            first = index
    name = names.get(caption.participant_id or "") or caption.name
    return SaidRun(caption.participant_id, name, caption.language, run.text, tuple(words))


def _spread(texts: list[str], begin_ns: int, end_ns: int) -> list[SaidWord]:
    """Words that appeared together at `end_ns`, after others that ended at `begin_ns`."""
    lengths_ns = [(len(text) + 1) * _LETTER_NS for text in texts]
    room_ns = min(sum(lengths_ns), max(0, end_ns - begin_ns))
    at_ns, scale = end_ns - room_ns, room_ns / sum(lengths_ns)
    words: list[SaidWord] = []
    for text, length_ns in zip(texts, lengths_ns, strict=True):
        words.append(SaidWord(text, at_ns, at_ns + round(length_ns * scale)))
        at_ns = words[-1].end_ns
    return words


def _lag_ns(runs: list[SaidRun], segments: list[Segment]) -> int:
    """The least shift that brings as many captioned words as possible under the sound of those who said them."""
    heard: dict[str, list[Segment]] = {}
    for segment in segments:
        if segment.user_id is not None:
            heard.setdefault(segment.speaker, []).append(segment)
    named = [run for run in runs if run.name in heard]
    # A few dozen lines tell the lag as well as thousands.
    sample = named[:: max(1, len(named) // 60)]
    near = [(run, _near(run, heard[run.name])) for run in sample]
    steps = range(0, _MOST_LAG_NS + 1, _LAG_STEP_NS)
    return max(steps, key=lambda lag_ns: (sum(_covered_ns(run, spans, lag_ns) for run, spans in near), -lag_ns))


def _near(run: SaidRun, segments: list[Segment]) -> list[Segment]:
    """Sound that a caption may belong to, however late it is."""
    first_ns, last_ns = run.words[0].start_ns - _MOST_LAG_NS, run.words[-1].end_ns
    return [segment for segment in segments if segment.end_ns > first_ns and segment.start_ns < last_ns]


def _covered_ns(run: SaidRun, segments: list[Segment], lag_ns: int) -> int:
    start_ns, end_ns = run.words[0].start_ns - lag_ns, run.words[-1].end_ns - lag_ns
    return sum(max(0, min(end_ns, s.end_ns) - max(start_ns, s.start_ns)) for s in segments)


def _earlier(run: SaidRun, lag_ns: int) -> SaidRun:
    words = tuple(SaidWord(w.text, max(0, w.start_ns - lag_ns), max(0, w.end_ns - lag_ns)) for w in run.words)
    return SaidRun(run.participant_id, run.name, run.language, run.text, words)
