"""A webhook receiver for tests and demos: a real HTTP server that remembers what it was sent."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that arrived.

    Attributes:
        headers: Names in lower case.
        body: Raw bytes, as signatures need them.
        answered: The status code that the inbox gave.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    answered: int
    received_at: float = field(default_factory=time.time)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def event(self) -> str:
        return str(self.json.get("event", ""))


def _always_ok(path: str) -> int:
    return 200


class WebhookInbox:
    """Listens on a free loopback port while used as a context manager.

    Args:
        answer: Decides the status code of each request; 200 by default.
    """

    def __init__(self, answer: Callable[[str], int] | None = None) -> None:
        self._answer: Callable[[str], int] = answer or _always_ok
        self._arrived = threading.Condition()
        self.deliveries: list[Delivery] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def events(self, name: str) -> list[Delivery]:
        """What arrived of one event type, oldest first."""
        with self._arrived:
            return [d for d in self.deliveries if d.event == name]

    def wait_for(self, wanted: Callable[[Delivery], bool], timeout_s: float) -> Delivery:
        """The first matching delivery, also one that is here already.

        Raises:
            TimeoutError: nothing matched in time.
        """
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for delivery in self.deliveries:
                    if wanted(delivery):
                        return delivery
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    seen = [d.event for d in self.deliveries]
                    raise TimeoutError(f"No such delivery within {timeout_s} s; seen: {seen}")

    def _keep(self, delivery: Delivery) -> None:
        with self._arrived:
            self.deliveries.append(delivery)
            self._arrived.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status = inbox._answer(self.path)
                headers = {k.lower(): v for k, v in self.headers.items()}
                inbox._keep(Delivery(self.command, self.path, headers, body, status))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            do_PUT = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet: the deliveries are the record."""

        return Handler
