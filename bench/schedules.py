"""Ten thousand scheduled bots that are due within a minute, three servers on one database, one of them killed half-way.

Everything is real but the bots: spawner, checks, queue of jobs, dispatch, leases, supervision. The launcher writes down
whom it started and when. Lateness counts from the moment a bot was due to the start of its process.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from meetfleet.control.bots import NewBot, new_row
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.store.database import Database, conninfo
from meetfleet.store.embedded import EmbeddedPostgres
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import BotEventRow

SERVERS = 3
_LEAD_S = 10.0


def run(args: list[str]) -> dict[str, Any]:
    options = _options(args)
    with tempfile.TemporaryDirectory(prefix="meetfleet-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        servers = [stack.enter_context(_server(folder, n, postgres.url())) for n in range(SERVERS)]
        database = stack.enter_context(psycopg.connect(conninfo(postgres.url()), autocommit=True))
        asyncio.run(_fill(postgres.url(), options.bots))
        due = _schedule(database, options.spread)
        _watch(folder / "starts", servers, options, due)
        figures = _figures(database, _starts(folder / "starts"), options, due)
    _print(figures)
    return figures


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench schedules")
    parser.add_argument("--bots", type=int, default=10_000, help="how many are scheduled")
    parser.add_argument("--spread", type=float, default=0, help="seconds over which they are due; 0 for one instant")
    parser.add_argument("--within", type=float, default=60, help="seconds in which all must have been started")
    parser.add_argument("--spare", action="store_true", help="kill no server")
    return parser.parse_args(args)


@contextmanager
def _server(folder: Path, number: int, database_url: str) -> Iterator["subprocess.Popen[str]"]:
    settings = {
        "MEETFLEET_DATA": str(folder / f"server-{number}"),
        "MEETFLEET_DATABASE_URL": database_url,
        "MEETFLEET_SECRET_KEY": "bench" * 8,
        "MEETFLEET_CAPACITY_CORES": "1000000",
        "MEETFLEET_CAPACITY_MEMORY_MB": "1000000000",
        "MEETFLEET_LOG_LEVEL": "error",
    }
    with (folder / f"server-{number}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.schedule_server", str(folder / "starts")],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"A server did not start:\n{(folder / f'server-{number}.log').read_text()[-2000:]}")
        yield process
    finally:
        process.kill()
        process.wait(10)


async def _fill(database_url: str, bots: int) -> None:
    """Bots that are due some day."""
    database = Database(database_url)
    now = datetime.now(UTC)
    new = NewBot(meeting=parse_meeting_url("https://meet.google.com/abc-defg-hij"), bot_name="Notes")
    async with database.transaction() as session:
        team = await TeamRepository(session).first()
        assert team is not None
        rows = [new_row(team, new, BotState.SCHEDULED, now) for _ in range(bots)]
        for row in rows:
            row.join_at = now + timedelta(days=1)
        session.add_all(rows)
        await session.flush()
        session.add_all(
            BotEventRow(bot_id=row.id, n=1, at=now, state=BotState.SCHEDULED, cause="request") for row in rows
        )
    await database.close()


def _schedule(database: "psycopg.Connection[Any]", spread_s: float) -> float:
    """Lets all bots be due soon; says when the first one is."""
    database.execute("VACUUM ANALYZE")
    due = time.time() + _LEAD_S
    database.execute("UPDATE bots SET join_at = to_timestamp(%s + random() * %s)", (due, spread_s))
    if time.time() > due:
        raise SystemExit("This machine is too busy: the bots were due before they were scheduled.")
    return due


def _watch(folder: Path, servers: "list[subprocess.Popen[str]]", options: argparse.Namespace, due: float) -> None:
    """Until all were started, or it is far too late; kills a server once half of them were."""
    victim = None if options.spare else servers[0]
    while (count := sum(_count(log) for log in folder.glob("*.log"))) < options.bots:
        if victim is not None and count >= options.bots / 2:
            victim.kill()
            victim = None
        if time.time() > due + options.spread + options.within + 30:
            break
        time.sleep(0.1)


def _count(log: Path) -> int:
    return log.read_bytes().count(b"\n")


def _starts(folder: Path) -> list[tuple[str, float]]:
    lines = [line.split() for log in folder.glob("*.log") for line in log.read_text().splitlines()]
    return [(bot_id, float(at)) for bot_id, at in lines]


def _figures(
    database: "psycopg.Connection[Any]", starts: list[tuple[str, float]], options: argparse.Namespace, due: float
) -> dict[str, Any]:
    rows = database.execute("SELECT id::text, extract(epoch FROM join_at), extract(epoch FROM spawned_at) FROM bots")
    due_at, sent_at = {}, {}
    for bot_id, join_at, spawned_at in rows:
        due_at[bot_id], sent_at[bot_id] = float(join_at), spawned_at and float(spawned_at)
    times = Counter(bot_id for bot_id, _ in starts)
    late = sorted(at - due_at[bot_id] for bot_id, at in starts)
    sent = sorted(at - due_at[bot_id] for bot_id, at in sent_at.items() if at)
    in_time = sum(at <= due + max(options.spread, options.within) for _, at in starts)
    took = max(at for _, at in starts) - due
    return {
        "bots": options.bots,
        "servers": SERVERS,
        "one_killed": not options.spare,
        "spread_s": options.spread,
        "started": len(times),
        "started_in_time": in_time,
        "duplicates": sum(times.values()) - len(times),
        "took_s": round(took, 2),
        "per_s": round(len(times) / took, 1),
        "sent_late_s": _spread(sent),
        "started_late_s": _spread(late),
    }


def _spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"p50": round(cuts[49], 3), "p99": round(cuts[98], 3), "max": round(values[-1], 3)}


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        print(f"{name:18}{value}")
