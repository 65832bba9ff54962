"""`meetfleet webhooks`."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.api.v2.filters import moment
from meetfleet.commands.session import run
from meetfleet.domain.dialects.v2 import Event
from meetfleet.domain.errors import InvalidRequest
from meetfleet.foundation import Foundation
from meetfleet.notify.endpoints import AllEvents, EndpointChanges, NewEndpoint
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.messages import MessageFilter
from meetfleet.store.tables import EndpointRow, MessageRow, MessageStatus, TeamRow

app = typer.Typer(no_args_is_help=True, help="Addresses that are told what happens to bots.")

EndpointId = Annotated[str, typer.Argument(help="The endpoint's id.")]
Since = Annotated[str | None, typer.Option(help="ISO 8601, such as 2026-11-21T10:00.")]


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
            table.add_row(str(one.id), one.name, one.url, ", ".join(one.events or ["all"]), _state(one))
        return table

    Console().print(run(work))


@app.command()
def update(
    endpoint: EndpointId,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="An event it wants from now on; again for more.")] = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="It wants all.")] = False,
) -> None:
    """Change an endpoint."""
    changes = EndpointChanges(url, name, AllEvents() if all_events else event or None)
    typer.echo(f"Changed; it is {_change(endpoint, changes)}.")


@app.command()
def enable(endpoint: EndpointId) -> None:
    """Switch an endpoint on; its clock of failure begins anew."""
    typer.echo(f"It is {_change(endpoint, EndpointChanges(enabled=True))}.")


@app.command()
def disable(endpoint: EndpointId) -> None:
    """Switch an endpoint off; what is on its way there is given up."""
    typer.echo(f"It is {_change(endpoint, EndpointChanges(enabled=False))}.")


@app.command()
def remove(endpoint: EndpointId) -> None:
    """Send nothing more there."""

    async def work(foundation: Foundation, team: TeamRow) -> None:
        await foundation.endpoints.remove(team, _id(endpoint))

    run(work)
    typer.echo("Removed.")


@app.command()
def rotate(
    endpoint: EndpointId,
    overlap_hours: Annotated[int, typer.Option(help="How long the present secret signs, too.")] = 24,
) -> None:
    """Give an endpoint a new secret, and print it."""

    async def work(foundation: Foundation, team: TeamRow) -> str:
        overlap = timedelta(hours=overlap_hours)
        return (await foundation.endpoints.rotate(team, _id(endpoint), overlap=overlap)).secret

    typer.echo(run(work))


@app.command("test")
def send_test(
    endpoint: EndpointId,
    event: Annotated[str, typer.Option(help="Which event's example to send.")] = Event.COMPLETED.value,
) -> None:
    """Send an example, and print the message's id. A running server delivers it."""

    async def work(foundation: Foundation, team: TeamRow) -> MessageRow:
        return await foundation.history.send_test(team, _id(endpoint), event)

    typer.echo(str(run(work).id))


@app.command()
def history(
    endpoint: EndpointId,
    status: Annotated[MessageStatus | None, typer.Option(help="Only these.")] = None,
    event: Annotated[str | None, typer.Option(help="Only this event.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
) -> None:
    """List what was sent to an endpoint, newest first."""
    wanted = MessageFilter(status, event, moment("since", since))

    async def work(foundation: Foundation, team: TeamRow) -> Table:
        table = Table(Column("Message", no_wrap=True), "Event", "Bot", "Status", "Tries", "Written", box=None)
        page = await foundation.history.messages(team, _id(endpoint), wanted, PageRequest(limit))
        for one in page.items:
            written = f"{one.created_at:%Y-%m-%d %H:%M:%S}"
            bot = str(one.bot_id or "test")
            table.add_row(str(one.id), one.event, bot, one.status.value, str(one.attempt_count), written)
        return table

    Console().print(run(work))


@app.command()
def attempts(message: Annotated[str, typer.Argument(help="The message's id.")]) -> None:
    """List how often a message was tried, and how that went."""

    async def work(foundation: Foundation, team: TeamRow) -> Table:
        table = Table("No", "At", "Status", "Took", "What came back", box=None)
        for one in await foundation.history.attempts(team, _id(message)):
            took = f"{one.duration_ms or 0} ms"
            said = one.error or one.response or ""
            table.add_row(str(one.number), f"{one.at:%Y-%m-%d %H:%M:%S}", str(one.status_code or "-"), took, said)
        return table

    Console().print(run(work))


@app.command()
def replay(
    message: Annotated[str | None, typer.Argument(help="The id of a message.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Instead: all that this endpoint did not get ...")] = None,
    since: Since = None,
) -> None:
    """Send a message again under its own id, or all that failed since a time."""

    async def work(foundation: Foundation, team: TeamRow) -> int:
        at = moment("since", since)
        if message is not None:
            await foundation.history.replay(team, _id(message))
            return 1
        if endpoint is None or at is None:
            raise InvalidRequest("Name a message, or --endpoint and --since.", code="replay_what")
        return await foundation.history.replay_failed(team, _id(endpoint), at)

    typer.echo(f"{run(work)} on their way again.")


@app.command()
def notices() -> None:
    """List what the owners should know, such as endpoints that were switched off."""

    async def work(foundation: Foundation, team: TeamRow) -> Table:
        table = Table("At", "Kind", "What", box=None)
        for one in (await foundation.owner_notices.page(team, PageRequest(100))).items:
            table.add_row(f"{one.created_at:%Y-%m-%d %H:%M}", one.kind, one.message)
        return table

    Console().print(run(work))


def _change(endpoint: str, changes: EndpointChanges) -> str:
    async def work(foundation: Foundation, team: TeamRow) -> EndpointRow:
        return await foundation.endpoints.update(team, _id(endpoint), changes)

    return _state(run(work))


def _state(endpoint: EndpointRow) -> str:
    return "on" if endpoint.enabled else f"off: {endpoint.disabled_reason or 'by hand'}"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(f"'{text}' is no id of an endpoint or message.", code="bad_id") from None
