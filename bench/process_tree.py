"""CPU-seconds and proportional memory of process trees, read from /proc (Linux)."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What some processes used.

    Attributes:
        cpu_s: User and system CPU-seconds, finished children included.
        pss_bytes: Proportional set size: shared pages counted once, split among their users.
    """

    cpu_s: float
    pss_bytes: int


def tree(roots: list[int]) -> list[int]:
    """The processes of these trees that are alive now, roots first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(int(entry))
            if stat is not None:
                children.setdefault(int(stat[1]), []).append(int(entry))
    found: list[int] = []
    queue = list(roots)
    while queue:
        pid = queue.pop(0)
        if pid not in found and Path(f"/proc/{pid}").exists():
            found.append(pid)
            queue.extend(children.get(pid, []))
    return found


def cost(roots: list[int]) -> Cost:
    """The present totals of these trees; subtract two readings to learn what a span of time cost."""
    cpu_ticks = 0
    pss_kb = 0
    for pid in tree(roots):
        stat = _stat(pid)
        if stat is None:
            continue
        cpu_ticks += sum(int(field) for field in stat[11:15])
        pss_kb += _pss_kb(pid)
    return Cost(cpu_ticks / TICKS_PER_S, pss_kb * 1024)


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (index 0); the name before it may hold blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0
