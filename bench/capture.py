"""What a bot costs in a six-person meeting: CPU-seconds per meeting-second and proportional memory, beside a baseline.

Everything is measured in one run on one machine, through the public API, and compared by ratio: machines are noisy. The
rows `page ...` are the same browser and page without any capture: no bot that opens the page can cost less.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.process_tree import cost, tree
from bench.recorder import BaselineUnavailable, page_only, recording
from meetfleet.demo.client import Client
from meetfleet.lab.presets import six_people
from meetfleet.lab.script import script_as_dict
from meetfleet.testing.stack import Service, start_lab, start_server

MB = 1_000_000
WARM_UP_S = 8.0  # by then packets are proven, and what nobody needs is no longer decoded
ROOM_MINUTES = 180.0  # people must talk from the first measurement to the last


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement.

    Attributes:
        cores: CPU-seconds per second of meeting, of all bots together.
        pss_mb: Proportional memory of all bots together.
        load: How many processes wanted to run meanwhile, on the whole machine. Much more than the machine's cores means
            that others were measured along.
    """

    name: str
    bots: int
    cores: float
    pss_mb: float
    load: float = 0.0


def run(args: list[str]) -> dict[str, Any]:
    options = _options(args)
    with tempfile.TemporaryDirectory(prefix="meetfleet-bench-") as folder:
        work = Path(folder)
        print("preparing the lab (first time only: voices and cameras of six people) ...", flush=True)
        room = work / "room.json"
        room.write_text(json.dumps(script_as_dict(six_people(ROOM_MINUTES))))
        with start_lab(work, args=["--room", str(room)]) as lab:
            with start_server(
                work, lab=lab, env={"MEETFLEET_WARM_SPARES": "0", "MEETFLEET_VIDEO": "on-demand"}
            ) as server:
                figures = _measure_all(work, lab, server, options)
    _print(figures)
    return figures


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench capture")
    parser.add_argument("--seconds", type=float, default=12, help="length of each measurement")
    parser.add_argument("--runs", type=int, default=3, help="runs of each variant; the median counts")
    parser.add_argument("--tape-seconds", type=float, default=60, help="length of the recording that is rendered")
    parser.add_argument("--bots", type=int, default=3, help="bots at once in the variant with several")
    return parser.parse_args(args)


