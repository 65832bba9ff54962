"""Which adapter serves which platform. Built-ins stand here; others register an entry point `meetfleet.platforms`."""

from importlib import import_module
from typing import cast

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError
from meetfleet.platforms.platform import PlatformAdapter

ENTRY_POINTS = "meetfleet.platforms"

BUILT_IN = {
    "google_meet": "meetfleet.platforms.google_meet.adapter:GoogleMeet",
}


def adapter_for(platform: str) -> type[PlatformAdapter]:
    """The adapter of a platform; its module is imported at first use, so that a bot carries only its own.

    Raises:
        JoinError: no adapter of this name is installed.
    """
    target = BUILT_IN.get(platform) or _registered(platform)
    if target is None:
        raise JoinError(EndReason.CANNOT_JOIN_MEETING, f"No adapter for platform '{platform}' is installed.")
    module, _, name = target.partition(":")
    return cast(type[PlatformAdapter], getattr(import_module(module), name))


def _registered(platform: str) -> str | None:
    # importlib.metadata costs 20 ms and 3 MB: only a bot of an unknown platform pays.
    from importlib.metadata import entry_points

    return next((e.value for e in entry_points(group=ENTRY_POINTS, name=platform)), None)
