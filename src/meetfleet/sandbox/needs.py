"""What a server needs to run the lab, and may lack: the lab is an extra."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec

PACKAGES = {"aiortc": "aiortc", "aiohttp": "aiohttp", "yaml": "pyyaml"}
VOICES = ("flite", "espeak-ng")


def lacking(
    has_package: Callable[[str], bool] = lambda name: find_spec(name) is not None,
    has_program: Callable[[str], bool] = lambda name: shutil.which(name) is not None,
) -> list[str]:
    """What is missing, in the words of package managers; empty if nothing is."""
    missing = [package for module, package in PACKAGES.items() if not has_package(module)]
    return missing if any(map(has_program, VOICES)) else [*missing, VOICES[0]]
