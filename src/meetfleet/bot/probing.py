"""Which probe a bot puts into its page, from what the platform wants to hear and the caller wants to keep."""

from meetfleet.bot.recorder import Recorder
from meetfleet.browser.page import Page
from meetfleet.browser.probe.options import ProbeOptions
from meetfleet.browser.probe.probe import Probe
from meetfleet.domain.clock import Clock
from meetfleet.domain.link import RecordingMode
from meetfleet.platforms.platform import SignalHooks


def probe_in(page: Page, recorder: Recorder, hooks: SignalHooks, mode: RecordingMode, clock: Clock) -> Probe:
    """A probe for one page. Sound alone is not worth decoding pictures for."""
    options = ProbeOptions(
        labels=hooks.data_channels,
        rpc=hooks.rpc,
        undrawn=hooks.undrawn,
        tape_video=mode.has_video,
        camera=recorder.has_camera,
    )
    return Probe(page, clock, recorder, options)
