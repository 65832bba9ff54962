"""The process launcher against real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from meetfleet.domain.errors import RunnerError
from meetfleet.domain.link import BotSpec, BrowserSpec
from meetfleet.fleet.launcher import RunnerHandle, RunnerState, RunnerStatus
from meetfleet.fleet.process import LOG_NAME, ProcessLauncher
from meetfleet.fleet.watched_process import is_same, start_time

# Stands for a bot: prints what it was given, then does what its name says.
PROGRAM = """
    import os, pathlib, signal, subprocess, sys, time
    warm = sys.argv[1] == "--warm"
    path = pathlib.Path(sys.stdin.readline().strip() if warm else sys.argv[2])
    if not path.name:
        sys.exit(0)
    text = path.read_text()
    print("mode", oct(path.stat().st_mode & 0o777), "warm" if warm else "cold", os.environ.get("SECRET"), flush=True)
    path.unlink()
    if '"bot_name": "stubborn"' in text:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path.with_name("ready").write_text(str(child.pid))
    while '"bot_name": "brief"' not in text:
        time.sleep(0.05)
    sys.exit(7)
"""


class Fleet:
    """A launcher and what it was told about ends."""

    def __init__(self, folder: Path, *, spares: int = 0) -> None:
        program = folder / "program.py"
        program.write_text(textwrap.dedent(PROGRAM))
        self.ends: dict[str, RunnerStatus] = {}
        self.launcher = ProcessLauncher(
            folder / "work",
            {"PATH": os.environ["PATH"]},
            self._ended,
            browser=BrowserSpec(),
            warm_spares=spares,
            command=[sys.executable, "-S", str(program)],
        )
        self.handles: list[RunnerHandle] = []

    async def _ended(self, handle: RunnerHandle, status: RunnerStatus) -> None:
        self.ends[handle.work_dir] = status

    async def start(
        self, name: str = "patient", bot_id: str = "b1", browser: BrowserSpec | None = None
    ) -> RunnerHandle:
        spec = BotSpec(
            bot_id=bot_id,
            take=1,
            token="secret",
            link_url="http://127.0.0.1:1",
            work_dir=str(self.launcher.work_dir(bot_id, 1)),
            meeting_url="https://meet.google.com/abc-defg-hij",
            platform="google_meet",
            bot_name=name,
            browser=browser or BrowserSpec(),
        )
        handle = await self.launcher.start(spec)
        self.handles.append(handle)
        return handle

    def child_of(self, handle: RunnerHandle) -> int:
        return int((Path(handle.work_dir) / "ready").read_text())


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncGenerator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    for handle in fleet.handles:
        await fleet.launcher.stop(handle, grace_s=0)


async def until(true: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


async def ready(handle: RunnerHandle) -> None:
    await until(lambda: (Path(handle.work_dir) / "ready").exists() and bool(_ready_text(handle)))


def _ready_text(handle: RunnerHandle) -> str:
    return (Path(handle.work_dir) / "ready").read_text()


async def test_a_bot_gets_its_spec_in_a_private_file_and_nothing_of_our_environment(fleet: Fleet):
    handle = await fleet.start()
    await ready(handle)
    assert "mode 0o600 cold None" in (Path(handle.work_dir) / LOG_NAME).read_text()
    assert not (Path(handle.work_dir) / "spec.json").exists()
    assert os.getsid(handle.pid) == handle.pid != os.getsid(0)
    assert fleet.launcher.status(handle).state is RunnerState.ALIVE


async def test_an_end_is_noticed_with_its_exit_code_and_takes_the_children_along(fleet: Fleet):
    handle = await fleet.start("brief")
    await until(lambda: handle.work_dir in fleet.ends)
    assert fleet.ends[handle.work_dir] == RunnerStatus(RunnerState.EXITED, exit_code=7)
    await until(lambda: start_time(fleet.child_of(handle)) is None)


async def test_a_kill_is_told_from_a_crash(fleet: Fleet):
    handle = await fleet.start()
    await ready(handle)
    os.kill(handle.pid, signal.SIGKILL)
    assert await fleet.launcher.ended(handle, within_s=10)
    assert fleet.launcher.status(handle) == RunnerStatus(RunnerState.EXITED, exit_signal=signal.SIGKILL)


async def test_who_does_not_go_when_asked_is_made_to(fleet: Fleet):
    polite, stubborn = await fleet.start(bot_id="b1"), await fleet.start("stubborn", bot_id="b2")
    for handle in (polite, stubborn):
        await ready(handle)
        await fleet.launcher.stop(handle, grace_s=0.3)
    assert fleet.launcher.status(polite).exit_signal == signal.SIGTERM
    assert fleet.launcher.status(stubborn).exit_signal == signal.SIGKILL
    await fleet.launcher.stop(stubborn, grace_s=0.3)


async def test_a_process_of_an_earlier_server_is_adopted_and_its_end_noticed(fleet: Fleet, tmp_path: Path):
    handle = await fleet.start()
    await ready(handle)
    later = Fleet(tmp_path)
    found = later.launcher.handle_left_in(Path(handle.work_dir))
    assert found == RunnerHandle.from_dict(handle.to_dict()) == handle
    assert (await later.launcher.adopt(found)).state is RunnerState.ALIVE
    assert not await later.launcher.ended(found, within_s=0.1)
    os.kill(handle.pid, signal.SIGKILL)
    await until(lambda: handle.work_dir in later.ends)
    assert later.ends[handle.work_dir].state in (RunnerState.GONE, RunnerState.EXITED)


async def test_a_number_that_was_given_to_another_process_is_not_taken_for_the_bot(fleet: Fleet):
    handle = await fleet.start()
    stranger = RunnerHandle(handle.host, os.getpid(), handle.started_at, handle.work_dir)
    assert fleet.launcher.status(stranger).state is RunnerState.GONE
    await fleet.launcher.stop(stranger, grace_s=0)
    assert is_same(os.getpid(), start_time(os.getpid()) or 0)
    elsewhere = RunnerHandle("another-host", handle.pid, handle.started_at, handle.work_dir)
    assert fleet.launcher.status(elsewhere).state is RunnerState.FOREIGN


async def test_a_machine_that_cannot_start_a_process_says_so(tmp_path: Path):
    fleet = Fleet(tmp_path)
    (tmp_path / "work").write_text("a file where a folder should be")
    with pytest.raises(RunnerError):
        await fleet.start()


async def test_a_spare_becomes_the_bot_and_is_replaced(tmp_path: Path):
    fleet = Fleet(tmp_path, spares=1)
    keeping = asyncio.create_task(fleet.launcher.run())
    await until(lambda: len(spares(tmp_path)) == 1)
    handle = await fleet.start()
    await ready(handle)
    assert "warm" in (Path(handle.work_dir) / LOG_NAME).read_text()
    await until(lambda: len(spares(tmp_path)) == 1, within_s=30)
    await cancelled(keeping)
    assert spares(tmp_path) == []
    assert fleet.launcher.status(handle).state is RunnerState.ALIVE
    await fleet.launcher.stop(handle, grace_s=0)


async def test_a_spare_is_kept_for_bots_whose_browser_it_has(tmp_path: Path):
    fleet = Fleet(tmp_path, spares=1)
    keeping = asyncio.create_task(fleet.launcher.run())
    await until(lambda: len(spares(tmp_path)) == 1)
    kept = spares(tmp_path)
    handle = await fleet.start(browser=BrowserSpec(extra_args=("--host-resolver-rules=MAP * ~NOTFOUND",)))
    await ready(handle)
    assert "cold" in (Path(handle.work_dir) / LOG_NAME).read_text()
    assert spares(tmp_path) == kept
    await fleet.launcher.stop(handle, grace_s=0)
    await cancelled(keeping)


async def test_a_dead_spare_is_passed_over(tmp_path: Path):
    fleet = Fleet(tmp_path, spares=1)
    keeping = asyncio.create_task(fleet.launcher.run())
    await until(lambda: len(spares(tmp_path)) == 1)
    spare = fleet.launcher._spares._ready[0].process
    os.kill(spare.pid, signal.SIGKILL)
    await until(lambda: spare.poll() is not None)
    handle = await fleet.start()
    await ready(handle)
    assert "cold" in (Path(handle.work_dir) / LOG_NAME).read_text()
    await fleet.launcher.stop(handle, grace_s=0)
    await cancelled(keeping)


def test_a_bot_outlives_its_server_and_a_spare_does_not(tmp_path: Path):
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_fleet_process import Fleet, ready
        async def main():
            fleet = Fleet(Path({str(tmp_path)!r}), spares=1)
            keeping = asyncio.create_task(fleet.launcher.run())
            while not fleet.launcher._spares._ready:
                await asyncio.sleep(0.02)
            first = await fleet.start()
            await ready(first)
            while not fleet.launcher._spares._ready:
                await asyncio.sleep(0.02)
            print("pids", first.pid, fleet.launcher._spares._ready[0].process.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
        """
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pids = next(line for line in server.stdout if line.startswith("pids"))
    bot, spare = (int(word) for word in pids.split()[1:])
    server.kill()
    server.wait()
    deadline = time.monotonic() + 20
    while start_time(spare) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert start_time(spare) is None
    assert start_time(bot) is not None
    os.killpg(bot, signal.SIGKILL)


async def test_a_log_that_grew_too_large_keeps_its_end(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("meetfleet.fleet.process._LOG_CHECK_S", 0.05)
    monkeypatch.setattr("meetfleet.fleet.process.LOG_MAX_BYTES", 5_000_000)
    handle = await fleet.start()
    await ready(handle)
    file = Path(handle.work_dir) / LOG_NAME
    with file.open("ab") as log:
        log.write(b"x" * 6_000_000 + b"the end")
    keeping = asyncio.create_task(fleet.launcher.run())
    await until(lambda: file.stat().st_size == 0)
    kept = file.with_suffix(".log.1").read_bytes()
    assert kept.endswith(b"the end")
    assert len(kept) <= 1_000_000
    await cancelled(keeping)


def spares(folder: Path) -> list[Path]:
    return sorted((folder / "work" / "spares").glob("*.log"))


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
