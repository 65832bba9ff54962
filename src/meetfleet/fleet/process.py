"""Bots as child processes of the server, each in a session of its own: they outlive the server and are found again."""

import asyncio
import contextlib
import contextvars
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import structlog

from meetfleet.domain.errors import RunnerError
from meetfleet.domain.link import BotSpec, BrowserSpec
from meetfleet.fleet.host import host_name, oom_kills
from meetfleet.fleet.launcher import RunnerHandle, RunnerState, RunnerStatus
from meetfleet.fleet.spares import WarmSpares
from meetfleet.fleet.watched_process import WatchedProcess, is_same, start_time

BOT_COMMAND = (sys.executable, "-m", "meetfleet.bot")
LOG_NAME = "bot.log"
LOG_MAX_BYTES = 10_000_000
_LOG_KEPT_BYTES = 1_000_000
_LOG_CHECK_S = 30.0

log = structlog.get_logger()

OnExit = Callable[[RunnerHandle, RunnerStatus], Awaitable[None]]


class ProcessLauncher:
    """Starts bots on this machine.

    Args:
        folder: Work files; `bots/<bot_id>/take-<n>/` belongs to one process.
        environ: The environment of bots; holds no secret of the server.
        on_exit: Told when a process has ended. Must not raise.
        command: What to start; the arguments `--spec FILE` or `--warm --browser JSON` follow.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        on_exit: OnExit,
        *,
        browser: BrowserSpec,
        warm_spares: int = 1,
        command: Sequence[str] = BOT_COMMAND,
    ) -> None:
        self._folder = folder.resolve()
        self._environ = dict(environ)
        self._on_exit = on_exit
        self._command = list(command)
        self._processes: dict[int, tuple[RunnerHandle, WatchedProcess]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        warm = [*command, "--warm", "--browser", json.dumps(asdict(browser))]
        self._spare_browser = browser
        self._spares = WarmSpares(warm, self._folder / "spares", environ, count=warm_spares)

    @property
    def owner(self) -> str:
        return f"process@{host_name()}"

    def work_dir(self, bot_id: str, take: int) -> Path:
        return self._folder / "bots" / bot_id / f"take-{take}"

    async def run(self) -> None:
        """Keeps spares ready and logs small, until cancelled. Bots go on."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._spares.run())
            tasks.create_task(self._bound_logs())

    async def start(self, spec: BotSpec) -> RunnerHandle:
        work_dir = Path(spec.work_dir)
        try:
            spec_file = _write_private(work_dir / "spec.json", spec.to_json())
            # A spare whose browser was started otherwise would only have to start another one.
            fits = spec.browser == self._spare_browser
            spare = self._spares.hand_over(spec_file, work_dir / LOG_NAME) if fits else None
            child = spare or self._spawn(spec_file, work_dir)
        except OSError as error:
            raise RunnerError(f"The bot's process cannot be started: {error.strerror}.", code="spawn_failed") from error
        handle = RunnerHandle(host_name(), child.pid, start_time(child.pid) or 0.0, str(work_dir), oom_kills())
        # Found by the next server if this one dies before the handle is in the database.
        with contextlib.suppress(OSError):
            _write_private(work_dir / "runner.json", json.dumps(handle.to_dict()))
        self._watch(handle, child)
        log.info("bot_process_started", bot_id=spec.bot_id, take=spec.take, pid=child.pid)
        return handle

    async def adopt(self, handle: RunnerHandle) -> RunnerStatus:
        if self.status(handle).state is RunnerState.ALIVE and handle.pid not in self._processes:
            self._watch(handle, None)
        return self.status(handle)

    def handle_left_in(self, work_dir: Path) -> RunnerHandle | None:
        """The process that was started for this folder, as noted beside its files."""
        try:
            return RunnerHandle.from_dict(json.loads((work_dir / "runner.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def status(self, handle: RunnerHandle) -> RunnerStatus:
        if handle.host != host_name():
            return RunnerStatus(RunnerState.FOREIGN)
        known = self._processes.get(handle.pid)
        if known is not None and known[0].started_at == handle.started_at:
            return known[1].status
        alive = is_same(handle.pid, handle.started_at)
        return RunnerStatus(RunnerState.ALIVE if alive else RunnerState.GONE)

    async def ended(self, handle: RunnerHandle, *, within_s: float) -> bool:
        if (await self.adopt(handle)).state is RunnerState.ALIVE:
            return await self._processes[handle.pid][1].ended(within_s)
        return True

    async def stop(self, handle: RunnerHandle, *, grace_s: float) -> None:
        if (await self.adopt(handle)).state is RunnerState.ALIVE:
            await self._processes[handle.pid][1].stop(grace_s)

    def _spawn(self, spec_file: Path, work_dir: Path) -> "subprocess.Popen[bytes]":
        with (work_dir / LOG_NAME).open("ab") as output:
            return subprocess.Popen(
                [*self._command, "--spec", str(spec_file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=work_dir,
                env=self._environ,
                start_new_session=True,
            )

    def _watch(self, handle: RunnerHandle, child: "subprocess.Popen[bytes] | None") -> None:
        process = WatchedProcess(handle.pid, child, lambda: oom_kills() > handle.oom_kills)
        self._processes[handle.pid] = (handle, process)
        # A context of its own: it outlives the job that starts it, whose name must not stand in its logs.
        watcher = asyncio.create_task(self._await_end(handle, process), context=contextvars.Context())
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _await_end(self, handle: RunnerHandle, process: WatchedProcess) -> None:
        status = await process.watch()
        log.info("bot_process_ended", pid=handle.pid, code=status.exit_code, signal=status.exit_signal)
        await self._on_exit(handle, status)

    async def _bound_logs(self) -> None:
        """Keeps the last part of a log that grew too large; the bot goes on appending to the same file."""
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for handle, process in list(self._processes.values()):
                if process.status.state is RunnerState.ALIVE:
                    with contextlib.suppress(OSError):
                        _keep_tail(Path(handle.work_dir) / LOG_NAME)


def _write_private(file: Path, text: str) -> Path:
    """Writes a file that only we can read; the mode is there before the content is."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    return file


def _keep_tail(file: Path) -> None:
    if file.stat().st_size > LOG_MAX_BYTES:
        with file.open("rb") as source:
            source.seek(-_LOG_KEPT_BYTES, os.SEEK_END)
            file.with_suffix(".log.1").write_bytes(source.read())
        os.truncate(file, 0)
