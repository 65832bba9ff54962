"""`meetfleet keys`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import chosen_team, run
from meetfleet.control.keys import ADMIN_PREFIX
from meetfleet.foundation import Foundation
from meetfleet.store.tables import Permissions, TeamRow

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

_TEAM = Annotated[str | None, typer.Option(help="The team's name or id; the first one if left out.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, at most 50 characters.")],
    permissions: Annotated[
        Permissions, typer.Option(help="`sending` may only create bots; `admin` manages the server.")
    ] = Permissions.FULL,
    admin: Annotated[bool, typer.Option("--admin", help="The same as `--permissions admin`.")] = False,
    team: _TEAM = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Its bots play in the lab (docs/sandbox.md).")] = False,
) -> None:
    """Make a key and print it. It cannot be shown again."""

    async def work(foundation: Foundation, default: TeamRow) -> str:
        wanted = Permissions.ADMIN if admin else permissions
        owner = None if wanted is Permissions.ADMIN else await chosen_team(foundation, default, team)
        return (await foundation.keys.create(owner, name, wanted, sandbox=sandbox))[1]

    typer.echo(run(work))


@app.command("list")
def list_keys(team: _TEAM = None) -> None:
    """List a team's keys, and the admin keys, by their first letters."""

    async def work(foundation: Foundation, default: TeamRow) -> Table:
        owner = await chosen_team(foundation, default, team)
        table = Table("Key", "Name", "May", "Made", "Last used", Column("Id", no_wrap=True), box=None, pad_edge=False)
        for key in [*await foundation.keys.list(owner), *await foundation.keys.list(None)]:
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
            may = "revoked" if key.revoked_at else key.permissions.value
            table.add_row(f"{key.prefix}…", key.name, may, f"{key.created_at:%Y-%m-%d %H:%M}", used, str(key.id))
        return table

    Console().print(run(work))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its first letters, or its id.")],
    team: _TEAM = None,
) -> None:
    """Make a key unknown, from this moment."""

    async def work(foundation: Foundation, default: TeamRow) -> str:
        wanted = key.removesuffix("…")
        is_admins = wanted in await _admin_keys(foundation) or wanted.startswith(ADMIN_PREFIX)
        owner = None if is_admins else await chosen_team(foundation, default, team)
        return (await foundation.keys.revoke(owner, wanted)).name

    typer.echo(f"Revoked '{run(work)}'.")


async def _admin_keys(foundation: Foundation) -> set[str]:
    return {str(key.id) for key in await foundation.keys.list(None)}
