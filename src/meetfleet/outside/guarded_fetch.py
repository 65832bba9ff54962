"""Fetches what a stranger's URL names: bounded in time, size and kind, and checked again at each redirect."""

import asyncio
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx2

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.addresses import AddressGuard, url_target
from meetfleet.outside.pinned import pinned_request

USER_AGENT = "Meetfleet/1"
_CONNECT_S = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came.

    Attributes:
        content_type: In lower case, without parameters; empty if none was said.
        url: Where it came from in the end.
    """

    content: bytes = field(repr=False)
    content_type: str
    url: str


class GuardedFetch:
    """GET, without cookies, without the environment's proxies, and never to an address that was not checked.

    Args:
        guard: Decides which addresses may be called.
        timeout_s: For everything together, redirects included.
        max_redirects: How many are followed.
        verify: Certificates to trust; None for the usual ones.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        timeout_s: float = 15.0,
        max_redirects: int = 3,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._timeout_s = timeout_s
        self._max_redirects = max_redirects
        self._client = httpx2.AsyncClient(
            verify=verify if verify is not None else True,
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            # Connections are pinned to addresses; one kept alive could serve another name on the same address.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        content_types: Collection[str] | None = None,
        schemes: Collection[str] = ("https",),
    ) -> Fetched:
        """What the URL leads to.

        Args:
            max_bytes: Larger answers are refused, as soon as they are known to be.
            content_types: Those that are taken, such as `image/png`; None for any.
            schemes: Those that may be called, by redirects, too.

        Raises:
            InvalidRequest: it is no URL of these schemes.
            AddressRefused: it leads into a private network.
            ProviderError: `fetch_status`, `fetch_too_large`, `fetch_content_type`, `fetch_redirects`, `fetch_timeout`,
                `fetch_failed` or `host_unknown`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._get(url, max_bytes, content_types, schemes)
        except (TimeoutError, httpx2.TimeoutException):
            raise ProviderError(
                f"No full answer within {self._timeout_s:g} s.", code="fetch_timeout", retryable=True
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            message = f"{_host(url)} could not be asked: {type(error).__name__}."
            raise ProviderError(message, code="fetch_failed", retryable=True) from error

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(
        self, url: str, max_bytes: int, content_types: Collection[str] | None, schemes: Collection[str]
    ) -> Fetched:
        for _ in range(self._max_redirects + 1):
            answer = await self._ask(url, schemes)
            try:
                if answer.status_code in _REDIRECTS and "location" in answer.headers:
                    url = urljoin(url, answer.headers["location"])
                    continue
                _check_status(answer)
                content_type = _judged_type(answer, content_types)
                return Fetched(await _content(answer, max_bytes), content_type, url)
            finally:
                await answer.aclose()
        raise ProviderError(f"More than {self._max_redirects} redirects.", code="fetch_redirects")

    async def _ask(self, url: str, schemes: Collection[str]) -> httpx2.Response:
        host, port = url_target(url)
        if urlsplit(url).scheme not in schemes:
            raise InvalidRequest(f"Only {' and '.join(sorted(schemes))} URLs are fetched.", code="invalid_url")
        addresses = await self._guard.addresses(host, port)
        for address in addresses[:-1]:
            try:
                return await self._ask_at(address, url, host)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._ask_at(addresses[-1], url, host)

    async def _ask_at(self, address: str, url: str, host: str) -> httpx2.Response:
        request = pinned_request("GET", url, host, address, {"user-agent": USER_AGENT, "accept": "*/*"})
        return await self._client.send(request, stream=True)


def _check_status(answer: httpx2.Response) -> None:
    if not answer.is_success:
        retryable = answer.status_code in (408, 429) or answer.status_code >= 500
        raise ProviderError(f"The answer was {answer.status_code}.", code="fetch_status", retryable=retryable)


async def _content(answer: httpx2.Response, max_bytes: int) -> bytes:
    announced = answer.headers.get("content-length", "")
    content = bytearray()
    if not (announced.isdigit() and int(announced) > max_bytes):
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > max_bytes:
                break
        else:
            return bytes(content)
    raise ProviderError(f"The answer is larger than {max_bytes} bytes.", code="fetch_too_large")


def _judged_type(answer: httpx2.Response, content_types: Collection[str] | None) -> str:
    found = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_types is not None and found not in content_types:
        raise ProviderError(
            f"The answer is '{found[:80]}', not one of {', '.join(sorted(content_types))}.", code="fetch_content_type"
        )
    return found


def _host(url: str) -> str:
    return urlsplit(url).hostname or "The host"
