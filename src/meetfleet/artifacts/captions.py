"""Captions of the platform to WebVTT. Source: https://www.w3.org/TR/webvtt1/."""

from dataclasses import dataclass

from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.tape.records import Caption

_NS = 1_000_000_000
_LEAST_NS = 1_000_000_000


@dataclass(slots=True)
class CaptionLine:
    """One caption as it stands after its latest revision.

    Attributes:
        start_ns: First revision, on the meeting clock.
        end_ns: Latest revision that changed it.
    """

    caption: Caption
    take: int
    start_ns: int
    end_ns: int


class CaptionBook:
    """Fed with revisions in order of time; keeps the highest version of each caption."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, str | None, str], CaptionLine] = {}

    def see(self, take: int, at_ns: int, caption: Caption) -> None:
        key = take, caption.participant_id, caption.caption_id
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = CaptionLine(caption, take, at_ns, at_ns)
        elif caption.version >= line.caption.version:
            if caption.text != line.caption.text:
                line.end_ns = at_ns
            line.caption = caption

    def lines(self) -> list[CaptionLine]:
        """Those that say something, by time."""
        said = [line for line in self._lines.values() if line.caption.text.strip()]
        return sorted(said, key=lambda line: (line.start_ns, line.caption.caption_id))


def captions_vtt(lines: list[CaptionLine], names: dict[str, str], line: RecordingLine) -> str | None:
    """The WebVTT file, or None if no caption falls into the recording.

    Args:
        names: Display names by participant id, which win over the names captions carry.
    """
    cues: list[str] = []
    for caption in lines:
        start_ns = line.position_ns(caption.start_ns)
        if start_ns is None:
            continue
        end_ns = line.position_ns(caption.end_ns) or start_ns
        name = names.get(caption.caption.participant_id or "") or caption.caption.name
        text = _escape(caption.caption.text.strip())
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
