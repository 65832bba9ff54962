"""`meetfleet bots`."""

import json
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from meetfleet.commands.session import run
from meetfleet.domain.errors import InvalidRequest
from meetfleet.foundation import Foundation
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.bots import BotFilter
from meetfleet.store.tables import ArtifactRow, BotEventRow, BotRow, TeamRow

app = typer.Typer(no_args_is_help=True, help="Look at bots, and ask them to leave.")

_BOT = Annotated[str, typer.Argument(help="The bot's id, or any part of it that only one bot has.")]


@app.command("list")
def list_bots(
    limit: Annotated[int, typer.Option(min=1, max=250, help="How many, newest first.")] = 20,
) -> None:
    """List bots: where they are, what they cost, how they ended."""

    async def work(foundation: Foundation, team: TeamRow) -> Sequence[BotRow]:
        return (await foundation.bots.list(team, BotFilter(), PageRequest(limit))).items

    table = Table(
        Column("Id", no_wrap=True), "Name", "Meeting", "State", "Since", "CPU s", "MB", box=None, pad_edge=False
    )
    for bot in run(work):
        since, cost = f"{bot.state_at:%Y-%m-%d %H:%M:%S}", "" if bot.cpu_s is None else f"{bot.cpu_s:.0f}"
        memory = "" if bot.memory_bytes is None else f"{bot.memory_bytes / 1e6:.0f}"
        table.add_row(str(bot.id), bot.bot_name, bot.meeting_url, _state(bot), since, cost, memory)
    Console().print(table)


@app.command()
def show(
    bot: _BOT,
    json_out: Annotated[bool, typer.Option("--json", help="Print the bot as JSON, without its history.")] = False,
) -> None:
    """Show a bot's history and what it brought home."""

    async def work(
        foundation: Foundation, team: TeamRow
    ) -> tuple[BotRow, Sequence[BotEventRow], Sequence[ArtifactRow]]:
        found = await _find(foundation, team, bot)
        events = await foundation.bots.events(team, found.id)
        return found, events, await foundation.bots.artifacts(team, found.id)

    row, events, artifacts = run(work)
    if json_out:
        typer.echo(json.dumps(_told(row, artifacts)))
        return
    console = Console()
    console.print(f"[bold]{row.bot_name}[/] {row.id} in {row.meeting_url}: {_state(row)}")
    if row.end_detail:
        console.print(row.end_detail, markup=False)
    history = Table("At (UTC)", "What", "State", "By", "Evidence", box=None, pad_edge=False)
    for event in events:
        evidence = ", ".join(f"{k}={v}" for k, v in event.evidence.items() if v not in (None, "", [], {}))
        history.add_row(f"{event.at:%H:%M:%S.%f}"[:-3], event.kind, event.state, event.cause, evidence[:200])
    console.print(history)
    files = Table("Artifact", "Status", "Bytes", "Seconds", box=None, pad_edge=False)
    for artifact in artifacts:
        seconds = "" if artifact.duration_s is None else f"{artifact.duration_s:.1f}"
        files.add_row(artifact.name, artifact.status, str(artifact.size_bytes or ""), seconds)
    if artifacts:
        console.print(files)


def _told(bot: BotRow, artifacts: Sequence[ArtifactRow]) -> dict[str, object]:
    return {
        "bot_id": str(bot.id),
        "state": bot.state,
        "is_sandbox": bot.is_sandbox,
        "end_reason": bot.end_reason,
        "duration_s": bot.duration_s,
        "cpu_s": bot.cpu_s,
        "peak_memory_bytes": bot.peak_memory_bytes,
        "artifacts": [{"name": a.name, "status": a.status, "size_bytes": a.size_bytes} for a in artifacts],
    }


@app.command()
def leave(bot: _BOT) -> None:
    """Ask a bot to leave its meeting."""

    async def work(foundation: Foundation, team: TeamRow) -> BotRow:
        found = await _find(foundation, team, bot)
        return await foundation.bots.request_leave(team, found.id)

    row = run(work)
    typer.echo(f"{row.bot_name} ({row.id}) was asked to leave; it is {row.state} now.")


async def _find(foundation: Foundation, team: TeamRow, text: str) -> BotRow:
    try:
        return await foundation.bots.get(team, UUID(text))
    except ValueError:
        found = await foundation.bots.with_id_part(team, text)
    if len(found) != 1:
        raise InvalidRequest(f"'{text}' fits {'no bot' if not found else 'several bots'}.", code="bot_id")
    return found[0]


def _state(bot: BotRow) -> str:
    details = [str(d) for d in (bot.end_reason, bot.waiting_for, "sandbox" if bot.is_sandbox else None) if d]
    return f"{bot.state} ({'; '.join(details)})" if details else bot.state.value
