"""One HTTP/1.1 connection that is kept open between requests: what many small webhooks need, and nothing more."""

import asyncio
import contextlib
from typing import Any

import httptools

from meetfleet.domain.errors import ProviderError

KEPT_BYTES = 1000
_DRAINED_BYTES = 64 * 1024
_BODY_S = 2.0


class ConnectionLost(ProviderError):
    """The receiver closed the connection before it answered.

    Attributes:
        answered: Whether anything of an answer had come.
    """

    def __init__(self, *, answered: bool) -> None:
        super().__init__("The receiver closed the connection without an answer.", code="connection_lost")
        self.answered = answered


class NoHttp(ProviderError):
    """What came back is not HTTP."""

    def __init__(self) -> None:
        super().__init__("The receiver's answer is not HTTP.", code="no_http")


class Connection(asyncio.Protocol):
    """Sends one request at a time. The caller bounds the time."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._status: asyncio.Future[int] | None = None
        self._complete: asyncio.Future[None] | None = None
        self._body = bytearray()
        self._received = 0
        self._heard = False
        self.is_reusable = False

    async def exchange(self, request: bytes) -> tuple[int, str]:
        """Sends the bytes of a request; gives the status and the beginning of the answer's body.

        Raises:
            ConnectionLost, NoHttp: there was no answer.
        """
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._complete = loop.create_future(), loop.create_future()
        self._body, self._received, self._heard, self.is_reusable = bytearray(), 0, False, False
        if self._transport.is_closing():
            raise ConnectionLost(answered=False)
        self._transport.write(request)
        status = await self._status
        # For the history only: the status is the answer, so a body that comes late or breaks off changes nothing.
        if not self._complete.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._complete, _BODY_S)
        if not self.is_reusable:
            self.close()
        return status, bytes(self._body[:KEPT_BYTES]).decode(errors="replace").replace("\0", "")

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_reusable = False
        self._fail(ConnectionLost(answered=self._heard))

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._status is None or (self._complete is not None and self._complete.done()):
            self.close()  # nobody asked: what comes now could be taken for the next answer
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(NoHttp())
            self.close()

    # What the parser calls:

    def on_headers_complete(self) -> None:
        status = int(self._parser.get_status_code())
        if status >= 200 and self._status is not None and not self._status.done():
            self._status.set_result(status)

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        if len(self._body) < KEPT_BYTES:
            self._body += body
        if self._received > _DRAINED_BYTES:
            self._finish()

    def on_message_complete(self) -> None:
        if self._status is not None and self._status.done():
            self.is_reusable = self.is_open and bool(self._parser.should_keep_alive())
            self._finish()

    def _finish(self) -> None:
        if self._complete is not None and not self._complete.done():
            self._complete.set_result(None)

    def _fail(self, error: ProviderError) -> None:
        if self._status is not None and not self._status.done():
            self._status.set_exception(error)
        self._finish()
