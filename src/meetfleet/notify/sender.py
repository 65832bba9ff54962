"""One HTTP request to a receiver: bounded in time and size, to an address that was checked, redirects not followed."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from meetfleet.domain.errors import InvalidRequest, MeetfleetError
from meetfleet.notify.ladder import Outcome
from meetfleet.notify.wire import Connection, ConnectionLost
from meetfleet.outside.addresses import AddressGuard, url_target

TIMEOUT_S = 30.0
_CONNECT_S = 10.0
_IDLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent to whom."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


class Sender(Protocol):
    """Makes one attempt."""

    async def send(self, parcel: Parcel) -> Outcome:
        """Never raises for what a receiver or the network does."""
        ...


@dataclass(frozen=True, slots=True)
class _Door:
    """What connections can be shared for: the name too, because certificates were judged by it."""

    secure: bool
    host: str
    port: int


class HttpSender:
    """The real sender. Connections are kept open for a few seconds, each pinned to the address that it was made to.

    Args:
        guard: Decides which addresses may be called.
        timeout_s: For the whole attempt: looking the name up, connecting, sending, the answer's status.
        verify: Certificates to trust; None for the usual ones.
    """

    def __init__(
        self, guard: AddressGuard, *, timeout_s: float = TIMEOUT_S, verify: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._tls = verify or ssl.create_default_context()
        self._idle: defaultdict[_Door, list[Connection]] = defaultdict(list)
        self._expired_at = time.monotonic()

    async def send(self, parcel: Parcel) -> Outcome:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                status_code, response = await self._exchange(parcel)
        except TimeoutError:
            error, timed_out = f"No answer within {self._timeout_s:g} s.", True
        except MeetfleetError as failure:
            error, timed_out = failure.message, False
        except OSError as failure:
            error, timed_out = f"{type(failure).__name__}: {failure}".rstrip(": "), False
        else:
            return Outcome(status_code, response=response, duration_ms=_ms_since(started))
        return Outcome(None, error, duration_ms=_ms_since(started), timed_out=timed_out)

    async def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _exchange(self, parcel: Parcel) -> tuple[int, str]:
        host, port = url_target(parcel.url)
        door = _Door(parcel.url.startswith("https:"), host, port)
        addresses = await self._guard.addresses(host, port)
        request = _request(parcel)
        kept = self._take(door, addresses)
        if kept is not None:
            try:
                return await self._exchange_on(kept, door, request)
            except ConnectionLost as error:
                if error.answered:
                    raise
                # It was closed while idle; the request may or may not have been read, as with any retry.
        return await self._exchange_on(await self._connect(door, addresses), door, request)

    async def _exchange_on(self, connection: Connection, door: _Door, request: bytes) -> tuple[int, str]:
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable:
            connection.idle_since = time.monotonic()
            self._idle[door].append(connection)
            self._expire()
        return answer

    def _take(self, door: _Door, addresses: Sequence[str]) -> Connection | None:
        """The connection that was used last, if it is fresh and its address is still one of the name's."""
        idle = self._idle.get(door)
        while idle:
            connection = idle.pop()
            fresh = time.monotonic() - connection.idle_since < _IDLE_S
            if connection.is_open and fresh and connection.address in addresses:
                return connection
            connection.close()
        self._idle.pop(door, None)
        return None

    async def _connect(self, door: _Door, addresses: Sequence[str]) -> Connection:
        """To the first address that takes us. Raises OSError or TimeoutError of the last one."""
        for address in addresses[:-1]:
            try:
                return await self._connect_to(address, door)
            except (OSError, TimeoutError):
                continue
        return await self._connect_to(addresses[-1], door)

    async def _connect_to(self, address: str, door: _Door) -> Connection:
        loop = asyncio.get_running_loop()
        tls, name = (self._tls, door.host) if door.secure else (None, None)
        async with asyncio.timeout(_CONNECT_S):
            _, connection = await loop.create_connection(
                lambda: Connection(address), address, door.port, ssl=tls, server_hostname=name
            )
        return connection

    def _expire(self) -> None:
        """Closes what nobody used for a while, once in a while."""
        now = time.monotonic()
        if now - self._expired_at < _IDLE_S:
            return
        self._expired_at = now
        for door, idle in list(self._idle.items()):
            stale = [one for one in idle if not one.is_open or now - one.idle_since >= _IDLE_S]
            for connection in stale:
                idle.remove(connection)
                connection.close()
            if not idle:
                del self._idle[door]


def _request(parcel: Parcel) -> bytes:
    """The bytes on the wire. Header values go as UTF-8: a caller's secret may hold more than ASCII."""
    parts = urlsplit(parcel.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "host": parts.netloc,
        **parcel.headers,
        "content-length": str(len(parcel.body)),
        "accept-encoding": "identity",
    }
    if any(c in value for value in headers.values() for c in "\r\n\0"):
        raise InvalidRequest("A header value holds a line break.", code="invalid_header")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{parcel.method} {target} HTTP/1.1\r\n{head}\r\n".encode() + parcel.body


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
