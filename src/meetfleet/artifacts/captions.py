"""Captions of the platform: which words were captioned when, and WebVTT. Source: https://www.w3.org/TR/webvtt1/."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.tape.records import Caption

_LEAST_NS = 1_000_000_000
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
"""Scripts that put no spaces between words: each character counts as one."""
_WORD = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")


@dataclass(slots=True)
class CaptionLine:
    """One caption as it stands after its latest revision.

    Attributes:
        start_ns: First revision, on the meeting clock.
        end_ns: Latest revision that changed it.
        grown_ns: When the caption first had one word, two words, ...
    """

    caption: Caption
    take: int
    start_ns: int
    end_ns: int
    grown_ns: list[int] = field(default_factory=list[int])

    def grow(self, at_ns: int) -> None:
        missing = sum(1 for _ in _WORD.finditer(self.caption.text)) - len(self.grown_ns)
        self.grown_ns += [at_ns] * missing


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """A word of a caption's final wording.

    Attributes:
        start, end: Its place in the text.
        seen_ns: When it appeared, from the recording's start.
    """

    start: int
    end: int
    seen_ns: int


@dataclass(frozen=True, slots=True)
class CaptionRun:
    """The words of one caption between two cuts of the recording."""

    caption: Caption
    words: tuple[CaptionWord, ...]

    @property
    def text(self) -> str:
        return " ".join(self.caption.text[self.words[0].start : self.words[-1].end].split())


class CaptionBook:
    """Fed with revisions in order of time, those of cut spans too; keeps the highest version of each caption."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, str | None, str], CaptionLine] = {}

    def see(self, take: int, at_ns: int, caption: Caption) -> None:
        key = take, caption.participant_id, caption.caption_id
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = CaptionLine(caption, take, at_ns, at_ns)
        elif caption.version >= line.caption.version:
            if caption.text != line.caption.text:
                line.end_ns = at_ns
            line.caption = caption
        line.grow(at_ns)

    def lines(self) -> list[CaptionLine]:
        """Those that say something, by time."""
        said = [line for line in self._lines.values() if line.caption.text.strip()]
        return sorted(said, key=lambda line: (line.start_ns, line.caption.caption_id))


def caption_runs(lines: list[CaptionLine], recording: RecordingLine) -> list[CaptionRun]:
    """What was captioned while it was recorded. Words that appeared while it was not are left out."""
    return [run for line in lines for run in _runs(line, recording)]


def _runs(line: CaptionLine, recording: RecordingLine) -> Iterator[CaptionRun]:
    words: list[CaptionWord] = []
    for found, seen_ns in zip(_WORD.finditer(line.caption.text), line.grown_ns, strict=False):
        position_ns = recording.position_ns(seen_ns)
        if position_ns is not None:
            words.append(CaptionWord(*found.span(), position_ns))
        elif words:
            yield CaptionRun(line.caption, tuple(words))
            words = []
    if words:
        yield CaptionRun(line.caption, tuple(words))


def captions_vtt(runs: list[CaptionRun], names: dict[str, str]) -> str | None:
    """The WebVTT file, or None if no caption falls into the recording.

    Args:
        names: Display names by participant id, which win over the names captions carry.
    """
    cues: list[str] = []
    for run in runs:
        start_ns, end_ns = run.words[0].seen_ns, run.words[-1].seen_ns
        name = names.get(run.caption.participant_id or "") or run.caption.name
        text = _escape(run.text)
        voiced = f"<v {_escape(name)}>{text}</v>" if name else text
        cues.append(f"{_time(start_ns)} --> {_time(max(end_ns, start_ns + _LEAST_NS))}\n{voiced}\n")
    return "WEBVTT\n\n" + "\n".join(cues) if cues else None


def _escape(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ns: int) -> str:
    hours, rest_ms = divmod(ns // 1_000_000, 3_600_000)
    minutes, rest_ms = divmod(rest_ms, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest_ms // 1000:02d}.{rest_ms % 1000:03d}"
