"""A bot process that may outlive us: its end is noticed at once, whether we started it or an earlier server did."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from meetfleet.fleet.launcher import RunnerState, RunnerStatus

_POLL_S = 1.0


class WatchedProcess:
    """One process, which leads its own session and group.

    Args:
        pid: The process.
        child: The handle if it is a child of ours; only then is its exit code known.
        out_of_memory: Says, once it has ended by force, whether want of memory was the cause.
    """

    def __init__(self, pid: int, child: "subprocess.Popen[bytes] | None", out_of_memory: Callable[[], bool]) -> None:
        self.pid = pid
        self._child = child
        self._out_of_memory = out_of_memory
        self._ended = asyncio.Event()
        self.status = RunnerStatus(RunnerState.ALIVE)

    async def watch(self) -> RunnerStatus:
        """Returns when the process has ended, and what it left in its group is gone."""
        await self._until_gone()
        self._end_group()
        self.status = self._final_status()
        self._ended.set()
        return self.status

    async def ended(self, within_s: float) -> bool:
        """Waits for the end. `watch` must be running."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), within_s)
        return self._ended.is_set()

    async def stop(self, grace_s: float) -> None:
        """Asks, waits, then ends the whole group. `watch` must be running."""
        if self._ended.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        if not await self.ended(grace_s):
            self._end_group()
            await self.ended(10)

    async def _until_gone(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        except (OSError, AttributeError):
            await self._poll()
            return
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    async def _poll(self) -> None:
        """Where the kernel has no process descriptors."""
        while self._child.poll() is None if self._child else start_time(self.pid) is not None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)

    def _end_group(self) -> None:
        """Ends what the process started. Before it is reaped its number, and so its group's, cannot be given anew."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _final_status(self) -> RunnerStatus:
        code = self._child.poll() if self._child else None
        if code is None:
            return RunnerStatus(RunnerState.GONE)
        if code < 0:
            killed = -code == signal.SIGKILL
            return RunnerStatus(RunnerState.EXITED, None, -code, killed and self._out_of_memory())
        return RunnerStatus(RunnerState.EXITED, code)


def start_time(pid: int) -> float | None:
    """When a living process started, in the kernel's own count, which no clock step changes; None if there is none.

    A zombie counts as none.
    """
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            # The second field may hold anything in parentheses; state is the 3rd field, start time the 22nd.
            values = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if values[0] in "ZX" else float(values[19])
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_same(pid: int, started_at: float) -> bool:
    """Whether the process of this number is still the one that started then."""
    return start_time(pid) == started_at
