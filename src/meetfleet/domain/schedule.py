"""When a bot may be sent, and until when that can be changed."""

from datetime import datetime, timedelta
from enum import StrEnum

from meetfleet.domain.errors import Conflict, InvalidRequest
from meetfleet.domain.lifecycle import BotState

LEEWAY = timedelta(seconds=60)
REACH = timedelta(days=90)
"""A bot can be due this long ago, and this far ahead. Source: contract.md 2.14, C25."""
LOCKED = timedelta(minutes=4)
"""So shortly before a bot is due nothing about it changes any more. Source: contract.md C28."""


class ScheduleStatus(StrEnum):
    """What became of a scheduled bot. `sent` says nothing about how it fared afterwards."""

    SCHEDULED = "scheduled"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


def schedule_status(state: BotState, spawned_at: datetime | None) -> ScheduleStatus:
    """The status of a bot's schedule, read from the bot itself."""
    if spawned_at is not None:
        return ScheduleStatus.SENT
    if state is BotState.SCHEDULED:
        return ScheduleStatus.SCHEDULED
    return ScheduleStatus.CANCELLED if state is BotState.CANCELLED else ScheduleStatus.FAILED


def check_join_at(join_at: datetime, now: datetime) -> None:
    """Raises InvalidRequest if no bot can be scheduled for then."""
    if join_at < now - LEEWAY:
        raise InvalidRequest("join_at lies in the past.", code="join_at_out_of_reach")
    if join_at > now + REACH:
        raise InvalidRequest(f"join_at is more than {REACH.days} days ahead.", code="join_at_out_of_reach")


def check_unlocked(due: datetime, now: datetime) -> None:
    """Raises Conflict (`join_time_too_close`) if a bot that is due then can no longer be changed."""
    if due < now + LOCKED:
        minutes = LOCKED // timedelta(minutes=1)
        raise Conflict(
            f"A scheduled bot can be changed until {minutes} minutes before it is due, to a time at least "
            f"{minutes} minutes ahead.",
            code="join_time_too_close",
        )
