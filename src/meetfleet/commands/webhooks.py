"""`meetfleet webhooks`."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import run
from meetfleet.domain.errors import InvalidRequest
from meetfleet.foundation import Foundation
from meetfleet.notify.endpoints import NewEndpoint
from meetfleet.store.tables import TeamRow

app = typer.Typer(no_args_is_help=True, help="Addresses that are told what happens to bots.")


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent by POST.")],
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    event: Annotated[
        list[str] | None, typer.Option(help="An event it wants; give it again for more. All if none.")
    ] = None,
) -> None:
    """Tell an address from now on. Prints the secret that its events are signed with."""

    async def work(foundation: Foundation, team: TeamRow) -> NewEndpoint:
        return await foundation.endpoints.add(team, url, name=name, events=event or None)

    new = run(work)
    typer.echo(f"{new.endpoint.id}\n{new.secret}")


@app.command("list")
def list_endpoints() -> None:
    """List all endpoints."""

    async def work(foundation: Foundation, team: TeamRow) -> Table:
        table = Table(Column("Id", no_wrap=True), "Name", "URL", "Events", "State", box=None, pad_edge=False)
        for one in await foundation.endpoints.list(team):
            state = "on" if one.enabled else f"off: {one.disabled_reason or 'by hand'}"
            table.add_row(str(one.id), one.name, one.url, ", ".join(one.events or ["all"]), state)
        return table

    Console().print(run(work))


@app.command()
def remove(endpoint: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Send nothing more there."""

    async def work(foundation: Foundation, team: TeamRow) -> None:
        try:
            endpoint_id = UUID(endpoint)
        except ValueError:
            raise InvalidRequest(f"'{endpoint}' is no id of an endpoint.", code="endpoint_id") from None
        await foundation.endpoints.remove(team, endpoint_id)

    run(work)
    typer.echo("Removed.")
