"""The file route over real HTTP, against the signer that makes its links."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from meetfleet.api.errors import install_errors
from meetfleet.api.files import GrowingArtifact, StoredArtifact, StoredArtifacts, files_router
from meetfleet.api.growing import GrowingFile, Growth
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.errors import MediaError
from meetfleet.storage.obstore_objects import ObstoreObjects
from meetfleet.storage.presign import UrlSigner

BOT = "0190a0b0-0000-7000-8000-000000000001"
SOUND = bytes(range(256)) * 4


class Source(StoredArtifacts):
    """Stored files, and those that the test lets grow."""

    def __init__(self, objects: ObstoreObjects) -> None:
        super().__init__(objects)
        self.growing: dict[str, GrowingArtifact] = {}

    async def open(self, bot_id: str, name: str) -> StoredArtifact | GrowingArtifact:
        return self.growing.pop(name, None) or await super().open(bot_id, name)


class Site:
    def __init__(self, folder: Path) -> None:
        self.objects = ObstoreObjects.in_folder(folder)
        self.source = Source(self.objects)
        self.app = FastAPI()
        install_errors(self.app)
        self.now = 1_800_000_000.0
        self.signer = UrlSigner(b"s" * 32, "http://files.test", now=lambda: self.now)
        self.app.include_router(files_router(self.source, self.objects, self.signer))

    def link(self, name: str, *, download: bool = False) -> str:
        return self.signer.sign(BOT, name, download=download)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "objects")


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    await site.objects.put(f"bots/{BOT}/artifacts/output.flac", SOUND)
    transport = httpx2.ASGITransport(site.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport) as client:
        yield client


async def test_a_link_gives_the_whole_file(site: Site, client: httpx2.AsyncClient) -> None:
    answer = await client.get(site.link("output.flac"))
    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["content-length"] == "1024"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == 'inline; filename="output.flac"'


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("output.flac", "audio/flac"),
        ("video.mp4", "video/mp4"),
        ("diarization.jsonl", "application/x-ndjson"),
        ("captions.vtt", "text/vtt; charset=utf-8"),
        ("chat_messages.json", "application/json"),
        ("screenshots/1.png", "image/png"),
        ("audio/Ann.ogg", "audio/ogg"),
        ("unknown", "application/octet-stream"),
    ],
)
async def test_each_kind_has_its_content_type(
    site: Site, client: httpx2.AsyncClient, name: str, content_type: str
) -> None:
    await site.objects.put(f"bots/{BOT}/artifacts/{name}", b"x")
    answer = await client.get(site.link(name))
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


async def test_head_tells_all_but_the_content(site: Site, client: httpx2.AsyncClient) -> None:
    whole, head = await client.get(site.link("output.flac")), await client.head(site.link("output.flac"))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    ("wanted", "part", "content_range"),
    [
        ("bytes=0-99", slice(0, 100), "bytes 0-99/1024"),
        ("bytes=1000-", slice(1000, 1024), "bytes 1000-1023/1024"),
        ("bytes=-24", slice(1000, 1024), "bytes 1000-1023/1024"),
    ],
)
async def test_one_part_can_be_asked_for(
    site: Site, client: httpx2.AsyncClient, wanted: str, part: slice, content_range: str
) -> None:
    answer = await client.get(site.link("output.flac"), headers={"range": wanted})
    assert (answer.status_code, answer.content) == (206, SOUND[part])
    assert answer.headers["content-range"] == content_range
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_a_part_behind_the_end_is_416_with_the_size(site: Site, client: httpx2.AsyncClient) -> None:
    answer = await client.get(site.link("output.flac"), headers={"range": "bytes=1024-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1024"
    assert answer.json()["statusCode"] == 416


async def test_if_range_of_another_version_gives_the_whole_file(site: Site, client: httpx2.AsyncClient) -> None:
    etag = (await client.head(site.link("output.flac"))).headers["etag"]
    same = await client.get(site.link("output.flac"), headers={"range": "bytes=0-9", "if-range": etag})
    other = await client.get(site.link("output.flac"), headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_an_unchanged_file_is_not_sent_again(site: Site, client: httpx2.AsyncClient) -> None:
    etag = (await client.head(site.link("output.flac"))).headers["etag"]
    answer = await client.get(site.link("output.flac"), headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_download_links_save_under_a_safe_name(site: Site, client: httpx2.AsyncClient) -> None:
    await site.objects.put(f'bots/{BOT}/artifacts/audio/Zoë "Z".ogg', b"x")
    answer = await client.get(site.link('audio/Zoë "Z".ogg', download=True))
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename=\"Zo_ _Z_.ogg\"; filename*=UTF-8''Zo%C3%AB%20%22Z%22.ogg"


async def test_an_expired_link_is_refused_in_the_envelope(site: Site, client: httpx2.AsyncClient) -> None:
    url = site.link("output.flac")
    site.now += 4 * 3600
    answer = await client.get(url)
    assert answer.status_code == 403
    assert answer.json() == {
        "success": False,
        "error": "Forbidden",
        "code": "FST_ERR_FORBIDDEN",
        "statusCode": 403,
        "message": "The link has expired; ask the API for a fresh one.",
        "details": None,
    }


@pytest.mark.parametrize("change", ["?", "&signature=0", "../secret"])
async def test_a_changed_link_is_refused(site: Site, client: httpx2.AsyncClient, change: str) -> None:
    url = site.link("output.flac")
    changed = {
        "?": url.split("?")[0],
        "&signature=0": url.replace("signature=", "signature=0"),
        "../secret": url.replace("output.flac", "..%2f..%2fsecret"),
    }[change]
    answer = await client.get(changed)
    assert (answer.status_code, answer.json()["success"]) == (403, False)


async def test_a_good_link_to_a_deleted_file_is_404(site: Site, client: httpx2.AsyncClient) -> None:
    url = site.link("output.flac")
    await site.objects.delete_prefix(f"bots/{BOT}")
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_NOT_FOUND")


class Gone:
    """A growing file that was finished and moved before anybody read it."""

    async def stream(self) -> AsyncGenerator[bytes]:
        raise MediaError("moved", code="file_moved")
        yield b""


async def test_a_file_that_is_finished_in_between_is_served_from_storage(
    site: Site, client: httpx2.AsyncClient
) -> None:
    site.source.growing["output.flac"] = Gone()
    answer = await client.get(site.link("output.flac"), headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, SOUND[:10])


class Served:
    """The site behind a real server, as only that one streams and notices when clients leave."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._server = uvicorn.Server(uvicorn.Config(site.app, port=0, log_level="error", timeout_graceful_shutdown=5))
        self._thread = threading.Thread(target=self._server.run)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> "Served":
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    with Served(site) as served:
        yield served


