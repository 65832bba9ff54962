"""The ways from page to bot: what was sent on a way that breaks comes on the next one, and the last words are heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from loopback_meeting import Meeting, meeting_with_probe, synthesise, until

from meetfleet.browser.probe.server import ProbeServer

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise(tmp_path_factory.mktemp("speech"))


class FragileServer(ProbeServer):
    """Reached over a line of ours, which can tear, losing what is on it, and can be taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._line: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._line_port = 9  # nobody listens there

    async def lay(self) -> None:
        await self.start()
        self._line = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._line_port = self._line.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Every connection breaks now; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    def remove(self) -> None:
        """And no new ones."""
        assert self._line
        self._line.close()
        self.cut()

    @property
    def port(self) -> int:
        return self._line_port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", super().port)
        self._writers |= {writer, far_writer}
        with suppress(ConnectionError):
            await asyncio.gather(_pump(reader, far_writer, delay_s=0.05), _pump(far_reader, writer))
        self._writers -= {writer, far_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float = 0) -> None:
    while data := await reader.read(65536):
        await asyncio.sleep(delay_s)
        writer.write(data)
    writer.close()


@asynccontextmanager
async def meeting_on(server: FragileServer, speech: Path) -> AsyncIterator[Meeting]:
    async with meeting_with_probe(speech, server=server) as meeting:
        yield meeting
    await server.close()


async def test_no_packet_is_lost_and_none_comes_twice_when_sockets_break(speech: Path) -> None:
    server = FragileServer()
    await server.lay()
    async with meeting_on(server, speech) as meeting:
        await meeting.start(audio=1, video=2)
        await meeting.speak()
        for _ in range(4):
            await asyncio.sleep(0.9)
            server.cut()
        await until(lambda: meeting.probe.health().connected)
        await proves_all(meeting)


async def test_no_packet_is_lost_when_sockets_are_forbidden_in_mid_call(speech: Path) -> None:
    server = FragileServer()
    await server.lay()
    async with meeting_on(server, speech) as meeting:
        await meeting.start(audio=1, video=2)
        await meeting.speak()
        await asyncio.sleep(2)
        server.remove()
        await until(lambda: not meeting.probe.health().connected)
        await until(lambda: meeting.probe.health().connected)  # through the debugger
        await asyncio.sleep(1)
        await proves_all(meeting)


async def test_a_page_without_any_socket_reports_through_the_debugger(speech: Path) -> None:
    async with meeting_on(FragileServer(), speech) as meeting:
        await meeting.start(audio=1, video=1)
        await meeting.speak()
        await until(lambda: meeting.probe.health().connected)
        await asyncio.sleep(2)
        await proves_all(meeting)


async def proves_all(meeting: Meeting) -> None:
    lost = await meeting.page.evaluate("meeting.lost()")
    sent = await meeting.hang_up()
    await meeting.probe.close()
    taped = meeting.sink.media()
    assert len(sent) > 100
    assert len(sent - taped) <= lost
    assert max(taped.values()) == 1
    assert meeting.probe.health().dropped == 0


async def test_closing_the_probe_takes_what_the_page_still_holds(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode="observe", audio=1, video=2)
        await until(lambda: len(meeting.sink.media()) > 60)
        seen = await meeting.page.evaluate("meeting.pageFrames")
        await meeting.probe.close()
        assert len(list(meeting.sink.media().elements())) >= seen


async def test_a_page_that_is_left_hands_over_what_it_still_holds(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode="observe", audio=1, video=2)
        await until(lambda: len(meeting.sink.media()) > 60)
        await meeting.page.evaluate("() => addEventListener('pagehide', () => localStorage.seen = meeting.pageFrames)")
        await meeting.page.goto(meeting.origin, wait_until="load")
        seen = int(await meeting.page.evaluate("localStorage.seen"))
        await asyncio.sleep(0.3)
        assert len(list(meeting.sink.media().elements())) >= seen
