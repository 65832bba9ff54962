"""The `meetfleet` command. Light on purpose: what a command needs is imported when it runs."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

_LAZY = {
    "lab": ("meetfleet.lab.cli", "Run a meeting simulator: rooms with scripted people and real WebRTC media."),
    "tape": ("meetfleet.tape.cli", "Look at tapes: info, cat, verify."),
    "artifacts": ("meetfleet.artifacts.cli", "Compute recordings from tapes."),
    "demo": ("meetfleet.demo.cli", "One meeting from request to recording, in a simulated room."),
    "keys": ("meetfleet.commands.keys", "Make, list and revoke API keys."),
    "teams": ("meetfleet.commands.teams", "Teams: their plans, limits and tokens."),
    "usage": ("meetfleet.commands.usage", "What bots cost, entry by entry."),
    "retention": ("meetfleet.commands.retention", "How long recordings are kept, and which are protected."),
    "webhooks": ("meetfleet.commands.webhooks", "Addresses that are told what happens to bots."),
    "bots": ("meetfleet.commands.bots", "Look at bots, and ask them to leave."),
}


class _LazyCommand(TyperCommand):
    """Stands for a group of commands whose module is imported when one of them is called."""

    def __init__(self, name: str, module: str, about: str) -> None:
        super().__init__(name, help=about, short_help=about)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        from importlib import import_module

        command: Any = typer.main.get_command(import_module(self._module).app)
        return command.make_context(info_name, args, parent, **extra)


class _Group(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_LAZY]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _LAZY:
            return _LazyCommand(cmd_name, *_LAZY[cmd_name])
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "Meetfleet: a meeting-bot server you run yourself.\n\n"
        "Start with [bold]meetfleet demo[/], or [bold]meetfleet server[/] and the curl line it prints. "
        "Settings come from MEETFLEET_* environment variables; see docs/settings.md."
    ),
)


@app.command()
def server(
    json_ready: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready, instead of words.")
    ] = False,
) -> None:
    """Run the server: API, bots, database and all. Stop it with Ctrl-C; bots in meetings go on and are found again."""
    from meetfleet.serve import serve
    from meetfleet.settings import Settings

    raise typer.Exit(serve(Settings.from_environ(), json_ready=json_ready))


@app.command()
def doctor() -> None:
    """Check what the server needs on this machine: Chromium, database, disk, memory, limits."""
    from meetfleet.commands.doctor import examine_machine

    raise typer.Exit(examine_machine())


@app.command()
def settings() -> None:
    """Show all settings with their defaults."""
    from rich.console import Console
    from rich.table import Table

    from meetfleet.settings import documented

    table = Table("Variable", "Default", "What it is", box=None, pad_edge=False)
    for row in documented():
        table.add_row(row.variable, row.default, row.about)
    Console().print(table)


@app.command()
def version() -> None:
    """Show the version."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("meetfleet"))


def main() -> None:
    """Runs the command line; errors that we raise on purpose are told in a sentence, not as a traceback."""
    from meetfleet.domain.errors import MeetfleetError

    try:
        app()
    except MeetfleetError as error:
        typer.echo(f"error: {error.message}", err=True)
        if error.hint:
            typer.echo(error.hint, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
