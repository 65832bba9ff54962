"""How a bot's life is judged at its end: completed or failed, for which reason, and how much was recorded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import WAITING, BotState

REMOVED_TOO_EARLY_S = 60
"""Source: contract.md 8.2, a bot removed after it recorded this long counts as completed."""

_BEFORE_RECORDING = {
    EndReason.API_REQUEST: EndReason.STOPPED_BEFORE_RECORD,
    EndReason.BOT_REMOVED: EndReason.BOT_REMOVED_TOO_EARLY,
    EndReason.MEETING_ENDED: EndReason.MEETING_ENDED_BEFORE_RECORD,
    EndReason.NO_ATTENDEES: EndReason.MEETING_ENDED_BEFORE_RECORD,
    EndReason.NO_SPEAKER: EndReason.MEETING_ENDED_BEFORE_RECORD,
    EndReason.RECORDING_TIMEOUT: EndReason.RECORDING_START_TIMEOUT,
}
_EARLY_NAMES_OF_NORMAL_ENDS = {
    EndReason.STOPPED_BEFORE_RECORD: EndReason.API_REQUEST,
    EndReason.MEETING_ENDED_BEFORE_RECORD: EndReason.MEETING_ENDED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state at a moment."""

    state: BotState
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    state: BotState
    reason: EndReason


def judge(reason: EndReason | None, recorded_s: float) -> Outcome:
    """The final state of a bot, and its reason in the light of what was recorded.

    A bot that recorded and ended normally is completed; one that never recorded, or broke, is failed (what it taped is
    delivered all the same). Source: contract.md 8.1.

    Args:
        reason: What the bot or the supervisor gave; None counts as an internal error.
    """
    given = reason or EndReason.INTERNAL_ERROR
    if recorded_s <= 0:
        return Outcome(BotState.FAILED, _BEFORE_RECORDING.get(given, given))
    given = _EARLY_NAMES_OF_NORMAL_ENDS.get(given, given)
    if given in (EndReason.BOT_REMOVED, EndReason.BOT_REMOVED_TOO_EARLY):
        given = EndReason.BOT_REMOVED if recorded_s >= REMOVED_TOO_EARLY_S else EndReason.BOT_REMOVED_TOO_EARLY
    return Outcome(BotState.FAILED if given.is_failure else BotState.COMPLETED, given)


def recorded_seconds(steps: Iterable[Step], ended_at: datetime) -> float:
    """Time spent in `recording`; pauses do not count.

    Args:
        steps: In order of time.
        ended_at: When recording ended if no step says so: the end of the tape of a bot that was killed.
    """
    return _seconds_in(frozenset({BotState.RECORDING}), steps, ended_at)


def waited_seconds(steps: Iterable[Step]) -> float:
    """Time spent in a waiting room or waiting for the host.

    Args:
        steps: In order of time, to the end of the bot's life.
    """
    return _seconds_in(WAITING, steps, None)


def _seconds_in(states: frozenset[BotState], steps: Iterable[Step], ended_at: datetime | None) -> float:
    total, since = 0.0, None
    for step in steps:
        if since is not None and step.state not in states:
            end = step.at if ended_at is None else min(step.at, ended_at)
            total += max(0.0, (end - since).total_seconds())
            since = None
        elif since is None and step.state in states:
            since = step.at
    if since is not None and ended_at is not None:
        total += max(0.0, (ended_at - since).total_seconds())
    return round(total, 3)
