"""Bot processes kept ready: Python loaded, browser up, waiting on their standard input for a meeting."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

_MAX_BACKOFF_S = 60.0
_CHECK_S = 0.5


@dataclass(slots=True)
class Spare:
    """A waiting process. It ends by itself when its standard input closes, which happens when we die."""

    process: "subprocess.Popen[bytes]"
    log_file: Path


class WarmSpares:
    """Keeps `count` spares; a used or dead one is replaced, one at a time.

    Args:
        command: Starts a process that reads the path of a spec file from its standard input.
        folder: Where spares write their logs until they belong to a bot.
        settle_s: Rest after a spare was used, so that its successor does not slow the starting bot down.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        count: int,
        settle_s: float = 5.0,
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._environ = dict(environ)
        self._count = count
        self._settle_s = settle_s
        self._ready: list[Spare] = []
        self._numbers = itertools.count(1)
        self._used = asyncio.Event()

    async def run(self) -> None:
        """Keeps the spares until cancelled, then ends them."""
        failures = 0
        try:
            while True:
                dead = self._drop_dead()
                failures = failures + 1 if dead else failures
                if dead:
                    log.warning("spare_died", failures=failures)
                    await asyncio.sleep(min(_MAX_BACKOFF_S, 2.0**failures))
                elif len(self._ready) < self._count:
                    self._ready.append(self._start())
                if self._used.is_set():
                    self._used.clear()
                    failures = 0
                    await asyncio.sleep(self._settle_s)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._used.wait(), _CHECK_S)
                        continue
        finally:
            for spare in self._ready:
                _end(spare)
            self._ready.clear()

    def hand_over(self, spec_file: Path, log_file: Path) -> "subprocess.Popen[bytes] | None":
        """Gives a meeting to the oldest spare; its log moves to the bot. None if there is no living one."""
        while self._ready:
            spare = self._ready.pop(0)
            self._used.set()
            assert spare.process.stdin is not None
            try:
                if spare.process.poll() is None:
                    spare.log_file.replace(log_file)
                    spare.process.stdin.write(f"{spec_file}\n".encode())
                    spare.process.stdin.close()
                    return spare.process
            except OSError as error:
                log.warning("spare_lost", error=str(error))
            _end(spare)
        return None

    def _start(self) -> Spare:
        self._folder.mkdir(parents=True, exist_ok=True)
        log_file = self._folder / f"spare-{next(self._numbers)}.log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=self._environ,
                start_new_session=True,
            )
        return Spare(process, log_file)

    def _drop_dead(self) -> int:
        dead = [spare for spare in self._ready if spare.process.poll() is not None]
        for spare in dead:
            self._ready.remove(spare)
            _end(spare)
        return len(dead)


def _end(spare: Spare) -> None:
    """Ends a spare with all it started."""
    with contextlib.suppress(OSError):
        os.killpg(spare.process.pid, signal.SIGKILL)
    if spare.process.stdin is not None:
        with contextlib.suppress(OSError):
            spare.process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        spare.process.wait(2)
    spare.log_file.unlink(missing_ok=True)