async def test_a_growing_video_is_read_while_it_is_written(site: Site, served: Served, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    state = Growth.UNDER_WAY

    async def growth() -> Growth:
        return state

    site.source.growing["video.mp4"] = GrowingFile(path, growth, SystemClock(), poll_s=0.01)
    path.write_bytes(b"moov")
    url = site.link("video.mp4").replace("http://files.test", served.address)
    async with httpx2.AsyncClient(timeout=20) as client, client.stream("GET", url, headers={"range": "bytes=0-"}) as r:
        assert r.status_code == 200
        assert r.headers["content-type"] == "video/mp4"
        assert "content-length" not in r.headers
        pieces = r.aiter_bytes()
        assert await anext(pieces) == b"moov"
        with path.open("ab") as file:
            file.write(b"moof")
        assert await anext(pieces) == b"moof"
        state = Growth.FINISHED
        assert b"".join([piece async for piece in pieces]) == b""


async def test_following_stops_when_the_client_leaves(site: Site, served: Served, tmp_path: Path) -> None:
    stopped = threading.Event()

    class Endless:
        async def stream(self) -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield b"moof"
                    await asyncio.sleep(0.01)
            finally:
                stopped.set()

    site.source.growing["video.mp4"] = Endless()
    url = site.link("video.mp4").replace("http://files.test", served.address)
    async with httpx2.AsyncClient(timeout=20) as client:
        async with client.stream("GET", url) as answer:
            assert await anext(answer.aiter_bytes())
    assert await asyncio.to_thread(stopped.wait, 20)


async def test_a_video_that_fails_under_way_ends_in_a_broken_body_not_in_a_short_good_one(
    site: Site, served: Served
) -> None:
    class Failing:
        async def stream(self) -> AsyncGenerator[bytes]:
            yield b"moov"
            raise MediaError("The file could not be made.", code="render_failed")

    site.source.growing["video.mp4"] = Failing()
    url = site.link("video.mp4").replace("http://files.test", served.address)
    async with httpx2.AsyncClient(timeout=20) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(url)


async def test_a_video_that_never_starts_is_an_error_with_a_status(site: Site, client: httpx2.AsyncClient) -> None:
    class Dead:
        async def stream(self) -> AsyncGenerator[bytes]:
            raise MediaError("The file could not be made.", code="render_failed")
            yield b""

    site.source.growing["video.mp4"] = Dead()
    answer = await client.get(site.link("video.mp4"))
    assert (answer.status_code, answer.json()["code"]) == (500, "FST_ERR_INTERNAL")
