"""The probe: a script in front of every page's own, which tapes what the page receives, and its counterpart here."""

from meetfleet.browser.probe.options import ProbeHealth, ProbeOptions, ProbeSink
from meetfleet.browser.probe.probe import Probe

__all__ = ["Probe", "ProbeHealth", "ProbeOptions", "ProbeSink"]
