"""Renders a video in a process of its own: `python -m meetfleet.artifacts.video.worker [JOB]`.

JOB is one JSON object, as an argument or on the first line of standard input:

    {"tape_dir": ..., "out_path": ..., "layout": "speaker_view", "resolution": "720p",
     "max_fps": 30, "nice": 19, "timeline": null, "audio": null}

Only the first two are needed; the time line and the sound are found beside `out_path`, or built from the tape.

It prints one JSON object a line: {"progress": 0..1, "seconds_done": s}, and at the end {"done": {...}} with exit code
0 or {"error": {"code", "message", "retryable"}} with exit code 1. SIGTERM and SIGINT stop it with 143 and leave no file
behind. Run again, it starts anew and gives the same file.
"""

import errno
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from meetfleet.artifacts.video.plan import Layout
from meetfleet.artifacts.video.render import RenderOptions, VideoResult, render_video
from meetfleet.artifacts.video.resolution import Resolution
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.domain.errors import InvalidRequest, MeetfleetError

STOPPED = 143
TELL_S = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """What to render.

    Attributes:
        nice: How much the process steps back behind others, 0 to 19.
    """

    tape_dir: Path
    out_path: Path
    timeline: Path | None = None
    audio: Path | None = None
    layout: Layout = Layout.SPEAKER_VIEW
    resolution: Resolution = Resolution.P720
    max_fps: int = 30
    nice: int = 19

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a job.

        Raises:
            InvalidRequest: code `bad_job`: not of the form above.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            return cls(
                tape_dir=Path(raw["tape_dir"]),
                out_path=Path(raw["out_path"]),
                timeline=Path(raw["timeline"]) if raw.get("timeline") else None,
                audio=Path(raw["audio"]) if raw.get("audio") else None,
                layout=Layout(raw.get("layout", Layout.SPEAKER_VIEW)),
                resolution=Resolution(raw.get("resolution", Resolution.P720)),
                max_fps=int(raw.get("max_fps", 30)),
                nice=int(raw.get("nice", 19)),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidRequest(f"Unreadable video job: {error!r}", code="bad_job") from error


def run(job: Job) -> VideoResult:
    """Renders the job in this process and prints its progress.

    Raises:
        MeetfleetError: see `render_video`.
    """
    options = RenderOptions(resolution=job.resolution, max_fps=job.max_fps)
    return render_video(
        job.tape_dir,
        job.out_path,
        job.layout,
        _Teller(),
        timeline=Timeline.read(job.timeline) if job.timeline else None,
        audio=job.audio,
        options=options,
    )


def main(arguments: list[str]) -> int:
    """Runs the job given as argument or on standard input; returns the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        job = Job.from_json(arguments[0] if arguments else sys.stdin.readline())
        os.nice(job.nice)
        result = run(job)
    except MeetfleetError as error:
        return _fail(error.code, error.message, retryable=error.retryable)
    except OSError as error:
        code = "disk_full" if error.errno == errno.ENOSPC else "disk"
        return _fail(code, error.strerror or str(error), retryable=True)
    _print({"done": _told(result)})
    return 0


class _Teller:
    """Prints progress, not more often than somebody looks at it."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, fraction: float, seconds_done: float) -> None:
        if time.monotonic() - self._told_at >= TELL_S:
            self._told_at = time.monotonic()
            _print({"progress": round(fraction, 4), "seconds_done": round(seconds_done, 2)})


def _told(result: VideoResult) -> dict[str, object]:
    size = {"width": result.size.width, "height": result.size.height}
    return {**asdict(result), "path": str(result.path), "size": size}


def _fail(code: str, message: str, *, retryable: bool) -> int:
    _print({"error": {"code": code, "message": message, "retryable": retryable}})
    return 1


def _print(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """Unwinds the stack, so that half-made files are removed."""
    raise SystemExit(STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
