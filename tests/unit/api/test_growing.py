"""Following a file that another process still writes."""

from pathlib import Path

import pytest

from meetfleet.api.growing import GrowingFile, Growth
from meetfleet.domain.errors import MediaError


class Script:
    """A clock whose every sleep plays the next act of the writer."""

    def __init__(self, path: Path, *acts: bytes | Growth) -> None:
        self.path = path
        self.acts = list(acts)
        self.state = Growth.UNDER_WAY
        self.seconds = 0.0

    def now_ns(self) -> int:
        return int(self.seconds * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        act = self.acts.pop(0) if self.acts else None
        if isinstance(act, bytes):
            with self.path.open("ab") as file:
                file.write(act)
        elif isinstance(act, Growth):
            self.state = act

    async def growth(self) -> Growth:
        return self.state

    def file(self) -> GrowingFile:
        return GrowingFile(self.path, self.growth, self, poll_s=1, stall_s=5)


async def read(file: GrowingFile) -> bytes:
    return b"".join([piece async for piece in file.stream()])


async def test_all_that_is_written_arrives_in_order(tmp_path: Path) -> None:
    script = Script(tmp_path / "video.mp4", b"moov", b"moof1", b"moof2", Growth.FINISHED)
    assert await read(script.file()) == b"moovmoof1moof2"


async def test_what_was_written_in_the_last_moment_arrives_too(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"moov")
    script = Script(path)

    async def finishing() -> Growth:
        if script.state is Growth.UNDER_WAY:
            script.state = Growth.FINISHED
            with path.open("ab") as file:
                file.write(b"last")
        return script.state

    assert await read(GrowingFile(path, finishing, script)) == b"moovlast"


async def test_a_failed_file_breaks_off_after_what_there_is(tmp_path: Path) -> None:
    script = Script(tmp_path / "video.mp4", b"moov", Growth.FAILED)
    pieces = script.file().stream()
    assert await anext(pieces) == b"moov"
    with pytest.raises(MediaError, match="could not be made"):
        await anext(pieces)


async def test_waiting_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not grown"):
        await read(Script(tmp_path / "never.mp4").file())


async def test_slow_growth_is_no_stall(tmp_path: Path) -> None:
    quiet = [Growth.UNDER_WAY] * 4
    script = Script(tmp_path / "video.mp4", b"a", *quiet, b"b", *quiet, b"c", Growth.FINISHED)
    assert await read(script.file()) == b"abc"


async def test_a_file_that_is_moved_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"x" * 300_000)
    script = Script(path)
    pieces = script.file().stream()
    first = await anext(pieces)
    path.unlink()
    script.state = Growth.FINISHED
    assert len(first) + len(b"".join([piece async for piece in pieces])) == 300_000


async def test_a_file_that_is_gone_before_it_was_opened_was_moved(tmp_path: Path) -> None:
    script = Script(tmp_path / "video.mp4")
    script.state = Growth.FINISHED
    with pytest.raises(MediaError) as caught:
        await read(script.file())
    assert caught.value.code == "file_moved"
