"""How fast the API answers, and how that changes from a thousand stored bots to a million.

One server process on an embedded PostgreSQL, its launcher stubbed; `wrk` asks over loopback. The machine is shared by
all three, so rates are lower bounds; what counts is the ratio of a table size to the smallest one, measured in the same
run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from psycopg import sql

from bench.process_tree import cost
from meetfleet.store.database import conninfo
from meetfleet.store.embedded import EmbeddedPostgres

MEET = "https://meet.google.com/abc-defg-hij"
CONNECTIONS = 4
_OWN_COLUMNS = ("id", "number", "bot_name", "created_at", "updated_at", "spawned_at", "ended_at", "state_at")


@dataclass(frozen=True, slots=True)
class Reading:
    """One operation at one table size.

    Attributes:
        per_s: Requests a second that four connections got answered.
        p50_ms, p99_ms: How long answers took.
        server_cpu_ms: CPU time of server and database per request.
    """

    operation: str
    rows: int
    per_s: float
    p50_ms: float
    p99_ms: float
    server_cpu_ms: float
    errors: int


def run(args: list[str]) -> dict[str, Any]:
    options = _options(args)
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory(prefix="meetfleet-bench-") as folder:
        work = Path(folder)
        work.chmod(0o711)
        with EmbeddedPostgres(work / "postgres") as postgres, _server(work, postgres.url()) as server:
            world = _World(server, postgres, work, options.seconds)
            world.make_template()
            for rows in options.rows:
                print(f"filling the table up to {rows:,} bots ...", flush=True)
                world.fill(rows)
                readings += world.measure(rows)
    _print(readings)
    return {"readings": [asdict(reading) for reading in readings]}


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench api")
    parser.add_argument("--seconds", type=float, default=6, help="length of each measurement")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000, 1_000_000], help="stored bots")
    return parser.parse_args(args)


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    api_key: str
    pid: int


@contextmanager
def _server(work: Path, database_url: str) -> Iterator[_Server]:
    settings = {
        "MEETFLEET_DATA": str(work / "data"),
        "MEETFLEET_PORT": "0",
        "MEETFLEET_DATABASE_URL": database_url,
        "MEETFLEET_CAPACITY_CORES": "1000000",
        "MEETFLEET_CAPACITY_MEMORY_MB": "1000000000",
        "MEETFLEET_LOG_LEVEL": "warning",
    }
    with (work / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.stub_server"], env=os.environ | settings, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"The server did not start:\n{(work / 'server.log').read_text()[-2000:]}")
        ready = json.loads(line)
        yield _Server(ready["url"], ready["api_key"], process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


class _World:
    """A server and its table, which grows by copies of one finished bot."""

    def __init__(self, server: _Server, postgres: EmbeddedPostgres, work: Path, seconds: float) -> None:
        self._server = server
        self._postgres = postgres
        self._work = work
        self._seconds = seconds
        self._headers = {"x-meeting-baas-api-key": server.api_key, "content-type": "application/json"}
        self._database = psycopg.connect(conninfo(postgres.url()), autocommit=True)

    def make_template(self) -> None:
        body = {"bot_name": "Notes 0", "meeting_url": MEET, "extra": {"customer": "c-0"}}
        answer = httpx2.post(f"{self._server.url}/v2/bots", headers=self._headers, json=body)
        answer.raise_for_status()
        self._template = answer.json()["data"]["bot_id"]
        self._settle()
        self._database.execute(
            "UPDATE bots SET joined_at = created_at, recording_started_at = created_at, exited_at = created_at, "
            "duration_s = 1800, manifest = %s WHERE id = %s",
            [json.dumps({"participants": _people(6)}), self._template],
        )
        for name, kind in (("output.flac", "audio"), ("video.mp4", "video"), ("diarization.jsonl", "diarization")):
            self._database.execute(
                "INSERT INTO artifacts (bot_id, name, kind, status, content_type, object_key, created_at, updated_at) "
                "VALUES (%s, %s, %s, 'ready', 'application/octet-stream', %s, now(), now())",
                [self._template, name, kind, f"bots/{self._template}/{name}"],
            )

    def _settle(self) -> None:
        """Ends what was created, so that no supervisor has work with it while something else is measured."""
        self._database.execute(
            "UPDATE bots SET state = 'completed', end_reason = 'no_attendees', ended_at = now() "
            "WHERE state NOT IN ('completed', 'failed', 'cancelled')"
        )

    def fill(self, rows: int) -> None:
        """Adds copies with their artifacts and two events each, spread over the last 80 days."""
        found = self._database.execute("SELECT count(*), max(number) FROM bots").fetchone()
        missing = rows - (found[0] if found else 0)
        if missing <= 0:
            return
        columns = [row[0] for row in self._database.execute(_COLUMNS).fetchall() if row[0] not in _OWN_COLUMNS]
        self._database.execute(_copy_bots(columns), [missing, self._template])
        self._database.execute(_COPY_ARTIFACTS, [self._template])
        self._database.execute(_COPY_EVENTS)
        self._database.execute("VACUUM ANALYZE")
        self._database.execute("CHECKPOINT")

    def measure(self, rows: int) -> list[Reading]:
        ids = [str(row[0]) for row in self._database.execute(_SAMPLE).fetchall()]
        middle = self._middle_cursor()
        cases = {
            "create": ("POST", ["/v2/bots"]),
            "list": ("GET", ["/v2/bots?limit=50"]),
            "list, page in the middle": ("GET", [f"/v2/bots?limit=50&cursor={middle}"]),
            "list, by status": ("GET", ["/v2/bots?limit=50&status=completed"]),
            "details": ("GET", [f"/v2/bots/{bot_id}" for bot_id in ids]),
            "status": ("GET", [f"/v2/bots/{bot_id}/status" for bot_id in ids]),
        }
        readings = [self._load(name, rows, method, paths) for name, (method, paths) in cases.items()]
        self._settle()
        return readings

    def _middle_cursor(self) -> str:
        """A cursor into the middle of the last 80 days, by way of the API itself."""
        answer = httpx2.get(
            f"{self._server.url}/v2/bots",
            headers=self._headers,
            params={"limit": 1, "created_before": self._middle_time()},
        )
        return answer.raise_for_status().json()["cursor"] or ""

    def _middle_time(self) -> str:
        found = self._database.execute("SELECT to_char((now() - interval '40 days') AT TIME ZONE 'UTC', %s)", [_ISO])
        row = found.fetchone()
        assert row is not None
        return row[0]

    def _load(self, name: str, rows: int, method: str, paths: list[str]) -> Reading:
        script = self._work / "load.lua"
        script.write_text(_lua(method, paths, self._headers))
        roots = [self._server.pid, self._postgres.pid]
        self._wrk(script, 1.0)
        before = cost(roots)
        said = self._wrk(script, self._seconds)
        used = cost(roots).cpu_s - before.cpu_s
        requests, per_s, p50, p99, errors = (float(word) for word in said.split())
        return Reading(name, rows, per_s, p50 / 1000, p99 / 1000, 1000 * used / max(1.0, requests), int(errors))

    def _wrk(self, script: Path, seconds: float) -> str:
        """Requests, requests a second, median and 99th percentile in microseconds, errors."""
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        said = subprocess.run(
            [*command, "-s", str(script), self._server.url], check=True, capture_output=True, text=True, timeout=120
        ).stdout
        found = re.search(r"FIGURES (.*)", said)
        assert found is not None, said
        return found[1]


_ISO = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'bots' AND table_schema = 'public'"
_SAMPLE = "SELECT id FROM (SELECT id FROM bots ORDER BY created_at DESC LIMIT 20000) AS b ORDER BY random() LIMIT 1000"
_COPY_ARTIFACTS = """
INSERT INTO artifacts (bot_id, name, kind, status, content_type, object_key, created_at, updated_at)
SELECT b.id, a.name, a.kind, a.status, a.content_type, a.object_key, now(), now()
FROM bots AS b CROSS JOIN artifacts AS a
WHERE a.bot_id = %s ON CONFLICT DO NOTHING
"""
_COPY_EVENTS = """
INSERT INTO bot_events (bot_id, n, at, kind, state, cause, evidence)
SELECT b.id, n, b.created_at, 'state', (ARRAY['queued', 'completed'])[n], 'request', '{}'
FROM bots AS b CROSS JOIN generate_series(1, 2) AS n ON CONFLICT DO NOTHING
"""


def _copy_bots(columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(
        "INSERT INTO bots (id, bot_name, created_at, updated_at, spawned_at, ended_at, state_at, {names}) "
        "SELECT gen_random_uuid(), 'Notes ' || n, at, at, at, at, at, {names} FROM bots, "
        "LATERAL (SELECT n, now() - random() * interval '80 days' AS at FROM generate_series(1, %s) AS n) AS copies "
        "WHERE id = %s"
    ).format(names=names)


def _people(count: int) -> list[dict[str, Any]]:
    return [{"name": f"Person {n}", "user_id": n, "speaking_s": 60.0 * n} for n in range(1, count + 1)]


def _lua(method: str, paths: list[str], headers: dict[str, str]) -> str:
    lines = ["paths = {" + ",".join(json.dumps(path) for path in paths) + "}", f"wrk.method = {json.dumps(method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"wrk.body = [[{json.dumps({'bot_name': 'Notes', 'meeting_url': MEET})}]]")
    return "\n".join(
        [
            *lines,
            "request = function() return wrk.format(nil, paths[math.random(#paths)]) end",
            "done = function(summary, latency)",
            "  local e = summary.errors",
            "  io.write(string.format('FIGURES %d %f %f %f %d\\n', summary.requests,",
            "    summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99),",
            "    e.connect + e.read + e.write + e.status + e.timeout))",
            "end",
        ]
    )


def _print(readings: list[Reading]) -> None:
    smallest = min(reading.rows for reading in readings)
    base = {reading.operation: reading for reading in readings if reading.rows == smallest}
    print(f"\n{CONNECTIONS} connections, load generator on the same machine")
    print(f"{'operation':26}{'bots':>10}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'p50 growth':>12}")
    for r in sorted(readings, key=lambda r: (list(base).index(r.operation), r.rows)):
        growth = r.p50_ms / base[r.operation].p50_ms
        note = f"  {r.errors} errors" if r.errors else ""
        print(
            f"{r.operation:26}{r.rows:10,}{r.per_s:9.0f}{r.p50_ms:9.1f}{r.p99_ms:9.1f}{r.server_cpu_ms:9.2f}"
            f"{growth:11.2f}x{note}"
        )
