"""What every request passes on its way in: a name in the logs, a limit on its size, a line when it is done."""

import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meetfleet.api.errors import envelope
from meetfleet.control.rate_limit import Allowance

MAX_BODY_BYTES = 2 * 1024 * 1024
_REQUEST_ID = re.compile(r"^[\w.-]{1,64}$")
_UNLIMITED = re.compile(r"^/link/bots/[^/]+/segments/")
_CHATTY = re.compile(r"^/(link/|healthz|readyz)")

log = structlog.get_logger()


def tell_allowance(request: Request, allowance: Allowance) -> None:
    """Has the answer tell what is left of the team's allowance, whatever that answer will be."""
    request.state.allowance = allowance


class BodyTooLarge(Exception):
    """Raised into whoever reads the body."""


class Edge:
    """ASGI middleware. Segments of a tape are limited where they are stored, all other bodies here."""

    def __init__(self, app: ASGIApp, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        request = _Request(scope, self._max_body_bytes)
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):
            await self._pass(request, scope, receive, send)

    async def _pass(self, request: "_Request", scope: Scope, receive: Receive, send: Send) -> None:
        async def limited() -> Message:
            message = await receive()
            request.count(message)
            if request.is_too_large:
                raise BodyTooLarge
            return message

        async def noted(message: Message) -> None:
            if request.is_too_large:
                return  # whatever the application makes of the cut-off body
            if message["type"] == "http.response.start":
                request.status = message["status"]
                message["headers"] = [*message["headers"], *request.headers()]
            await send(message)

        try:
            if not request.is_too_large:
                await self._app(scope, limited, noted)
        except BodyTooLarge:
            pass
        finally:
            if request.is_too_large and request.status is None:
                await self._refuse(request, scope, receive, send)
            request.log()

    async def _refuse(self, request: "_Request", scope: Scope, receive: Receive, send: Send) -> None:
        request.status = 413
        message = f"The request body is larger than {self._max_body_bytes} bytes."
        headers = {"connection": "close", **{name.decode(): value.decode() for name, value in request.headers()}}
        await JSONResponse(envelope(413, message), 413, headers=headers)(scope, receive, send)


class _Request:
    """One request under way."""

    def __init__(self, scope: Scope, max_body_bytes: int) -> None:
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        self.request_id = given if _REQUEST_ID.match(given) else uuid4().hex[:16]
        self.status: int | None = None
        self._state: Mapping[str, object] = scope["state"]
        self._method, self._path = str(scope["method"]), str(scope["path"])
        self._limit = None if _UNLIMITED.match(self._path) else max_body_bytes
        self._announced = headers.get(b"content-length", b"")
        self._received = 0
        self._began = time.perf_counter()

    @property
    def is_too_large(self) -> bool:
        """Whether more was announced, or has come, than is allowed."""
        announced = int(self._announced) if self._announced.isdigit() else 0
        return self._limit is not None and max(announced, self._received) > self._limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What every answer carries, and what is left of the team's allowance if the request was counted."""
        found = {"x-request-id": self.request_id}
        allowance = self._state.get("allowance")
        if isinstance(allowance, Allowance):
            found["x-ratelimit-limit"] = str(allowance.limit)
            found["x-ratelimit-remaining"] = str(allowance.remaining)
            found["x-ratelimit-reset"] = str(allowance.reset_s)
        return [(name.encode(), value.encode()) for name, value in found.items()]

    def count(self, message: Message) -> None:
        self._received += len(message.get("body", b""))

    def log(self) -> None:
        level = "debug" if _CHATTY.match(self._path) else "info"
        took_ms = round((time.perf_counter() - self._began) * 1000, 1)
        getattr(log, level)("request", method=self._method, path=self._path, status=self.status, took_ms=took_ms)
