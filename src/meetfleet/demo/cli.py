"""`meetfleet demo`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="One meeting from request to recording, in a simulated room.")


@app.callback(invoke_without_command=True)
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where everything goes; a new temporary folder by default.")
    ] = None,
) -> None:
    """Start a server and a room with four people in it, send a bot there, and show what comes out."""
    from meetfleet.demo.story import run

    raise typer.Exit(run(folder))
