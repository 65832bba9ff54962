"""What a bot process left in its work folder: sealed segments, an open one, reports it could not deliver, its log."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from meetfleet.tape.salvage import seal_leftovers
from meetfleet.tape.segment import SealedSegment, SegmentName

_REPORTS_NAME = "events.jsonl"
_LOG_TAIL_BYTES = 4000


def sealed_segments(work_dir: Path) -> list[Path]:
    """Finished segments, in tape order."""
    return [path for name, path in _segments(work_dir) if not name.is_open]


def has_open_segment(work_dir: Path) -> bool:
    return any(name.is_open for name, _ in _segments(work_dir))


def seal_open_segments(work_dir: Path) -> list[SealedSegment]:
    """Finishes what a dead bot left open, as far as it can be read. Never call it while the bot lives.

    Raises:
        TapeError: code `disk_full` or `tape_io`.
    """
    folders = sorted({path.parent for name, path in _segments(work_dir) if name.is_open})
    return [segment for folder in folders for segment in seal_leftovers(folder)]


def undelivered_reports(work_dir: Path) -> list[Mapping[str, Any]]:
    """All reports that the bot wrote down, in order; who takes them in knows which ones it has."""
    found: list[Mapping[str, Any]] = []
    for file in sorted(work_dir.rglob(_REPORTS_NAME)):
        for line in file.read_text(errors="replace").splitlines():
            try:
                report: object = json.loads(line)
            except ValueError:
                break  # the line that was being written when the process died
            if isinstance(report, dict):
                found.append(cast(Mapping[str, Any], report))
    return found


def log_tail(work_dir: Path) -> str:
    """The last words of a bot, for its owner's eyes."""
    try:
        with (work_dir / "bot.log").open("rb") as source:
            source.seek(max(0, source.seek(0, 2) - _LOG_TAIL_BYTES))
            return source.read().decode(errors="replace")
    except OSError:
        return ""


def _segments(work_dir: Path) -> list[tuple[SegmentName, Path]]:
    named = [(SegmentName.parse(path.name), path) for path in work_dir.rglob("t*.mcap*")]
    # Files below a hidden folder are half-made.
    return sorted(
        (name, path)
        for name, path in named
        if name is not None and not any(part.startswith(".") for part in path.relative_to(work_dir).parts)
    )
