"""`meetfleet retention`."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import chosen_team, run
from meetfleet.control.retention import BATCH, Outlook
from meetfleet.domain.errors import InvalidRequest
from meetfleet.foundation import Foundation
from meetfleet.store.paging import PageRequest
from meetfleet.store.tables import BotRow, HoldRow, TeamRow

app = typer.Typer(help="How long recordings are kept, and which are protected.")

_BOT = Annotated[str, typer.Argument(help="The bot's id.")]
_TEAM = Annotated[str | None, typer.Option(help="The team's name or id; the first one if left out.")]
_SHOWN = 1000


@app.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """Show of each team how long recordings are kept and how many are due."""
    if context.invoked_subcommand is not None:
        return

    async def work(foundation: Foundation, _: TeamRow) -> Sequence[Outlook]:
        return await foundation.retention.outlook()

    table = Table("Team", "Plan", "Ended before", "Kept", "Held", "Due", box=None, pad_edge=False)
    for outlook in run(work):
        before = f"{outlook.before:%Y-%m-%d %H:%M}" if outlook.before else "kept for ever"
        counts = (outlook.kept.kept, outlook.kept.held, outlook.due)
        table.add_row(outlook.team.name, outlook.team.plan, before, *(str(count) for count in counts))
    Console().print(table)


@app.command("run")
def run_now(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, delete nothing.")] = False,
) -> None:
    """Delete what is due now, instead of waiting for the server to do so."""
    if dry_run:
        return _preview()

    async def work(foundation: Foundation, _: TeamRow) -> int:
        total = 0
        while deleted := await foundation.retention.delete_due(BATCH):
            total += deleted
        return total

    typer.echo(f"Deleted the recordings of {run(work)} bots.")


@app.command()
def hold(
    bot: _BOT,
    reason: Annotated[str, typer.Option(help="Why it must stay, such as the number of a ticket.")],
    team: _TEAM = None,
) -> None:
    """Protect a bot's recording, whatever its age."""

    async def work(foundation: Foundation, default: TeamRow) -> HoldRow:
        return await foundation.retention.hold(await chosen_team(foundation, default, team), _id(bot), reason)

    typer.echo(f"Held: {run(work).id}")


@app.command()
def holds(team: _TEAM = None) -> None:
    """List the holds of a team that are in force."""

    async def work(foundation: Foundation, default: TeamRow) -> list[HoldRow]:
        chosen, found, page = await chosen_team(foundation, default, team), list[HoldRow](), PageRequest(250)
        while True:
            shown = await foundation.retention.holds(chosen, page)
            found += shown.items
            if shown.next is None:
                return found
            page = PageRequest(250, after=shown.next)

    table = Table(
        Column("Bot", no_wrap=True), "Since", "Reason", Column("Hold", no_wrap=True), box=None, pad_edge=False
    )
    for row in run(work):
        table.add_row(str(row.bot_id), f"{row.created_at:%Y-%m-%d %H:%M}", row.reason, str(row.id))
    Console().print(table)


@app.command()
def release(bot: _BOT, team: _TEAM = None) -> None:
    """End all holds on a bot's recording."""

    async def work(foundation: Foundation, default: TeamRow) -> int:
        return await foundation.retention.release_all(await chosen_team(foundation, default, team), _id(bot))

    typer.echo(f"Released {run(work)} holds.")


def _preview() -> None:
    async def work(foundation: Foundation, _: TeamRow) -> Sequence[BotRow]:
        return await foundation.retention.preview(_SHOWN)

    found = run(work)
    for row in found:
        typer.echo(f"{row.id}  ended {row.ended_at:%Y-%m-%d %H:%M}  {row.bot_name}")
    more = " or more" if len(found) == _SHOWN else ""
    typer.echo(f"{len(found)}{more} recordings would be deleted.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(f"'{text}' is no bot's id.", code="bot_id") from None
