"""The control plane's end of the link in a test's own loop: over a real connection, and told to fail at will."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeControlPlane:
    """Remembers reports and segments, hands out orders.

    Attributes:
        events: Reports by number.
        segments: Bodies by name.
        refuse_segments: Names that are answered 400.
        pictures: Of the bot's camera, by number; others are answered 404.
        close_each: Close the connection after every answer.
        refuse: Status code to answer everything with, while set.
        hang_up: Break the connection instead of answering the next so many requests.
        lose_answers: Take the next so many reports in, but break off before answering.
    """

    token: str = "secret"
    url: str = ""
    events: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    segments: dict[str, bytes] = field(default_factory=dict[str, bytes])
    orders: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    pictures: dict[int, bytes] = field(default_factory=dict[int, bytes])
    refuse: int | None = None
    refuse_segments: set[str] = field(default_factory=set[str])
    hang_up: int = 0
    lose_answers: int = 0
    close_each: bool = False
    connections: int = 0
    requests: list[str] = field(default_factory=list[str])

    def order(self, **order: Any) -> None:
        """Gives an order: `seq`, `type` and, for chat, `data`."""
        self.orders.append(order)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """The data of all reports of a type, in order."""
        return [e["data"] for _, e in sorted(self.events.items()) if e["type"] == event_type]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10) -> None:
        """Waits until a condition holds.

        Raises:
            TimeoutError: it does not in time.
        """
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - conditions look at both sides of the link
                await asyncio.sleep(0.005)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection until it ends."""
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = request.split(" ")
        self.requests.append(f"{method} {path}")
        if self.hang_up:
            self.hang_up -= 1
            return False
        status, answer = await self._answer(method, path, headers, body)
        if self.lose_answers and method == "POST":
            self.lose_answers -= 1
            return False
        data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        extra = "Connection: close\r\n" if self.close_each else ""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{extra}\r\n".encode() + data)
        await writer.drain()
        return not self.close_each

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, None
        if self.refuse:
            return self.refuse, {"error": "no"}
        if method == "PUT":
            name = path.rpartition("/")[2]
            if name in self.refuse_segments or headers["x-content-sha256"] != hashlib.sha256(body).hexdigest():
                return 400, None
            self.segments[name] = body
            return 204, None
        if method == "POST":
            for event in json.loads(body)["events"]:
                self.events.setdefault(event["n"], event)
            return 200, {"acked": max(self.events), "known_commands": len(self.orders)}
        if "/pictures/" in path:
            picture = self.pictures.get(int(path.rpartition("/")[2]))
            return (404, None) if picture is None else (200, picture)
        return 200, {"commands": await self._orders_after(int(path.partition("after=")[2].partition("&")[0]))}

    async def _orders_after(self, seq: int) -> list[dict[str, Any]]:
        for _ in range(20):
            if any(o["seq"] > seq for o in self.orders):
                return self.orders  # the whole list: the bot must not obey twice
            await asyncio.sleep(0.01)
        return []


@asynccontextmanager
async def fake_control_plane() -> AsyncGenerator[FakeControlPlane]:
    """Listens on a free port while the context lasts."""
    control = FakeControlPlane()
    server = await asyncio.start_server(control.serve, "127.0.0.1", 0)
    control.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/link"
    try:
        yield control
    finally:
        server.close()
