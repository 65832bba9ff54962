"""`meetfleet lab`: runs rooms until it is stopped."""

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from meetfleet.domain.errors import MeetfleetError
from meetfleet.lab.control import about
from meetfleet.lab.lab import Lab
from meetfleet.lab.presets import PRESETS, preset
from meetfleet.lab.scenarios import ENDINGS, IN_CALL, JOINING, REFUSALS
from meetfleet.lab.script import RoomScript, script_from

app = typer.Typer(
    help="A meeting simulator: scripted people, real WebRTC media, and a replica of Google Meet to join them by.",
    no_args_is_help=False,
)

Rooms = Annotated[list[Path] | None, typer.Option("--room", help="A room script (YAML). May be repeated.")]
Presets = Annotated[
    list[str] | None, typer.Option("--preset", help=f"A ready room: {', '.join(PRESETS)}. May be repeated.")
]
Port = Annotated[int, typer.Option(help="HTTPS port of the replica; 0 picks a free one.")]
ControlPort = Annotated[int, typer.Option(help="Loopback port of the control API; 0 picks a free one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready, nothing else.")]
For = Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")]
UntilEof = Annotated[bool, typer.Option("--until-eof", help="Stop when standard input ends, as with our parent.")]
CacheDir = Annotated[Path | None, typer.Option(help="Where made media is kept.")]
OutDir = Annotated[Path | None, typer.Option(help="Where each room's truth.json is written when it closes.")]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    rooms: Rooms = None,
    presets: Presets = None,
    port: Port = 0,
    control_port: ControlPort = 0,
    as_json: AsJson = False,
    seconds: For = None,
    until_eof: UntilEof = False,
    cache_dir: CacheDir = None,
    out_dir: OutDir = None,
) -> None:
    """Opens rooms (none named: the demo's) and serves them until Ctrl-C. The control API opens more."""
    if context.invoked_subcommand:
        return
    if not (rooms or presets or as_json):
        presets = ["four_people_demo"]
    lab = Lab(cache_dir, out_dir, port=port, control_port=control_port)
    try:
        scripts = [script_from(path) for path in rooms or []] + [preset(name) for name in presets or []]
        asyncio.run(_run(lab, scripts, as_json, seconds, until_eof))
    except MeetfleetError as error:
        typer.secho(error.message, err=True, fg="red")
        raise typer.Exit(2) from error


@app.command("scenarios")
def list_scenarios() -> None:
    """Prints every scenario with what a bot should make of it."""
    for title, group in (("Joining", JOINING), ("Refusals", REFUSALS), ("In the call", IN_CALL), ("Endings", ENDINGS)):
        typer.secho(title, bold=True)
        for name, scenario in group.items():
            typer.echo(f"  {name:24} {scenario.expected}")


async def _run(lab: Lab, scripts: list[RoomScript], as_json: bool, seconds: float | None, until_eof: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    watch = asyncio.create_task(_await_eof(stopped)) if until_eof else None
    async with lab:
        opened = [
            await lab.open_room(script, progress=None if as_json else _progress(script.name)) for script in scripts
        ]
        _announce(lab, [about(room) for room in opened], as_json)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopped.wait()
    if watch:
        watch.cancel()


async def _await_eof(stopped: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stopped.set()


def _progress(name: str) -> Any:
    def progress(ready: int, wanted: int) -> None:
        typer.echo(f"\r{name}: preparing media {ready}/{wanted}", nl=ready == wanted, err=True)

    return progress


def _announce(lab: Lab, rooms: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        ready = {
            "ready": True,
            "https_port": lab.https_port,
            "control_url": lab.control_url,
            "chromium_args": lab.chromium_args,
            "rooms": rooms,
        }
        print(json.dumps(ready), flush=True)
        return
    for room in rooms:
        typer.echo(f"{room['name']}: {room['meeting_url']}")
    typer.echo(f"Control API: {lab.control_url}")
    typer.echo("A browser joins with:")
    typer.echo("  chromium " + " ".join(f"'{arg}'" for arg in lab.chromium_args))
    sys.stdout.flush()
