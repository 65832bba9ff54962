"""A server without HTTP that sends scheduled bots for real, to a launcher that only writes down whom it started.

Run as `python -m bench.schedule_server FOLDER`: servers that are given one folder share it as one machine's would.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.stub_server import StubLauncher
from meetfleet.app import App
from meetfleet.domain.link import BotSpec
from meetfleet.fleet.launcher import RunnerHandle
from meetfleet.logs import configure_logging
from meetfleet.settings import Settings

OWNER = "stub@bench"


class NotingLauncher(StubLauncher):
    """Notes each start twice: in a log for the benchmark, and beside the bot for servers that come after this one."""

    owner = OWNER

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / f"starts-{os.getpid()}.log").open("a", buffering=1)

    async def start(self, spec: BotSpec) -> RunnerHandle:
        started_at = time.time()
        os.makedirs(spec.work_dir)
        self._log.write(f"{spec.bot_id} {started_at:.6f}\n")
        return RunnerHandle("bench", os.getpid(), started_at, spec.work_dir)

    def handle_left_in(self, work_dir: Path) -> RunnerHandle | None:
        return RunnerHandle("bench", 1, work_dir.stat().st_mtime, str(work_dir)) if work_dir.exists() else None


class SchedulingApp(App):
    def _launcher(self) -> Any:
        return NotingLauncher(Path(sys.argv[1]))


async def _run() -> None:
    settings = Settings.from_environ()
    configure_logging(json_lines=False, level=settings.log_level)
    async with SchedulingApp(settings).running():
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run())
