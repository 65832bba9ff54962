"""The bot's end of the link, against a control plane that fails in every way it can."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meetfleet.bot.backoff import Backoff
from meetfleet.bot.http_connection import HttpConnection, LinkDown
from meetfleet.bot.link import Link
from meetfleet.bot.shipper import Shipper
from meetfleet.bot.spool import Spool
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.link import Command, CommandType, EventType
from meetfleet.tape.segment import SealedSegment
from meetfleet.testing.link import FakeControlPlane, fake_control_plane


@pytest.fixture(autouse=True)
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "failed", lambda self: 0.02)


@pytest.fixture
async def control() -> AsyncIterator[FakeControlPlane]:
    async with fake_control_plane() as control:
        yield control


@asynccontextmanager
async def running(*works: Callable[[], object]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work()) for work in works]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def make_link(control: FakeControlPlane, folder: Path, orders: list[Command] | None = None) -> Link:
    return Link(
        link_url=control.url,
        bot_id="b1",
        take=1,
        token="secret",
        spool=Spool(folder),
        clock=SystemClock(),
        on_command=(orders if orders is not None else []).append,
    )


def tell(link: Link, *texts: str) -> None:
    for text in texts:
        link.tell(EventType.LOG, {"level": "info", "text": text})


def texts(control: FakeControlPlane) -> list[str]:
    return [data["text"] for data in control.of("log")]


async def test_reports_arrive_numbered_and_in_order(control: FakeControlPlane, tmp_path: Path) -> None:
    link = make_link(control, tmp_path)
    tell(link, "a", "b")
    async with running(link.run):
        tell(link, "c")
        assert await link.drain(5)
    assert list(control.events) == [1, 2, 3]
    assert texts(control) == ["a", "b", "c"]


async def test_what_happens_together_travels_together(control: FakeControlPlane, tmp_path: Path) -> None:
    link = make_link(control, tmp_path)
    async with running(link.run):
        tell(link, *map(str, range(50)))
        assert await link.drain(5)
    assert sum(r.startswith("POST") for r in control.requests) == 1


async def test_an_absent_control_plane_catches_up_later(control: FakeControlPlane, tmp_path: Path) -> None:
    control.refuse = 503
    link = make_link(control, tmp_path)
    async with running(link.run):
        tell(link, "while away")
        assert not await link.drain(0.2)
        control.refuse = None
        assert await link.drain(5)
    assert texts(control) == ["while away"]


async def test_a_lost_answer_leads_to_a_repeat_that_changes_nothing(control: FakeControlPlane, tmp_path: Path) -> None:
    control.lose_answers = 1
    link = make_link(control, tmp_path)
    async with running(link.run):
        tell(link, "once")
        assert await link.drain(5)
    assert texts(control) == ["once"]
    assert sum(r.startswith("POST") for r in control.requests) == 2


async def test_a_bot_that_restarts_goes_on_counting_and_sends_what_was_left(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    first = make_link(control, tmp_path)
    async with running(first.run):
        tell(first, "one")
        assert await first.drain(5)
    tell(first, "two")
    with (tmp_path / "events.jsonl").open("a") as half_a_line:
        half_a_line.write('{"n": 3, "at_')
    second = make_link(control, tmp_path)
    tell(second, "three")
    async with running(second.run):
        assert await second.drain(5)
    assert texts(control) == ["one", "two", "three"]


async def test_orders_are_obeyed_once_and_in_order(control: FakeControlPlane, tmp_path: Path) -> None:
    orders: list[Command] = []
    link = make_link(control, tmp_path, orders)
    control.order(seq=2, type="resume")
    control.order(seq=1, type="pause")
    async with running(link.run):
        await control.until(lambda: len(orders) == 2)
        control.order(seq=3, type="chat", data={"text": "hi"})
        await control.until(lambda: len(orders) == 3)
    assert [(c.seq, c.type) for c in orders] == [
        (1, CommandType.PAUSE),
        (2, CommandType.RESUME),
        (3, CommandType.CHAT),
    ]
    assert orders[2].data == {"text": "hi"}


async def test_an_unreadable_order_is_skipped_over(control: FakeControlPlane, tmp_path: Path) -> None:
    orders: list[Command] = []
    link = make_link(control, tmp_path, orders)
    control.orders = [{"seq": 1, "type": "dance"}]
    async with running(link.run):
        await control.until(lambda: sum(r.startswith("GET") for r in control.requests) >= 2)
        control.orders = []
        control.order(seq=2, type="leave")
        await control.until(lambda: bool(orders))
    assert [c.seq for c in orders] == [2]


async def test_requests_share_a_connection_until_it_breaks(control: FakeControlPlane) -> None:
    connection = HttpConnection(control.url, {"Authorization": "Bearer secret"})
    for _ in range(3):
        assert (await connection.request("GET", "/bots/b/commands?after=-1&wait_s=0", timeout_s=10)).status == 200
        control.orders = [{"seq": 0, "type": "leave"}]
    assert control.connections == 1
    control.hang_up = 1
    assert (await connection.request("GET", "/bots/b/commands?after=-1&wait_s=0", timeout_s=10)).status == 200
    assert control.connections == 2
    await connection.close()


async def test_a_server_that_closes_after_each_answer_is_served_too(control: FakeControlPlane) -> None:
    control.close_each = True
    control.orders = [{"seq": 0, "type": "leave"}]
    connection = HttpConnection(control.url, {"Authorization": "Bearer secret"})
    for _ in range(2):
        assert (await connection.request("GET", "/x?after=-1&", timeout_s=5)).is_success
    await connection.close()


async def test_nobody_listening_is_a_typed_error() -> None:
    connection = HttpConnection("http://127.0.0.1:9", {})
    with pytest.raises(LinkDown):
        await connection.request("GET", "/", timeout_s=2)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nT: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world",
    ],
    ids=["chunked", "after an interim answer", "until the connection closes"],
)
async def test_answers_are_read_in_every_framing(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = HttpConnection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {})
    assert (await connection.request("GET", "/", timeout_s=5)).body == b"hello world"
    await connection.close()
    server.close()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_an_answer_that_is_no_http_is_a_typed_error(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = HttpConnection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {})
    with pytest.raises(LinkDown):
        await connection.request("GET", "/", timeout_s=5)
    server.close()


def segment(folder: Path, name: str, body: bytes) -> SealedSegment:
    (folder / name).write_bytes(body)
    return SealedSegment(folder / name, name, len(body), hashlib.sha256(body).hexdigest(), 1, 2)


async def test_segments_are_carried_again_until_they_arrive(control: FakeControlPlane, tmp_path: Path) -> None:
    shipper = Shipper(link_url=control.url, bot_id="b1", token="secret")
    control.refuse = 500
    async with running(shipper.run):
        shipper.add(segment(tmp_path, "t01-000001.mcap", b"one"))
        shipper.add(segment(tmp_path, "t01-000002.mcap", b"two"))
        assert not await shipper.drain(0.2)
        control.refuse = None
        assert await shipper.drain(5)
    assert control.segments == {"t01-000001.mcap": b"one", "t01-000002.mcap": b"two"}


async def test_a_segment_that_is_refused_does_not_hold_up_the_others(control: FakeControlPlane, tmp_path: Path) -> None:
    shipper = Shipper(link_url=control.url, bot_id="b1", token="secret")
    control.refuse_segments = {"t01-000001.mcap"}
    async with running(shipper.run):
        shipper.add(segment(tmp_path, "t01-000001.mcap", b"one"))
        shipper.add(segment(tmp_path, "t01-000002.mcap", b"two"))
        assert not await shipper.drain(0.3)
    assert "t01-000002.mcap" in control.segments
    assert shipper.waiting == 1


def test_a_full_disk_does_not_stop_reports(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with contextlib.suppress(OSError):
        spool._file.close()
    spool._file = open("/dev/full", "a")  # noqa: SIM115
    assert spool.append(EventType.LOG, {"level": "x", "text": "y"}, 1).n == 1
    assert [e.n for e in spool.batch(10)] == [1]
    with contextlib.suppress(OSError):
        spool.close()


def test_waits_between_tries_grow_to_a_cap_and_start_small_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    backoff = Backoff(first_s=1, most_s=8)
    waits = [backoff.failed() for _ in range(6)]
    for wait, bound in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert bound / 2 <= wait <= bound
    backoff.succeeded()
    assert backoff.failed() <= 1
