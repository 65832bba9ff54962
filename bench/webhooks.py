"""Webhooks by the thousand: status changes fan out to five endpoints, of which one is dead and one answers after 25 s.

Everything runs on this machine: PostgreSQL, the process that writes, those that deliver, and the receivers. Latency is
from the status change itself to its arrival at a healthy endpoint.
"""

import argparse
import asyncio
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bench.process_tree import cost
from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.notify.bell import Bell
from meetfleet.notify.deliveries import Deliveries
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.owners import OwnerNotices
from meetfleet.notify.packing import Packing
from meetfleet.notify.sender import HttpSender
from meetfleet.notify.settlement import Settlement
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.embedded import EmbeddedPostgres
from meetfleet.store.migrate import migrate
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotEventRow, BotRow, TeamRow
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.objects import MemoryObjects

HEALTHY = 3
SLOW_S = 25.0
_DRAIN_S = 60.0
BOTS = 200
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_MARK = b'"created_at":"'
_SPAWN = multiprocessing.get_context("spawn")


def run(arguments: Sequence[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="script/bench webhooks", description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="status changes a second")
    parser.add_argument("--seconds", type=int, default=20, help="for how long")
    parser.add_argument("--workers", type=int, default=1, help="processes that deliver")
    parser.add_argument("--batch", type=int, default=10, help="status changes per transaction")
    args = parser.parse_args(list(arguments))
    folder = Path(tempfile.mkdtemp(prefix="meetfleet-bench-"))
    try:
        with EmbeddedPostgres(folder / "postgres") as postgres:
            figures = _measure(args, postgres)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show(figures)
    return figures


def _measure(args: argparse.Namespace, postgres: EmbeddedPostgres) -> dict[str, Any]:
    url = postgres.url()
    migrate(url)
    ports: Any = _SPAWN.Queue()
    results: Any = _SPAWN.Queue()
    done: Any = _SPAWN.Event()
    arrived: Any = _SPAWN.Value("q", 0, lock=False)
    receiver = _SPAWN.Process(target=_receive, args=(ports, results, arrived, done))
    receiver.start()
    bots = asyncio.run(_prepare(url, ports.get(timeout=30)))
    couriers = [_SPAWN.Process(target=_deliver, args=(url, ports, done)) for _ in range(args.workers)]
    for courier in couriers:
        courier.start()
    for _ in couriers:
        ports.get(timeout=120)
    processes = {"deliver": [c.pid for c in couriers], "receive": [receiver.pid], "write": [os.getpid()]}
    processes["PostgreSQL"] = [postgres.pid]
    before = {name: cost(pids).cpu_s for name, pids in processes.items()}
    written, took_s = asyncio.run(_write(url, bots, args.rate, args.seconds, args.batch))
    _await(lambda: arrived.value >= written * HEALTHY)
    cpu = {name: cost(pids).cpu_s - before[name] for name, pids in processes.items()}
    cpu["write"] -= sum(cpu[name] for name in ("deliver", "receive", "PostgreSQL"))
    done.set()
    seen = results.get(timeout=60)
    for process in (receiver, *couriers):
        process.join(20)
    return _figures(args, written, took_s, seen, cpu)


def _await(true: Callable[[], bool]) -> None:
    """What is on its way may still arrive, and counts with its delay."""
    until = time.monotonic() + _DRAIN_S
    while not true() and time.monotonic() < until:
        time.sleep(0.1)


def _figures(
    args: argparse.Namespace, written: int, took_s: float, seen: dict[str, Any], cpu: dict[str, float]
) -> dict[str, Any]:
    delays = sorted(seen["delays"])
    return {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[2],
        "workers": args.workers,
        "asked_per_s": args.rate,
        "written": written,
        "written_per_s": round(written / took_s, 1),
        "healthy_expected": written * HEALTHY,
        "healthy_arrived": len(delays),
        "healthy_per_s": round(len(delays) / took_s, 1),
        "slow_arrived": seen["slow"],
        "p50_s": round(delays[len(delays) // 2], 3) if delays else None,
        "p99_s": round(delays[int(len(delays) * 0.99)], 3) if delays else None,
        "max_s": round(delays[-1], 3) if delays else None,
        "cpu_s": {name: round(used, 2) for name, used in cpu.items()},
        "deliveries_per_cpu_s": round(len(delays) / cpu["deliver"]) if cpu["deliver"] else None,
        "writes_per_cpu_s": round(written / cpu["write"]) if cpu["write"] else None,
    }


def _show(figures: dict[str, Any]) -> None:
    print(f"{figures['written_per_s']} status changes a second of {figures['asked_per_s']} asked, to five endpoints")
    print(
        f"healthy endpoints: {figures['healthy_arrived']} of {figures['healthy_expected']} arrived, "
        f"{figures['healthy_per_s']} a second; p50 {figures['p50_s']} s, p99 {figures['p99_s']} s, "
        f"longest {figures['max_s']} s"
    )
    print("processor seconds: " + ", ".join(f"{name} {used}" for name, used in figures["cpu_s"].items()))
    delivered, written = figures["deliveries_per_cpu_s"], figures["writes_per_cpu_s"]
    print(f"a second of processor time delivers {delivered} messages, or writes {written} status changes")
    print(f"load of the machine: {figures['load_before']:.1f} on {figures['cores']} cores")


async def _prepare(url: str, ports: dict[str, list[int]]) -> list[BotRow]:
    """Bots of a team with three healthy endpoints, a slow one, and one where nobody listens."""
    database = Database(url)
    endpoints = Endpoints(database, SecretBox("k" * 40), AddressGuard(allow_private=True), SystemClock())
    team = TeamRow(name="bench")
    async with database.transaction() as session:
        session.add(team)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        dead = nobody.getsockname()[1]
    for port in (*ports["healthy"], *ports["slow"], dead):
        await endpoints.add(team, f"http://127.0.0.1:{port}/hook", events=["bot.status_change"])
    bots = await _bots(database, team)
    await database.close()
    return bots


def _deliver(url: str, ready: Any, done: Any) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))

    async def work() -> None:
        database, clock = Database(url), SystemClock()
        sender = HttpSender(AddressGuard(allow_private=True))
        packing = Packing(database, SecretBox("k" * 40), lambda bot_id, name: "", clock)
        settlement = Settlement(database, OwnerNotices(database, clock))
        running = asyncio.create_task(Deliveries(database, sender, packing, settlement, clock).run())
        ready.put(True)
        await asyncio.to_thread(done.wait)
        running.cancel()
        await asyncio.wait([running])
        await sender.close()
        await database.close()

    asyncio.run(work())


async def _write(url: str, bots: list[BotRow], rate: int, seconds: int, batch: int) -> tuple[int, float]:
    """Status changes at a steady rate, through the door that bots' steps go through; says how many in which time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    database, clock = Database(url), SystemClock()
    notices = WebhookNotices(Bell(), clock)
    began = time.monotonic()
    rounds = iter(range(rate * seconds // batch))
    written = 0

    async def writer() -> None:
        nonlocal written
        for index in rounds:
            await asyncio.sleep(began + index * batch / rate - time.monotonic())
            if time.monotonic() - began > seconds:
                return
            async with database.transaction() as session:
                for n in range(batch):
                    bot = bots[(index * batch + n) % len(bots)]
                    event = BotEventRow(bot_id=bot.id, n=1, at=datetime.now(UTC), state=BotState.JOINING)
                    await notices.status_changed(session, bot, event)
            written += batch

    await asyncio.gather(*(writer() for _ in range(8)))
    took_s = time.monotonic() - began
    await database.close()
    return written, max(took_s, seconds)


async def _bots(database: Database, team: TeamRow) -> list[BotRow]:
    class Silent:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            async def nothing(*args: object, **more: object) -> None: ...

            return nothing

    silent: Any = Silent()
    service = Bots(database, Lifecycle(silent), RememberingQueue(), MemoryObjects(), SystemClock())
    meeting = parse_meeting_url("https://meet.google.com/abc-defg-hij")
    return [await service.create(team, NewBot(meeting=meeting, bot_name="Notes")) for _ in range(BOTS)]


@dataclass
class _Seen:
    delays: list[float]
    slow: int = 0


class _Receiver(asyncio.Protocol):
    """As little HTTP as it takes, so that the receivers cost next to nothing."""

    def __init__(self, seen: _Seen, arrived: Any, delay_s: float) -> None:
        self._seen = seen
        self._arrived = arrived
        self._delay_s = delay_s
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._data = b""
        if self._delay_s:
            self._seen.slow += 1
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, _OK)
            return
        said = body.partition(_MARK)[2].partition(b'"')[0].decode()
        self._arrived.value += 1
        self._seen.delays.append(time.time() - datetime.fromisoformat(said).timestamp())
        self._transport.write(_OK)


def _receive(ports: Any, results: Any, arrived: Any, done: Any) -> None:
    async def work() -> None:
        loop, seen = asyncio.get_running_loop(), _Seen([])

        async def listen(delay_s: float) -> int:
            server = await loop.create_server(lambda: _Receiver(seen, arrived, delay_s), "127.0.0.1", 0)
            return int(server.sockets[0].getsockname()[1])

        ports.put({"healthy": [await listen(0) for _ in range(HEALTHY)], "slow": [await listen(SLOW_S)]})
        await asyncio.to_thread(done.wait)
        results.put({"delays": seen.delays, "slow": seen.slow})

    asyncio.run(work())