def _measure_all(work: Path, lab: Service, server: Service, options: argparse.Namespace) -> dict[str, Any]:
    client = Client(server.ready["url"], server.ready["api_key"])
    url = lab.ready["rooms"][0]["meeting_url"]
    browser_args = tuple(lab.ready["chromium_args"])
    readings: dict[str, list[Reading]] = {}
    for number in range(options.runs):
        print(f"run {number + 1} of {options.runs} ...", flush=True)
        for mode, bots in (
            ("audio_only", 1),
            ("speaker_view", 1),
            ("audio_only", options.bots),
            ("speaker_view", options.bots),
        ):
            reading = _bots(work, client, url, mode, bots, options.seconds)
            readings.setdefault(reading.name, []).append(reading)
        for reading in _without_bots(url, browser_args, options.seconds):
            readings.setdefault(reading.name, []).append(reading)
    print(f"taping {options.tape_seconds:.0f} s to render ...", flush=True)
    build = _build_cost(_tape(work, client, url, options.tape_seconds), work)
    client.close()
    medians = {name: _median(of) for name, of in readings.items()}
    return {
        "machine": {
            "cores": os.cpu_count(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / MB,
        },
        "readings": {name: asdict(reading) for name, reading in medians.items()},
        "runs": {name: [asdict(r) for r in of] for name, of in readings.items()},
        **_conclusions(medians, build, options.bots),
    }


def _tape(work: Path, client: Client, url: str, seconds: float) -> Path:
    """The tape of a bot that stayed for so long. Starting the renderer counts, so a few seconds would tell little."""
    bot_id = client.create_bot(bot_name="Bench", meeting_url=url, recording_mode="speaker_view")
    _await(lambda: client.status(bot_id) == "in_call_recording", 90)
    time.sleep(seconds)
    client.leave(bot_id)
    client.wait_for_end(bot_id, 60)
    return work / "data" / "objects" / "bots" / bot_id / "tape"


def _bots(work: Path, client: Client, url: str, mode: str, bots: int, seconds: float) -> Reading:
    ids = [client.create_bot(bot_name=f"Bench {n}", meeting_url=url, recording_mode=mode) for n in range(bots)]
    _await(lambda: all(client.status(bot_id) == "in_call_recording" for bot_id in ids), 90)
    time.sleep(WARM_UP_S)
    roots = _bot_processes(work)
    if len(roots) != bots:
        raise RuntimeError(f"Expected {bots} bot processes, found {len(roots)}.")
    before, began = cost(roots), time.monotonic()
    time.sleep(seconds)
    after, took = cost(roots), time.monotonic() - began
    for bot_id in ids:
        client.leave(bot_id)
    for bot_id in ids:
        client.wait_for_end(bot_id, 60)
    name = f"{mode} x{bots}"
    cores = (after.cpu_s - before.cpu_s) / took
    return Reading(name, bots, cores, after.pss_bytes / MB, os.getloadavg()[0])


def _without_bots(url: str, browser_args: tuple[str, ...], seconds: float) -> Iterator[Reading]:
    """The page by itself, with and without pictures, and the usual recorder."""
    yield asyncio.run(_others("page, sound only", page_only(url, browser_args, video=False), seconds))
    yield asyncio.run(_others("page, all shown", page_only(url, browser_args, video=True), seconds))
    try:
        yield asyncio.run(_others("baseline", recording(url, browser_args), seconds))
    except BaselineUnavailable as missing:
        print(f"no baseline: {missing}", file=sys.stderr)


async def _others(name: str, running: AbstractAsyncContextManager[list[int]], seconds: float) -> Reading:
    async with running as roots:
        await asyncio.sleep(WARM_UP_S)
        before, began = cost(roots), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = cost(roots), time.monotonic() - began
    return Reading(name, 1, (after.cpu_s - before.cpu_s) / took, after.pss_bytes / MB, os.getloadavg()[0])


def _bot_processes(work: Path) -> list[int]:
    """Bot processes whose spec lies in our folder."""
    found: list[int] = []
    for pid in tree([1]):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"meetfleet.bot" in words and any(os.fsencode(work) in word for word in words):
            found.append(pid)
    return found


def _build_cost(tape: Path, work: Path) -> dict[str, float]:
    """CPU-seconds per second of meeting to make the artifacts from the tape, without and with the video."""
    without, seconds = _build(tape, work / "sound", "none")
    with_video, _ = _build(tape, work / "video", "speaker_view")
    return {"sound": without / seconds, "sound_and_video": with_video / seconds, "media_seconds": seconds}


def _build(tape: Path, out: Path, video: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "meetfleet", "artifacts", "build", str(tape), "--out", str(out), "--video", video]
    with _child_cpu() as used:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    manifest = json.loads((out / "manifest.json").read_text())
    return used[0], float(manifest["duration_s"])


@contextmanager
def _child_cpu() -> Iterator[list[float]]:
    used = [0.0]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield used
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used[0] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _median(readings: list[Reading]) -> Reading:
    return Reading(
        readings[0].name,
        readings[0].bots,
        statistics.median(r.cores for r in readings),
        statistics.median(r.pss_mb for r in readings),
        statistics.median(r.load for r in readings),
    )


def _conclusions(readings: dict[str, Reading], build: dict[str, float], bots: int) -> dict[str, Any]:
    video, audio = readings["speaker_view x1"], readings["audio_only x1"]
    many_video, many_audio = readings[f"speaker_view x{bots}"], readings[f"audio_only x{bots}"]
    per_video, per_audio = many_video.cores / bots, many_audio.cores / bots
    total = os.cpu_count() or 1
    found: dict[str, Any] = {
        "build_cores": build,
        "further_bot_mb": {
            "speaker_view": (many_video.pss_mb - video.pss_mb) / (bots - 1) if bots > 1 else None,
            "audio_only": (many_audio.pss_mb - audio.pss_mb) / (bots - 1) if bots > 1 else None,
        },
        "bots_that_fit_by_cpu": {"speaker_view": int(total / per_video), "audio_only": int(total / per_audio)},
        "core_hours_per_meeting_hour": {
            "audio_only": per_audio + build.get("sound", 0),
            "taping_video": per_video + build.get("sound", 0),
            "taping_and_rendering": per_video + build.get("sound_and_video", 0),
        },
    }
    if "baseline" in readings:
        baseline = readings["baseline"].cores
        found["share_of_baseline"] = {
            "audio_only": audio.cores / baseline,
            "speaker_view": video.cores / baseline,
            "taping_and_rendering": (video.cores + build.get("sound_and_video", 0)) / baseline,
            "floor: page, sound only": readings["page, sound only"].cores / baseline,
        }
    return found


def _await(condition: Any, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The bots did not get into the meeting.")
        time.sleep(0.3)


def _print(figures: dict[str, Any]) -> None:
    print(f"\n{'variant':20} {'cores':>8} {'memory MB':>10} {'load':>6}   runs")
    for name, reading in figures["readings"].items():
        runs = ", ".join(f"{r['cores']:.3f}" for r in figures["runs"][name])
        print(f"{name:20} {reading['cores']:8.3f} {reading['pss_mb']:10.0f} {reading['load']:6.1f}   {runs}")
    for title in (
        "build_cores",
        "share_of_baseline",
        "further_bot_mb",
        "bots_that_fit_by_cpu",
        "core_hours_per_meeting_hour",
    ):
        if title in figures:
            print(f"\n{title.replace('_', ' ')}")
            for name, value in figures[title].items():
                print(f"  {name:24} {value:8.3f}" if isinstance(value, float) else f"  {name:24} {value}")
