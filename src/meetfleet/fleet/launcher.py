"""The seam to the places where bots run. A launcher starts and ends processes; it decides nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

from meetfleet.domain.link import BotSpec


@dataclass(frozen=True, slots=True)
class RunnerHandle:
    """One started bot process, found again after a restart of the server.

    Attributes:
        host: The machine it runs on.
        started_at: When it started, by the kernel's count; with `pid` it names one process for good.
        oom_kills: How many processes of this machine had been killed for want of memory by then.
    """

    host: str
    pid: int
    started_at: float
    work_dir: str
    oom_kills: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> Self | None:
        return cls(**raw) if raw else None


class RunnerState(StrEnum):
    """What can be said of a process.

    `gone` means that it ended while nobody watched; `foreign` that it runs, or ran, on another machine.
    """

    ALIVE = "alive"
    EXITED = "exited"
    GONE = "gone"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class RunnerStatus:
    """A process now.

    Attributes:
        exit_code: As a shell tells it but for signals, which stand in `exit_signal`.
        out_of_memory: Whether the kernel killed something for want of memory while it ran.
    """

    state: RunnerState
    exit_code: int | None = None
    exit_signal: int | None = None
    out_of_memory: bool = False


class Launcher(Protocol):
    """Starts bots in one kind of place."""

    @property
    def owner(self) -> str:
        """Written to `bots.lease_owner` of bots that are started here."""
        ...

    def work_dir(self, bot_id: str, take: int) -> Path:
        """Where a take keeps its files on this machine."""
        ...

    async def start(self, spec: BotSpec) -> RunnerHandle:
        """Starts one bot process. Raises RunnerError if the machine cannot."""
        ...

    async def adopt(self, handle: RunnerHandle) -> RunnerStatus:
        """Watches a process that an earlier server started, if it still runs."""
        ...

    def status(self, handle: RunnerHandle) -> RunnerStatus: ...

    def handle_left_in(self, work_dir: Path) -> RunnerHandle | None:
        """The process that was started for this folder, if a server died before it could note it in the database."""
        ...

    async def ended(self, handle: RunnerHandle, *, within_s: float) -> bool:
        """Waits for the process to end by itself; says whether it did."""
        ...

    async def stop(self, handle: RunnerHandle, *, grace_s: float) -> None:
        """Asks the process to end, then ends it and everything it started. Nothing happens if it is gone."""
        ...
