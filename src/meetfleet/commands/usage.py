"""`meetfleet usage`."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import chosen_team, run
from meetfleet.control.tokens import Balance
from meetfleet.domain.errors import InvalidRequest
from meetfleet.foundation import Foundation
from meetfleet.store.repositories.tokens import Total
from meetfleet.store.tables import EntryKind, TeamRow, TokenEntryRow

app = typer.Typer(help="What bots cost, entry by entry.")

_SPAN = re.compile(r"^(\d{1,5})([dh])$")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}

Found = tuple[TeamRow, Balance, Sequence[TokenEntryRow], Mapping[EntryKind, Total]]


@app.command()
def usage(
    team: Annotated[str | None, typer.Option(help="The team's name or id; the first one if left out.")] = None,
    since: Annotated[str, typer.Option(help="How far back: `30d`, `12h`, or a date such as `2026-11-01`.")] = "30d",
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a team's bots cost, every entry with what it was for."""
    start = _start(since)

    async def work(foundation: Foundation, default: TeamRow) -> Found:
        chosen = await chosen_team(foundation, default, team)
        tokens = foundation.tokens
        return (
            chosen,
            await tokens.balance(chosen),
            await tokens.entries(chosen, start),
            await tokens.totals(chosen, start),
        )

    found = run(work)
    if json_out:
        typer.echo(json.dumps(_told(found, start), indent=2))
    else:
        _print(found, start)


def _print(found: Found, start: datetime) -> None:
    team, balance, entries, totals = found
    table = Table(
        "At (UTC)",
        "Kind",
        Column("Tokens", justify="right"),
        "For",
        Column("Bot", no_wrap=True),
        box=None,
        pad_edge=False,
    )
    for entry in entries:
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.kind, f"{entry.amount:+}", _explained(entry), _bot(entry))
    console = Console()
    console.print(f"[bold]{team.name}[/], plan {team.plan}, since {start:%Y-%m-%d %H:%M} UTC")
    console.print(table)
    for kind, total in sorted(totals.items()):
        console.print(f"{kind}: {total.amount:+} in {total.entries} entries", markup=False, highlight=False)
    console.print(
        f"Available now: {balance.available} ({balance.standing}); reserved: {balance.reserved}; owed: {balance.owed}"
    )


def _explained(entry: TokenEntryRow) -> str:
    if entry.seconds is None:
        return entry.reason
    return f"{entry.reason} {entry.seconds} s at {entry.rate} an hour"


def _bot(entry: TokenEntryRow) -> str:
    return str(entry.bot_id) if entry.bot_id else ""


def _told(found: Found, start: datetime) -> dict[str, object]:
    team, balance, entries, totals = found
    return {
        "team_id": str(team.id),
        "plan": team.plan,
        "since": start.isoformat(),
        "available": str(balance.available),
        "reserved": str(balance.reserved),
        "owed": str(balance.owed),
        "standing": balance.standing,
        "totals": {kind: str(total.amount) for kind, total in sorted(totals.items())},
        "entries": [
            {
                "at": entry.at.astimezone(UTC).isoformat(),
                "kind": entry.kind,
                "amount": str(entry.amount),
                "bot_id": entry.bot_id and str(entry.bot_id),
                "seconds": None if entry.seconds is None else str(entry.seconds),
                "rate": None if entry.rate is None else str(entry.rate),
                "reason": entry.reason,
            }
            for entry in entries
        ],
    }


def _start(text: str) -> datetime:
    """The moment that `--since` means."""
    span = _SPAN.match(text)
    if span:
        return datetime.now(UTC) - int(span[1]) * _UNITS[span[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"'{text}' is no date and no span such as 30d.", code="invalid_since") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
