"""A real server whose bots are never started: the launcher says yes to everything and does nothing.

Run as `python -m bench.stub_server`; prints the ready line of `meetfleet server --json`.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from meetfleet.app import App
from meetfleet.domain.link import BotSpec
from meetfleet.fleet.launcher import RunnerHandle, RunnerState, RunnerStatus
from meetfleet.serve import serve
from meetfleet.settings import Settings

ALIVE = RunnerStatus(RunnerState.ALIVE)


class StubLauncher:
    """A `Launcher` of bots that sit still."""

    owner = "stub"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def work_dir(self, bot_id: str, take: int) -> Path:
        return self._folder / bot_id / str(take)

    async def start(self, spec: BotSpec) -> RunnerHandle:
        return RunnerHandle("stub", 1, time.time(), spec.work_dir)

    async def adopt(self, handle: RunnerHandle) -> RunnerStatus:
        return ALIVE

    def status(self, handle: RunnerHandle) -> RunnerStatus:
        return ALIVE

    def handle_left_in(self, work_dir: Path) -> RunnerHandle | None:
        return None

    async def ended(self, handle: RunnerHandle, *, within_s: float) -> bool:
        return False

    async def stop(self, handle: RunnerHandle, *, grace_s: float) -> None: ...

    async def run(self) -> None:
        await asyncio.Event().wait()


class StubbedApp(App):
    def _launcher(self) -> Any:
        return StubLauncher(self.settings.work_dir)


if __name__ == "__main__":
    sys.exit(serve(Settings.from_environ(), json_ready=True, build=StubbedApp))
