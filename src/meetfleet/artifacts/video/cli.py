"""`meetfleet artifacts video`: renders a tape's video, anywhere and again."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from meetfleet.artifacts.video.plan import Layout
from meetfleet.artifacts.video.resolution import Resolution
from meetfleet.domain.errors import MeetfleetError


def video(
    tape: Annotated[Path, typer.Argument(help="The tape's directory.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The MP4; default: `artifacts/video.mp4` beside the tape.")] = None,
    layout: Annotated[Layout, typer.Option(help="How people are arranged.")] = Layout.SPEAKER_VIEW,
    resolution: Annotated[Resolution, typer.Option(help="Size of the picture.")] = Resolution.P720,
) -> None:
    """Render the video of TAPE; it can be played while it grows."""
    from meetfleet.artifacts.video.render import RenderOptions, render_video  # loads the media libraries

    console = Console()
    path = out or tape.resolve().parent / "artifacts" / "video.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Video", total=1.0)
            result = render_video(
                tape,
                path,
                layout,
                lambda fraction, _: progress.update(task, completed=fraction),
                options=RenderOptions(resolution),
            )
    except MeetfleetError as error:
        console.print(f"[red]{error.message}[/]")
        raise typer.Exit(2) from error
    console.print(
        f"{result.path}: {result.duration_s:.3f} s, {result.pictures} pictures, {result.size_bytes:,} B; "
        f"{result.cpu_s:.1f} CPU-seconds ({result.cpu_s / result.duration_s:.3f} a second)"
    )
