"""The local WebSocket server that probes report to: one for a process, one secret path for each bot."""

import http
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from meetfleet.domain.errors import RunnerError

log = logging.getLogger(__name__)

SocketHandler = Callable[[ServerConnection], Awaitable[None]]
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
PAGE = b"<!doctype html><meta charset=utf-8><title>Meetfleet</title><body></body>"


class ProbeServer:
    """Listens on 127.0.0.1 only. Whoever knows the path may come in, from whatever origin: pages are foreign."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._handlers: dict[str, SocketHandler] = {}

    async def start(self) -> None:
        """Starts to listen, on a port that the system picks.

        Raises:
            RunnerError: no port.
        """
        if self._server:
            return
        quiet = logging.getLogger("meetfleet.browser.probe.sockets")
        quiet.setLevel(logging.WARNING)
        try:
            self._server = await serve(
                self._accept,
                "127.0.0.1",
                0,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                process_request=self._check,
                server_header=None,
                logger=quiet,
            )
        except OSError as error:
            raise RunnerError(f"Cannot listen on this machine: {error}", code="no_port") from error

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def register(self, handler: SocketHandler) -> str:
        """Opens a path; `handler` runs for each socket that connects to it, until it closes. Returns its address."""
        token = secrets.token_urlsafe(18)
        self._handlers[token] = handler
        return f"ws://127.0.0.1:{self.port}/{token}"

    def unregister(self, url: str) -> None:
        """Closes a path to new sockets."""
        self._handlers.pop(url.rpartition("/")[2], None)

    def page_url(self, url: str) -> str:
        """An empty page of ours, in a secure context, below a registered address."""
        return url.replace("ws://", "http://") + "/page"

    async def close(self) -> None:
        """Ends every socket."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        await self._handlers[socket.request.path.strip("/")](socket)

    def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        token, _, rest = request.path.strip("/").partition("/")
        if token not in self._handlers:
            return socket.respond(http.HTTPStatus.NOT_FOUND, "")
        if rest == "page":
            headers: Any = {"Content-Type": "text/html", "Content-Length": str(len(PAGE))}
            return Response(200, "OK", Headers(headers), PAGE)
        return None
