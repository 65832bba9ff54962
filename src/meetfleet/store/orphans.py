"""Postmasters whose owner died: found by their working directory, stopped before a new one starts on the same data."""

import contextlib
import signal
import time
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger()


def retire_predecessor(cluster: Path, patience_s: float) -> None:
    """Stops a postmaster whose owner died, and waits for its sessions to go.

    The caller holds the folder's lock, so no living owner can be meant. Without the wait, a new server would refuse to
    start ("pre-existing shared memory block is still in use"), or worse, two would write.
    """
    pid_file = cluster / "postmaster.pid"
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        processes = _processes_of(cluster)
        if not processes:
            break
        log.warning("orphaned_database_stopped", processes=len(processes), signal=number.name)
        postmaster = _pid_in(pid_file)
        for process in processes:
            if number is signal.SIGKILL or process.pid == postmaster:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        # Looked for anew instead of awaited: an orphan that nobody reaps keeps its pid for ever.
        deadline = time.monotonic() + patience_s
        while _processes_of(cluster) and time.monotonic() < deadline:
            time.sleep(0.05)


def _processes_of(cluster: Path) -> list[psutil.Process]:
    """PostgreSQL processes of this data folder: each has it as its working directory."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "postgres" in process.name() and process.cwd() == str(cluster):
                found.append(process)
    return found


def _pid_in(pid_file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(pid_file.read_text().splitlines()[0])
    return None
