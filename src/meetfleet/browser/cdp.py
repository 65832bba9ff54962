"""A lean client of the Chrome DevTools Protocol over a pair of pipes.

    Cdp          one connection to one browser; routes answers and events
    CdpSession   one target in it (page, iframe, worker), or the browser itself

Messages are JSON, each ended by a NUL byte. Sessions are flat: every message names its session.

    RunnerError
    ├── BrowserGone     the browser died or was closed; every waiting call gets it
    ├── TargetGone      this page, iframe or worker crashed or was closed; the browser lives
    ├── CdpTimeout      the browser lives but did not answer in time
    └── CdpRefused      the browser answered with an error

Source: https://chromedevtools.github.io/devtools-protocol/ and Chromium's `--remote-debugging-pipe`.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meetfleet.domain.errors import RunnerError

log = logging.getLogger(__name__)

EventHandler = Callable[[dict[str, Any]], None]
SEND_TIMEOUT_S = 15.0


class BrowserGone(RunnerError):
    """The browser is dead or closed; nothing can be asked of it any more."""

    def __init__(self, message: str = "The browser is gone.") -> None:
        super().__init__(message, code="browser_gone")


class TargetGone(RunnerError):
    """The page, iframe or worker crashed or was closed."""

    def __init__(self, message: str = "The page is gone.") -> None:
        super().__init__(message, code="page_gone")


class CdpTimeout(RunnerError):
    """The browser did not answer in time: a frozen page or a starved machine."""

    def __init__(self, method: str, timeout_s: float) -> None:
        super().__init__(f"The browser did not answer {method} within {timeout_s:g} s.", code="browser_timeout")
        self.method = method


class CdpRefused(RunnerError):
    """The browser answered a command with an error."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"The browser refused {method}: {reason}", code="browser_refused")
        self.method = method
        self.reason = reason


class NulFramer:
    """Cuts a byte stream at NUL bytes. A message may arrive in any number of pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Takes what arrived and returns the messages it completes."""
        *ends, rest = data.split(b"\0")
        messages: list[bytes] = []
        for end in ends:
            messages.append(b"".join((*self._pieces, end)))
            self._pieces.clear()
        if rest:
            self._pieces.append(rest)
        return messages


class CdpSession:
    """Commands to, and events from, one target."""

    def __init__(self, cdp: "Cdp", session_id: str | None) -> None:
        self._cdp = cdp
        self.session_id = session_id
        self._handlers: dict[str, list[EventHandler]] = {}
        self.gone: RunnerError | None = None

    async def send(self, method: str, /, *, timeout_s: float = SEND_TIMEOUT_S, **params: Any) -> dict[str, Any]:
        """Sends one command and waits for its answer. Parameters that are None are left out.

        Raises:
            BrowserGone, TargetGone, CdpTimeout, CdpRefused
        """
        if self.gone:
            raise self.gone
        return await self._cdp.call(self.session_id, method, params, timeout_s)

    def post(self, method: str, /, **params: Any) -> None:
        """Sends one command whose answer nobody needs; a refusal is logged, a dead browser or target ignored."""
        if not self.gone:
            self._cdp.post(self.session_id, method, params)

    def on(self, event: str, handler: EventHandler) -> Callable[[], None]:
        """Calls `handler` with each event's parameters; returns what undoes it."""
        handlers = self._handlers.setdefault(event, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler) if handler in handlers else None

    def emit(self, event: str, params: dict[str, Any]) -> None:
        """Hands one event to its handlers. A handler's fault is logged: it must not stop the reading of the pipe."""
        for handler in tuple(self._handlers.get(event, ())):
            try:
                handler(params)
            except Exception:  # the outermost loop of the connection
                log.exception("A handler of %s failed", event)


@dataclass(frozen=True, slots=True)
class _Call:
    future: "asyncio.Future[dict[str, Any]]"
    method: str
    session_id: str | None


