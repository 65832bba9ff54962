"""Puts the probe's modules together: one script for windows, one for workers, each a closure of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meetfleet.browser.probe.options import ProbeOptions
from meetfleet.tape.records import Rung

FOLDER = Path(__file__).with_name("js")
EVERYWHERE = ("native", "wire", "relay", "link", "look", "starve", "track", "junction", "verify", "encoded", "tap_set")
WINDOW = (*EVERYWHERE, "rtc", "refuse", "signals", "taps", "raw", "sound", "camera", "picture", "window")
WORKER = (*EVERYWHERE, "script_worker", "worker")


@dataclass(frozen=True, slots=True)
class ProbeScripts:
    """The two scripts of one bot. They hold its secret address."""

    window: str
    worker: str


def assemble(options: ProbeOptions, *, url: str, secret: str) -> ProbeScripts:
    """Builds the scripts.

    Args:
        url: WebSocket address on this machine that the scripts report to.
        secret: Random word; names the global function of the emergency way and the event that carries commands.
    """
    settings = {
        "url": url,
        "binding": f"b{secret}",
        "commandEvent": f"c{secret}",
        "queueBytes": options.queue_bytes,
        "labels": options.labels,
        "rpc": options.rpc,
        "tapeAudio": Rung.ENCODED in options.rungs,
        "tapeVideo": options.tape_video,
        "refuseVideo": options.refuse_video and not options.tape_video,
        "starve": options.starve_video,
        "hideVideo": options.hide_video,
        "undrawn": options.undrawn,
        "camera": options.camera,
    }
    worker = _closure(WORKER, "startInWorker", settings)
    window = _closure(WINDOW, "startInWindow", {**settings, "tapSource": module("tap_worklet"), "workerSource": worker})
    return ProbeScripts(window, worker)


def video_refusal() -> str:
    """A script that makes a page receive no video and does nothing else: for measuring what a page costs by itself."""
    body = "\n".join(module(name) for name in ("native", "refuse"))
    return f"(() => {{\n'use strict';\n{body}\nnew VideoRefusal().install();\n}})();\n"


@cache
def module(name: str) -> str:
    """The text of one module."""
    return (FOLDER / f"{name}.js").read_text()


def _closure(names: tuple[str, ...], start: str, settings: Mapping[str, object]) -> str:
    body = "\n".join(module(name) for name in names)
    return f"(() => {{\n'use strict';\n{body}\n{start}({json.dumps(settings)});\n}})();\n"
