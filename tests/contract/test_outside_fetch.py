"""Fetching what a stranger's URL names, over real sockets: every bound holds, every redirect is checked."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.addresses import AddressGuard, AddressRefused
from meetfleet.outside.guarded_fetch import GuardedFetch

HOST = "pictures.example.org"
PLAIN = ("http",)


class Site:
    """Answers each path with its own bytes, and remembers what it was asked."""

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self._pages = pages
        self.asked: list[str] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        answer = self._pages.get(head.split()[1])
        if answer is None:
            await reader.read()
        else:
            writer.write(answer.replace(b"PORT", str(self.port).encode()))
        writer.close()

    async def __aenter__(self) -> "Site":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    def url(self, path: str, host: str = HOST) -> str:
        return f"http://{host}:{self.port}{path}"


def ok(body: bytes, content_type: str = "image/png", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {size}\r\n\r\n".encode() + body


def to(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    pages = {
        "/cat.png": ok(b"cat" * 100, "Image/PNG; charset=x"),
        "/big": ok(b"x" * 5000),
        "/endless": b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + b"x" * 5000,
        "/text": ok(b"hello", "text/html"),
        "/gone": b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n",
        "/busy": b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
        "/away": to("/cat.png"),
        "/round": to("/round"),
        "/inside": to("http://metadata.example.org:PORT/cat.png"),
        "/file": to("file:///etc/passwd"),
        "/broken": b"nonsense\r\n\r\n",
    }
    async with Site(pages) as site:
        yield site


async def resolve(host: str, port: int) -> Sequence[str]:
    if host == "metadata.example.org":
        return ["169.254.169.254"]
    return ["127.0.0.1"]


class LoopbackIsPublic(AddressGuard):
    """Takes the test's own server for a public one, and nothing else."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        found = await resolve(host, port)
        return found if found == ["127.0.0.1"] else await super().addresses(host, port)


@pytest.fixture
async def fetch() -> AsyncIterator[GuardedFetch]:
    fetch = GuardedFetch(LoopbackIsPublic(allow_private=False, resolve=resolve), timeout_s=2)
    yield fetch
    await fetch.close()


async def test_what_is_there_comes_with_its_kind_and_under_its_own_name(fetch: GuardedFetch, site: Site) -> None:
    found = await fetch.get(site.url("/cat.png"), max_bytes=300, content_types=["image/png"], schemes=PLAIN)
    assert (found.content, found.content_type) == (b"cat" * 100, "image/png")
    assert f"host: {HOST}:{site.port}" in site.asked[0].lower()


async def test_a_redirect_is_followed(fetch: GuardedFetch, site: Site) -> None:
    found = await fetch.get(site.url("/away"), max_bytes=300, schemes=PLAIN)
    assert (found.url, len(site.asked)) == (site.url("/cat.png"), 2)


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/big", "fetch_too_large", False),
        ("/endless", "fetch_too_large", False),
        ("/text", "fetch_content_type", False),
        ("/gone", "fetch_status", False),
        ("/busy", "fetch_status", True),
        ("/round", "fetch_redirects", False),
        ("/silent", "fetch_timeout", True),
        ("/broken", "fetch_failed", True),
        ("/inside", "address_refused", False),
    ],
)
async def test_every_bound_holds(fetch: GuardedFetch, site: Site, path: str, code: str, retryable: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        await fetch.get(site.url(path), max_bytes=4000, content_types=["image/png"], schemes=PLAIN)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


@pytest.mark.parametrize("path", ["/file", "/cat.png"])
async def test_only_the_schemes_that_are_allowed_are_called(fetch: GuardedFetch, site: Site, path: str) -> None:
    schemes = PLAIN if path == "/file" else ("https",)
    with pytest.raises(InvalidRequest):
        await fetch.get(site.url(path), max_bytes=4000, schemes=schemes)
    assert len(site.asked) == (1 if path == "/file" else 0)


async def test_a_private_address_is_not_even_connected_to(fetch: GuardedFetch, site: Site) -> None:
    with pytest.raises(AddressRefused):
        await fetch.get(site.url("/cat.png", "metadata.example.org"), max_bytes=4000, schemes=PLAIN)
    assert site.asked == []