class Cdp(asyncio.Protocol):
    """One connection. Made by `connect`; ends when the browser closes its pipe or `close` is called."""

    def __init__(self) -> None:
        self.browser = CdpSession(self, None)
        self._sessions: dict[str, CdpSession] = {}
        self._framer = NulFramer()
        self._waiting: dict[int, _Call] = {}
        self._last_id = 0
        self._reader: asyncio.BaseTransport | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._gone: BrowserGone | None = None
        self._on_gone: list[Callable[[], None]] = []

    @classmethod
    async def connect(cls, read_fd: int, write_fd: int) -> "Cdp":
        """Takes ownership of two pipe ends: `read_fd` carries the browser's messages, `write_fd` ours."""
        loop = asyncio.get_running_loop()
        cdp = cls()
        cdp._reader, _ = await loop.connect_read_pipe(lambda: cdp, os.fdopen(read_fd, "rb", 0))
        cdp._writer, _ = await loop.connect_write_pipe(lambda: _WriteEnd(cdp), os.fdopen(write_fd, "wb", 0))
        return cdp

    @property
    def is_gone(self) -> bool:
        return self._gone is not None

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Calls back once if the browser ends the connection, not if we do."""
        self._on_gone.append(callback)

    def session(self, session_id: str) -> CdpSession:
        """The session of this id, made at its first use."""
        return self._sessions.setdefault(session_id, CdpSession(self, session_id))

    def drop_session(self, session_id: str) -> None:
        """Forgets a target that crashed or detached, and fails what waits for it."""
        session = self._sessions.pop(session_id, None)
        if session:
            session.gone = TargetGone()
        for number, call in tuple(self._waiting.items()):
            if call.session_id == session_id:
                self._fail(number, TargetGone())

    async def call(
        self, session_id: str | None, method: str, params: dict[str, object], timeout_s: float
    ) -> dict[str, Any]:
        future = asyncio.get_running_loop().create_future()
        number = self._write(session_id, method, params, future)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise CdpTimeout(method, timeout_s) from error
        finally:
            self._waiting.pop(number, None)

    def post(self, session_id: str | None, method: str, params: dict[str, object]) -> None:
        if self._gone:
            return
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda f: log.debug("%s: %s", method, f.exception()) if f.exception() else None)
        self._write(session_id, method, params, future)

    def _write(
        self, session_id: str | None, method: str, params: dict[str, object], future: "asyncio.Future[dict[str, Any]]"
    ) -> int:
        if self._gone or self._writer is None:
            raise self._gone or BrowserGone()
        self._last_id += 1
        message: dict[str, object] = {"id": self._last_id, "method": method}
        if session_id:
            message["sessionId"] = session_id
        message["params"] = {k: v for k, v in params.items() if v is not None}
        self._waiting[self._last_id] = _Call(future, method, session_id)
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\0")
        return self._last_id

    def data_received(self, data: bytes) -> None:
        for text in self._framer.feed(data):
            self._dispatch(json.loads(text))

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answer(message)
            return
        session_id = message.get("sessionId")
        session = self.session(session_id) if session_id else self.browser
        session.emit(message["method"], message.get("params", {}))

    def _answer(self, message: dict[str, Any]) -> None:
        call = self._waiting.get(message["id"])
        if call and "error" in message:
            self._fail(message["id"], CdpRefused(call.method, str(message["error"].get("message"))))
        elif call:
            del self._waiting[message["id"]]
            if not call.future.done():
                call.future.set_result(message.get("result", {}))

    def _fail(self, number: int, error: RunnerError) -> None:
        call = self._waiting.pop(number)
        if not call.future.done():
            call.future.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end()

    def close(self) -> None:
        """Closes both pipes; the browser takes that as the order to exit."""
        self.expect_end()
        self.end()

    def expect_end(self) -> None:
        """From now on the end of the connection is no news: `on_gone` stays silent."""
        self._on_gone.clear()

    def end(self) -> None:
        """The connection is over, whoever ended it: every waiting call fails."""
        if self._gone:
            return
        self._gone = BrowserGone()
        for transport in (self._reader, self._writer):
            if transport:
                transport.close()
        for number in tuple(self._waiting):
            self._fail(number, BrowserGone())
        for callback in self._on_gone:
            callback()


class _WriteEnd(asyncio.BaseProtocol):
    """Notices that the browser closed the pipe we write to."""

    def __init__(self, cdp: Cdp) -> None:
        self._cdp = cdp

    def connection_lost(self, exc: Exception | None) -> None:
        self._cdp.end()
