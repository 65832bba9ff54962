"""The least HTTP/1.1 that a bot needs: one kept-alive connection, one request at a time.

A bot lives for hours and there may be dozens on a host; the usual client libraries would cost each of them 10 MB.
Source: RFC 9112.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from meetfleet.domain.errors import ProviderError

MAX_BODY_BYTES = 16 * 1024 * 1024


class LinkDown(ProviderError):
    """The other side cannot be reached, or broke off."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="link_down", retryable=True)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class HttpConnection:
    """A connection to one origin, opened at need and again after it broke.

    Args:
        base_url: `http(s)://host[:port][/prefix]`.
        headers: Sent with every request.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"Not an HTTP address: {base_url!r}")
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Host": parts.netloc.rpartition("@")[2], **headers}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Response:
        """Sends one request and reads its answer. Requests must be idempotent: a stale connection is tried anew.

        Raises:
            LinkDown: no connection, no answer in time, or none that is HTTP.
        """
        head = self._head(method, path, body, headers or {})
        async with self._turn:
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._exchange(head, body)
            except TimeoutError as error:
                await self._drop()
                raise LinkDown(f"No answer within {timeout_s:g} s.") from error
            except (OSError, EOFError, ValueError) as error:
                await self._drop()
                raise LinkDown(f"The connection failed: {type(error).__name__}") from error
            except asyncio.CancelledError:
                await self._drop()
                raise

    async def close(self) -> None:
        await self._drop()

    def _head(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {self._prefix}{path} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in {**self._headers, **headers, "Content-Length": str(len(body))}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _exchange(self, head: bytes, body: bytes) -> Response:
        reused = self._streams is not None
        try:
            return await self._once(head, body)
        except (ConnectionError, EOFError):
            # The server may close an idle connection just as we send; then, and only then, a second try is due.
            if not reused:
                raise
            await self._drop()
            return await self._once(head, body)

    async def _once(self, head: bytes, body: bytes) -> Response:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
        reader, writer = self._streams
        writer.write(head + body)
        await writer.drain()
        response = await _read_response(reader)
        if response.headers.get("connection", "").lower() == "close":
            await self._drop()
        return response

    async def _drop(self) -> None:
        streams, self._streams = self._streams, None
        if streams:
            streams[1].close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await streams[1].wait_closed()


async def _read_response(reader: asyncio.StreamReader) -> Response:
    status = 100
    headers: dict[str, str] = {}
    while status < 200:  # interim answers carry no body
        status = _status(await _line(reader))
        headers = {}
        while line := await _line(reader):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
    return Response(status, headers, await _read_body(reader, status, headers))


def _status(line: str) -> int:
    version, _, rest = line.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("No HTTP.")
    return int(rest.split(" ")[0])


async def _line(reader: asyncio.StreamReader) -> str:
    raw = await reader.readuntil(b"\n")
    return raw.decode("latin-1").rstrip("\r\n")


async def _read_body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    if status in (204, 304):
        return b""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    size = headers.get("content-length")
    if size is None:
        return await reader.read(MAX_BODY_BYTES)
    if int(size) > MAX_BODY_BYTES:
        raise ValueError("Too large an answer.")
    return await reader.readexactly(int(size))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while size := int((await _line(reader)).partition(";")[0], 16):
        total += size
        if total > MAX_BODY_BYTES:
            raise ValueError("Too large an answer.")
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await _line(reader):
        pass
    return b"".join(parts)
