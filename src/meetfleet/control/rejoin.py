"""The seam for going back into a meeting after a crash."""

from enum import StrEnum
from typing import Protocol

from meetfleet.control.verdict import Evidence
from meetfleet.store.tables import BotRow


class AfterCrash(StrEnum):
    FINALISE = "finalise"
    REJOIN = "rejoin"


class RejoinPolicy(Protocol):
    """Decides what follows when a bot's process is lost in the middle of a meeting."""

    def after_crash(self, bot: BotRow, evidence: Evidence) -> AfterCrash: ...


class NeverRejoin:
    """Finalises what there is."""

    def after_crash(self, bot: BotRow, evidence: Evidence) -> AfterCrash:
        return AfterCrash.FINALISE
