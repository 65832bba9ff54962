"""`meetfleet tape`: look at a tape, print it, check it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.reader import Message, TapeFrames
from meetfleet.tape.records import Screenshot
from meetfleet.tape.tape import Tape
from meetfleet.tape.verify import TapeReport, verify_tape

app = typer.Typer(no_args_is_help=True, help="Look at tapes: info, cat, verify.")
_PATH = Annotated[Path, typer.Argument(help="A bot's tape directory, or one segment file.", show_default=False)]


@app.command()
def info(path: _PATH) -> None:
    """Print what is on a tape: takes, streams, records, capture rungs, gaps."""
    console = Console()
    report = verify_tape(_open(path, console))
    _print_summary(console, report)
    _print_streams(console, report)
    _print_captures(console, report)
    if report.problems:
        console.print(f"[yellow]{len(report.problems)} problems; `meetfleet tape verify` lists them.[/]")


@app.command()
def verify(path: _PATH) -> None:
    """Check checksums, segment sequence, times and RTP continuity. Exits 1 if the tape is damaged."""
    console = Console()
    report = verify_tape(_open(path, console))
    _print_segments(console, report)
    _print_streams(console, report)
    _print_captures(console, report)
    for problem in report.problems:
        console.print(f"[red]{problem}[/]")
    if report.problems:
        raise typer.Exit(1)
    console.print(f"[green]The tape is whole:[/] {len(report.segments)} segments.")


@app.command()
def cat(
    path: _PATH,
    topic: Annotated[str, typer.Option(help="Only topics that begin like this, such as /roster or /track/0.")] = "/",
    frames: Annotated[bool, typer.Option("--frames", help="One line for each frame instead of each batch.")] = False,
) -> None:
    """Print a tape as JSON lines, one message each."""
    for message in _open(path, Console(stderr=True)).messages():
        for line in _lines(message, frames):
            if line["topic"].startswith(topic):
                typer.echo(json.dumps(line, ensure_ascii=False))


def _open(path: Path, console: Console) -> Tape:
    try:
        return Tape.open(path)
    except TapeError as error:
        console.print(f"[red]{error.message}[/]")
        raise typer.Exit(2) from error


def _lines(message: Message, each_frame: bool) -> Iterator[dict[str, Any]]:
    if isinstance(message, TapeFrames):
        topic = f"/track/{message.track_id}/frames"
        if each_frame:
            yield from ({"at_ns": f.arrival_ns, "topic": topic, **_frame(f)} for f in message.frames)
        else:
            size = sum(len(f.payload) for f in message.frames)
            yield {"at_ns": message.at_ns, "topic": topic, "frames": len(message.frames), "size_bytes": size}
        return
    record = message.record
    if isinstance(record, Screenshot):
        yield {"at_ns": message.at_ns, "topic": record.topic, "size_bytes": len(record.png)}
        return
    values = json.loads(record.to_json())
    yield {"at_ns": message.at_ns, "topic": record.topic.format(track_id=values.get("track_id")), **values}


def _frame(frame: EncodedFrame) -> dict[str, Any]:
    values = asdict(frame)
    values["size_bytes"] = len(values.pop("payload"))
    return values


def _print_summary(console: Console, report: TapeReport) -> None:
    meta = next((segment.meta for segment in report.segments if segment.meta), None)
    first, last = report.segments[0].first_ns, max(segment.last_ns for segment in report.segments)
    size = sum(segment.size_bytes for segment in report.segments)
    takes = len({segment.name.take for segment in report.segments})
    table = Table(show_header=False, box=None)
    table.add_row("bot", meta.bot_id if meta else "unknown")
    table.add_row("platform", meta.platform if meta else "unknown")
    table.add_row("started", _time(first))
    table.add_row("length", _duration(last - first))
    table.add_row("takes, segments", f"{takes}, {len(report.segments)}")
    table.add_row("size", _size(size))
    table.add_row("records", ", ".join(f"{name} {count}" for name, count in sorted(report.records.items())) or "none")
    console.print(table)


def _print_segments(console: Console, report: TapeReport) -> None:
    columns = ("segment", "from", "length", "messages", "size", "state")
    table = Table(*columns, title="Segments", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for segment in report.segments:
        state = "sealed" if segment.is_sealed and not segment.damage else "; ".join(segment.damage)
        length = _duration(segment.last_ns - segment.first_ns)
        table.add_row(
            str(segment.name),
            _time(segment.first_ns),
            length,
            str(segment.message_count),
            _size(segment.size_bytes),
            state,
        )
    console.print(table)


def _print_streams(console: Console, report: TapeReport) -> None:
    columns = ("track", "ssrc", "codec", "rung", "csrcs", "from", "length", "frames", "kB", "missing", "late")
    table = Table(*columns, title="Streams (take/track)", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    zero_ns = min((s.first_ns for s in report.segments if s.first_ns), default=0)
    for s in report.streams:
        table.add_row(
            f"{s.take}/{s.track_id}", str(s.ssrc), s.codec, s.rung, str(len(s.csrcs)), _duration(s.first_ns - zero_ns),
            _duration(s.last_ns - s.first_ns), str(s.frames), str(s.size_bytes // 1000), str(s.missing), str(s.late),
        )  # fmt: skip
    console.print(table)


def _print_captures(console: Console, report: TapeReport) -> None:
    for at_ns, span in report.captures:
        console.print(f"{_time(at_ns)}  {span.medium} served by [bold]{span.rung}[/]  {span.why}")
    for gap in report.gaps:
        console.print(f"{_time(gap.start_ns)}  [yellow]gap of {_duration(gap.end_ns - gap.start_ns)}[/]  {gap.reason}")


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if at_ns else "-"


def _duration(ns: int) -> str:
    minutes, tenths = divmod(round(ns / 1e8), 600)
    return f"{minutes}:{tenths // 10:02d}.{tenths % 10}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.2f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:.1f} kB"
