"""Short questions to outside services: to an address that was checked, bounded in time and size, no redirects."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.addresses import AddressGuard, url_target
from meetfleet.outside.pinned import pinned_request

TIMEOUT_S = 15.0
_CONNECT_S = 5.0
ANSWER_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Any status; what it means is for the caller to say."""

    status: int
    body: bytes = field(repr=False)


class GuardedHttp:
    """Talks to services that callers or operators name.

    Args:
        guard: Decides which addresses may be called.
        timeout_s: For the whole exchange.
        verify: Certificates to trust; None for the usual ones.
    """

    def __init__(
        self, guard: AddressGuard, *, timeout_s: float = TIMEOUT_S, verify: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        # A dead address must leave time for the next one.
        self._timeout = httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        self._client = httpx2.AsyncClient(
            verify=verify if verify is not None else True,
            follow_redirects=False,
            trust_env=False,
            # Connections are pinned to addresses; one kept alive could serve another name on the same address.
            limits=httpx2.Limits(max_keepalive_connections=0, max_connections=None),
        )

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> HttpAnswer:
        """One request, one answer.

        Raises:
            ProviderError: no answer in time, a private address, or an answer that is too long; never names the URL's
                query, which may hold a secret.
        """
        host = urlsplit(url).hostname or "the address"
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(method, url, headers or {}, body)
        except (TimeoutError, httpx2.TimeoutException):
            text = f"{host} did not answer within {self._timeout_s:g} s."
            raise ProviderError(text, code="provider_unreachable", retryable=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            text = f"{host} could not be reached ({type(error).__name__})."
            raise ProviderError(text, code="provider_unreachable", retryable=True) from None

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        try:
            host, port = url_target(url)
        except InvalidRequest as error:
            raise ProviderError("The address is no absolute http or https URL.", code="invalid_url") from error
        addresses = await self._guard.addresses(host, port)
        for address in addresses:
            request = pinned_request(method, url, host, address, headers, body)
            request.extensions["timeout"] = self._timeout.as_dict()
            try:
                return await self._send(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise AssertionError("a guard gives at least one address")

    async def _send(self, request: httpx2.Request) -> HttpAnswer:
        answer = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > ANSWER_MAX_BYTES:
                    raise ProviderError("The answer was too long.", code="answer_too_long")
            return HttpAnswer(answer.status_code, bytes(body))
        finally:
            await answer.aclose()
