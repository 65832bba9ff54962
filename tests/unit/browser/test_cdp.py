import asyncio
import json
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.browser.cdp import BrowserGone, Cdp, CdpRefused, CdpTimeout, NulFramer, TargetGone


class FakeBrowser:
    """The other end of the two pipes."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd

    async def receive(self) -> dict:
        data = b""
        while not data.endswith(b"\0"):
            data += await asyncio.to_thread(os.read, self.read_fd, 1)
        return json.loads(data[:-1])

    def say(self, **message: object) -> None:
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")

    def die(self) -> None:
        os.close(self.write_fd)
        os.close(self.read_fd)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Cdp, FakeBrowser]]:
    ours_read, theirs_write = os.pipe()
    theirs_read, ours_write = os.pipe()
    cdp = await Cdp.connect(ours_read, ours_write)
    yield cdp, FakeBrowser(theirs_read, theirs_write)
    cdp.close()


@given(st.lists(st.binary(min_size=1).map(lambda b: b.replace(b"\0", b"")).filter(bool)), st.data())
def test_messages_survive_any_cutting_of_the_stream(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(m + b"\0" for m in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    framer = NulFramer()
    received: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += framer.feed(stream[start:end])
    assert received == messages


async def test_an_answer_reaches_its_caller_whatever_the_order(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    first = asyncio.ensure_future(cdp.browser.send("A.one", x=1, y=None))
    second = asyncio.ensure_future(cdp.session("S").send("A.two"))
    sent_first, sent_second = await browser.receive(), await browser.receive()
    assert sent_first["params"] == {"x": 1}
    assert "sessionId" not in sent_first
    assert sent_second["sessionId"] == "S"
    browser.say(id=sent_second["id"], result={"n": 2}, sessionId="S")
    browser.say(id=sent_first["id"], result={"n": 1})
    assert await first == {"n": 1}
    assert await second == {"n": 2}


async def test_a_refusal_names_the_method_and_the_reason(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    call = asyncio.ensure_future(cdp.browser.send("A.bad"))
    sent = await browser.receive()
    browser.say(id=sent["id"], error={"code": -32601, "message": "not found"})
    with pytest.raises(CdpRefused, match=r"A\.bad: not found"):
        await call


async def test_a_silent_browser_is_a_timeout_and_its_late_answer_is_ignored(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    with pytest.raises(CdpTimeout):
        await cdp.browser.send("A.slow", timeout_s=0.01)
    sent = await browser.receive()
    browser.say(id=sent["id"], result={})
    call = asyncio.ensure_future(cdp.browser.send("A.next"))
    sent = await browser.receive()
    browser.say(id=sent["id"], result={"ok": True})
    assert await call == {"ok": True}


async def test_a_dead_browser_fails_every_waiting_call_and_is_told_once(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    told: list[str] = []
    cdp.on_gone(lambda: told.append("gone"))
    calls = [asyncio.ensure_future(cdp.session("S").send("A.x")) for _ in range(3)]
    await browser.receive()
    browser.die()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(r) for r in results] == [BrowserGone] * 3
    assert told == ["gone"]
    with pytest.raises(BrowserGone):
        await cdp.browser.send("A.y")


async def test_closing_by_ourselves_is_no_death(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, _ = pair
    told: list[str] = []
    cdp.on_gone(lambda: told.append("gone"))
    cdp.close()
    assert told == []
    assert cdp.is_gone


async def test_events_go_to_the_session_they_name_until_the_handler_is_removed(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    seen: asyncio.Queue[object] = asyncio.Queue()
    undo = cdp.session("S").on("Page.x", lambda p: seen.put_nowait(p["n"]))
    cdp.browser.on("Page.x", lambda p: seen.put_nowait("wrong session"))
    browser.say(method="Page.x", params={"n": 1}, sessionId="S")
    assert await seen.get() == 1
    undo()
    cdp.session("S").on("Page.y", lambda _: seen.put_nowait("y"))
    browser.say(method="Page.x", params={"n": 2}, sessionId="S")
    browser.say(method="Page.y", params={}, sessionId="S")
    assert await seen.get() == "y"


async def test_a_failing_handler_does_not_stop_the_others(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    seen: asyncio.Queue[str] = asyncio.Queue()
    cdp.browser.on("Page.x", lambda p: p["missing"])
    cdp.browser.on("Page.x", lambda _: seen.put_nowait("second"))
    browser.say(method="Page.x", params={})
    assert await seen.get() == "second"


async def test_a_dropped_session_fails_its_calls_and_no_other(pair: tuple[Cdp, FakeBrowser]) -> None:
    cdp, browser = pair
    crashed, other = cdp.session("S"), cdp.session("T")
    lost = asyncio.ensure_future(crashed.send("A.x"))
    kept = asyncio.ensure_future(other.send("A.y"))
    await browser.receive()
    sent = await browser.receive()
    cdp.drop_session("S")
    with pytest.raises(TargetGone):
        await lost
    with pytest.raises(TargetGone):
        await crashed.send("A.z")
    browser.say(id=sent["id"], result={})
    assert await kept == {}
