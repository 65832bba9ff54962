"""What a process tree costs, read from /proc."""

import subprocess
import sys

from meetfleet.bot.process_cost import CostMeter

BURN = "import time; e = time.process_time() + 0.3\nwhile time.process_time() < e: pass\n"


def test_cpu_time_of_children_counts_and_never_falls_when_they_end() -> None:
    meter = CostMeter()
    before = meter.read().cpu_s
    child = subprocess.Popen([sys.executable, "-c", BURN + "print(1, flush=True); input()"], stdin=-1, stdout=-1)
    assert child.stdout is not None
    child.stdout.readline()
    during = meter.read().cpu_s
    child.communicate(b"\n")
    after = meter.read().cpu_s
    assert during - before >= 0.29
    assert after >= during


def test_memory_of_children_counts() -> None:
    meter = CostMeter()
    alone = meter.read().memory_bytes
    child = subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(b'x' * 50_000_000); print(1, flush=True); input()"], stdin=-1, stdout=-1
    )
    assert child.stdout is not None
    child.stdout.readline()
    both = meter.read().memory_bytes
    child.communicate(b"\n")
    assert both - alone > 40_000_000
