"""What this machine, or the container we run in, can give to bots."""

import os
import socket
from pathlib import Path

import psutil

from meetfleet.fleet.capacity import Capacity

_CGROUP = Path("/sys/fs/cgroup")
_VMSTAT = Path("/proc/vmstat")
_SHARE_OF_MEMORY = 0.8


def host_name() -> str:
    return socket.gethostname()


def measure(cores: float | None = None, memory_mb: float | None = None) -> Capacity:
    """Room for bots now.

    Args:
        cores, memory_mb: The operator's limits; None for the whole machine's cores, or 80 % of its memory.
    """
    memory = psutil.virtual_memory()
    total, free = float(memory.total), float(memory.available)
    limit, used = _number_in("memory.max"), _number_in("memory.current")
    if limit is not None and limit < total:
        total, free = limit, min(free, limit - (used or 0))
    allowed = memory_mb * 1_000_000 if memory_mb is not None else total * _SHARE_OF_MEMORY
    return Capacity(cores if cores is not None else usable_cores(), allowed, free)


def usable_cores() -> float:
    """Cores of this machine, or the part of them that the container may use."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota, _, period = _text_of(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, int(quota) / int(period))
    return cores


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started; 0 where it does not tell."""
    for line in _text_of(_VMSTAT).splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _number_in(name: str) -> float | None:
    text = _text_of(_CGROUP / name)
    return float(text) if text.isdigit() else None


def _text_of(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
