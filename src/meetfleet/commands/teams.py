"""`meetfleet teams`."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import run
from meetfleet.control.team_limits import OVERRIDES, limits_of_team
from meetfleet.control.tokens import Balance
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.plans import NAMES, Plan
from meetfleet.foundation import Foundation
from meetfleet.store.tables import TeamRow

app = typer.Typer(no_args_is_help=True, help="Teams: their plans, limits and tokens.")

_TEAM = Annotated[str, typer.Argument(help="The team's name or id.")]
_DEFAULT = "plan"


@app.command("list")
def list_teams() -> None:
    """List all teams."""

    async def work(foundation: Foundation, _: TeamRow) -> list[tuple[TeamRow, Balance]]:
        teams = await foundation.teams.all()
        balances = await foundation.tokens.balances(teams)
        return [(team, balances[team.id]) for team in teams]

    table = Table(
        "Name", "Plan", "Tokens", "Reserved", "Own limits", Column("Id", no_wrap=True), box=None, pad_edge=False
    )
    for team, balance in run(work):
        billed = limits_of_team(team).billed
        own = ", ".join(f"{name}={_shown(value)}" for name, value in team.settings.get(OVERRIDES, {}).items())
        tokens = f"{balance.available} ({balance.standing})" if billed else "not billed"
        table.add_row(team.name, team.plan, tokens, str(balance.reserved), own, str(team.id))
    Console().print(table)


@app.command()
def show(team: _TEAM) -> None:
    """Show what a team may do."""

    async def work(foundation: Foundation, _: TeamRow) -> tuple[TeamRow, Balance]:
        found = await foundation.teams.named(team)
        return found, await foundation.tokens.balance(found)

    row, balance = run(work)
    limits, own = limits_of_team(row), row.settings.get(OVERRIDES, {})
    table = Table("Limit", "Is", "From", box=None, pad_edge=False)
    for name in NAMES:
        table.add_row(name, _shown(getattr(limits, name)), "the team" if name in own else f"plan {row.plan}")
    console = Console()
    console.print(f"[bold]{row.name}[/] {row.id}")
    console.print(table)
    console.print(
        f"Tokens: {balance.available} available ({balance.standing}), {balance.reserved} reserved, {balance.owed} owed."
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    plan: Annotated[Plan, typer.Option(help="What it may do.")] = Plan.SELF_HOSTED,
) -> None:
    """Make a team. Its first key: `meetfleet keys create NAME --team TEAM`."""

    async def work(foundation: Foundation, _: TeamRow) -> TeamRow:
        return await foundation.teams.create(name, plan)

    typer.echo(str(run(work).id))


@app.command("set")
def set_team(
    team: _TEAM,
    plan: Annotated[Plan | None, typer.Option(help="What it may do.")] = None,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME=VALUE, NAME=none for no limit, NAME=plan for the plan's. Names: {', '.join(NAMES)}."),
    ] = None,
) -> None:
    """Change a team's plan, name or own limits. It counts from the next request on."""
    values = dict(_parsed(text) for text in limit or ())
    reset = [key for key, value in values.items() if value == _DEFAULT]
    for unknown in (key for key in reset if key not in NAMES):
        raise InvalidRequest(f"There is no limit '{unknown}'.", code="invalid_limit")

    async def work(foundation: Foundation, _: TeamRow) -> TeamRow:
        found = await foundation.teams.named(team)
        limits = {key: value for key, value in values.items() if value != _DEFAULT}
        return await foundation.teams.change(found.id, name=name, plan=plan, limits=limits, reset=reset)

    row = run(work)
    typer.echo(f"{row.name} ({row.id}) is on plan '{row.plan}' now.")


@app.command()
def grant(
    team: _TEAM,
    amount: Annotated[str, typer.Argument(help="How many tokens; after `--` a negative number takes some back.")],
    reason: Annotated[str, typer.Option(help="What the entry will tell.")] = "Granted by the operator.",
) -> None:
    """Give tokens to a team."""
    try:
        tokens = Decimal(amount)
    except InvalidOperation:
        raise InvalidRequest(f"'{amount}' is no number.", code="invalid_grant") from None

    async def work(foundation: Foundation, _: TeamRow) -> Balance:
        return await foundation.tokens.grant(await foundation.teams.named(team), tokens, reason)

    balance = run(work)
    typer.echo(f"{balance.available} tokens are available now.")


def _parsed(text: str) -> tuple[str, int | bool | str | None]:
    """A limit as the command line spells it."""
    name, _, value = text.partition("=")
    match value.strip().lower():
        case "none":
            return name, None
        case "true" | "yes":
            return name, True
        case "false" | "no":
            return name, False
        case "plan":
            return name, _DEFAULT
        case number:
            # What is no number is refused by name, as any other value out of range.
            return name, int(number) if number.isdecimal() else number or "?"


def _shown(value: object) -> str:
    return "no limit" if value is None else str(value).lower()
