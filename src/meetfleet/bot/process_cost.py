"""What this bot costs: CPU time and proportional memory of its process tree, read from /proc (Linux).

psutil would do, at 6 MB per bot.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a process tree so far.

    Attributes:
        cpu_s: User and system time, of processes that have ended too as far as they were ever seen.
        memory_bytes: Proportional set size: pages shared with other processes count by their share.
    """

    cpu_s: float
    memory_bytes: int


@dataclass(slots=True)
class CostMeter:
    """Reads the tree below `pid`.

    The proportional size makes the kernel walk all pages (60 ms for a browser), so it is read once in
    `walk_every` readings and not at the first, when the bot is busy joining; between those the growth of anonymous
    memory, which costs nothing to read, is added.
    """

    pid: int = field(default_factory=os.getpid)
    walk_every: int = 20
    _readings: int = 0
    _shared_bytes: int = 0
    _cpu: dict[int, float] = field(default_factory=dict[int, float])
    _ended_cpu_s: float = 0.0

    def read(self) -> Cost:
        """The cost up to now; never falls in CPU time."""
        pids = _tree(self.pid)
        now = {pid: cpu for pid in pids if (cpu := _cpu_s(pid)) is not None}
        self._ended_cpu_s += sum(cpu for pid, cpu in self._cpu.items() if pid not in now)
        self._cpu = now
        anonymous = sum(_size(pid, "status", "RssAnon:") for pid in pids)
        if self._readings % self.walk_every == 1:
            self._shared_bytes = sum(_size(pid, "smaps_rollup", "Pss:") for pid in pids) - anonymous
        self._readings += 1
        return Cost(round(self._ended_cpu_s + sum(now.values()), 2), max(0, anonymous + self._shared_bytes))


def _tree(root: int) -> list[int]:
    found, queue = list[int](), [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    """Children of every thread; empty where the kernel does not tell (then the bot alone is counted)."""
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            children += [int(child) for child in text.split()]
    except OSError:
        pass  # the process ended while we looked
    return children


def _cpu_s(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _size(pid: int, file: str, label: str) -> int:
    """A line in kB of a file of this process, in bytes; 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/{file}", encoding="utf-8", errors="replace") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(label)), 0)
    except OSError:
        return 0
