"""`meetfleet artifacts`: computes the files of a tape, anywhere and again."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from meetfleet.artifacts.manifest import Manifest, describe_file, write_manifest
from meetfleet.artifacts.video.cli import video as render_command
from meetfleet.domain.errors import MeetfleetError


class VideoChoice(StrEnum):
    """Layouts of the video, or none."""

    NONE = "none"
    SPEAKER_VIEW = "speaker_view"
    GALLERY_VIEW = "gallery_view"


app = typer.Typer(no_args_is_help=True, help="Compute a recording's files from its tape.")


app.command("video")(render_command)


@app.command()
def build(
    tape: Annotated[Path, typer.Argument(help="The tape's directory.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Where the files go; default: `artifacts` beside the tape.")] = None,
    video: Annotated[VideoChoice, typer.Option(help="Also render a video in this layout.")] = VideoChoice.NONE,
) -> None:
    """Build every artifact of TAPE."""
    console = Console()
    out_dir = out or tape.resolve().parent / "artifacts"
    try:
        with Progress(console=console, transient=True) as progress:
            manifest = _build(tape, out_dir, progress)
            if video is not VideoChoice.NONE and manifest.duration_s:
                manifest = _render(tape, out_dir, video, manifest, progress)
    except MeetfleetError as error:
        console.print(f"[red]{error.message}[/]")
        raise typer.Exit(2) from error
    _print(console, manifest, out_dir)


def _build(tape: Path, out_dir: Path, progress: Progress) -> Manifest:
    from meetfleet.artifacts.live import LiveBuild  # loads the media libraries
    from meetfleet.tape.tape import Tape

    segments = Tape.open(tape).segments
    task = progress.add_task("Sound and speakers", total=len(segments))
    live = LiveBuild(out_dir)
    for segment in segments:
        live.feed(segment.path)
        progress.advance(task)
    return live.finish()


def _render(tape: Path, out_dir: Path, layout: str, manifest: Manifest, progress: Progress) -> Manifest:
    from meetfleet.artifacts.video.plan import Layout
    from meetfleet.artifacts.video.render import render_video

    task = progress.add_task("Video", total=1.0)
    path = out_dir / "video.mp4"
    result = render_video(tape, path, Layout(layout), lambda done, _: progress.update(task, completed=done))
    entry = describe_file(out_dir, path.name, "video", duration_s=round(result.duration_s, 3))
    manifest = manifest.with_file(entry)
    write_manifest(out_dir, manifest)
    return manifest


def _print(console: Console, manifest: Manifest, out_dir: Path) -> None:
    table = Table("file", "size", "length", "speaker")
    for file in manifest.files:
        length = "" if file.duration_s is None else f"{file.duration_s:.3f} s"
        table.add_row(file.name, f"{file.size_bytes:,} B", length, file.speaker or "")
    console.print(table)
    for participant in manifest.participants:
        console.print(f"{participant.name}: spoke {participant.speaking_s:.1f} s")
    for gap in manifest.gaps:
        console.print(f"[yellow]{gap.reason}[/] from {gap.start_s:.3f} s to {gap.end_s:.3f} s")
    for damage in manifest.quality.damage:
        console.print(f"[yellow]{damage}[/]")
    console.print(f"{manifest.duration_s:.3f} s recorded. All in {out_dir}")
