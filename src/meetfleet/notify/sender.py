"""One HTTP request to a receiver: bounded in time and size, to an address that was checked, redirects not followed."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx2

from meetfleet.domain.errors import MeetfleetError
from meetfleet.notify.ladder import Outcome
from meetfleet.outside.addresses import AddressGuard, url_target

TIMEOUT_S = 30.0
RESPONSE_KEPT_BYTES = 1000
_CONNECT_S = 10.0
_BODY_S = 2.0


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


class HttpSender:
    """The real sender.

    Args:
        guard: Decides which addresses may be called.
        timeout_s: For the whole attempt: looking the name up, connecting, sending, the answer's first bytes.
        verify: Certificates to trust; None for the usual ones.
    """

    def __init__(
        self, guard: AddressGuard, *, timeout_s: float = TIMEOUT_S, verify: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._timeout = httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        self._client = httpx2.AsyncClient(
            verify=verify if verify is not None else True,
            follow_redirects=False,
            trust_env=False,
            # Connections are pinned to addresses; one kept alive could serve another name on the same address.
            limits=httpx2.Limits(max_keepalive_connections=0, max_connections=None),
        )

    async def send(self, parcel: Parcel) -> Outcome:
        started = time.monotonic()

        def took_ms() -> int:
            return int((time.monotonic() - started) * 1000)

        try:
            async with asyncio.timeout(self._timeout_s):
                status_code, response = await self._exchange(parcel)
        except (TimeoutError, httpx2.TimeoutException):
            return Outcome(None, f"No answer within {self._timeout_s:g} s.", duration_ms=took_ms(), timed_out=True)
        except MeetfleetError as error:
            return Outcome(None, error.message, duration_ms=took_ms())
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Outcome(None, f"{type(error).__name__}: {error}".rstrip(": "), duration_ms=took_ms())
        return Outcome(status_code, response=response, duration_ms=took_ms())

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, parcel: Parcel) -> tuple[int, str]:
        host, port = url_target(parcel.url)
        addresses = await self._guard.addresses(host, port)
        for address in addresses[:-1]:
            try:
                return await self._exchange_with(address, parcel, host)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._exchange_with(addresses[-1], parcel, host)

    async def _exchange_with(self, address: str, parcel: Parcel, host: str) -> tuple[int, str]:
        ours = {"host": urlsplit(parcel.url).netloc, "connection": "close", "accept-encoding": "identity"}
        request = httpx2.Request(
            parcel.method,
            _at(parcel.url, address),
            content=parcel.body,
            # As bytes: a caller's secret may hold more than ASCII.
            headers=[(name.encode(), value.encode()) for name, value in {**parcel.headers, **ours}.items()],
            extensions={"sni_hostname": host, "timeout": self._timeout.as_dict()},
        )
        answer = await self._client.send(request, stream=True)
        try:
            return answer.status_code, await _beginning(answer)
        finally:
            await answer.aclose()


def _at(url: str, address: str) -> str:
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host, fragment=""))


async def _beginning(answer: httpx2.Response) -> str:
    """For the history only: the status is the answer, so a body that comes late or breaks off changes nothing."""
    kept = b""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_BODY_S):
            async for piece in answer.aiter_raw():
                kept += piece
                if len(kept) >= RESPONSE_KEPT_BYTES:
                    break
    return kept[:RESPONSE_KEPT_BYTES].decode(errors="replace").replace("\0", "")
