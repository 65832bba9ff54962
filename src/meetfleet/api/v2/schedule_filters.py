"""Query parameters of the list of scheduled bots. Source: contract.md 1.6 and 2.14."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from meetfleet.api.v2.filters import REACH, SKEW, moment, pairs, platforms_of, words
from meetfleet.domain.dialects.v2 import PLATFORMS, SCHEDULE_STATUSES
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.schedule import ScheduleStatus
from meetfleet.store.repositories.schedules import ScheduleFilter


class ListScheduledBotsQuery(BaseModel):
    """An empty value is no condition."""

    model_config = ConfigDict(extra="ignore")

    bot_name: Annotated[str | None, Field(description="Part of the name, in any case.")] = None
    bot_id: Annotated[str | None, Field(description="Part of the id.")] = None
    meeting_url: Annotated[str | None, Field(description="Part of the URL.")] = None
    scheduled_before: Annotated[str | None, Field(description="ISO 8601; at most 90 days from now.")] = None
    scheduled_after: Annotated[str | None, Field(description="ISO 8601; at most 90 days from now.")] = None
    meeting_platform: Annotated[str | None, Field(description="Any of zoom, meet, teams; comma-separated.")] = None
    platform: Annotated[str | None, Field(description="Another spelling of `meeting_platform`.")] = None
    status: Annotated[
        str | None, Field(description="Any of scheduled, cancelled, completed, failed; comma-separated.")
    ] = None
    extra: Annotated[str | None, Field(description="`key:value`, comma-separated; all must match exactly.")] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Annotated[str | None, Field(description="From `cursor` or `prev_cursor` of another page.")] = None


SchedulesQuery = Annotated[ListScheduledBotsQuery, Query()]


def schedule_filter(query: ListScheduledBotsQuery, now: datetime) -> ScheduleFilter:
    """Raises InvalidRequest for an unknown word, an unreadable date, or one out of reach."""
    return ScheduleFilter(
        bot_name=query.bot_name or None,
        bot_id=query.bot_id or None,
        meeting_url=query.meeting_url or None,
        due_after=_within_reach("scheduled_after", query.scheduled_after, now),
        due_before=_within_reach("scheduled_before", query.scheduled_before, now),
        platforms=platforms_of(query.meeting_platform or query.platform) or frozenset(PLATFORMS.values()),
        statuses=_statuses(query.status),
        extra=pairs(query.extra),
    )


def _within_reach(name: str, text: str | None, now: datetime) -> datetime | None:
    found = moment(name, text)
    if found is not None and abs(found - now) > REACH + SKEW:
        raise InvalidRequest(f"{name} must lie within {REACH.days} days of now.", code="invalid_date")
    return found


def _statuses(text: str | None) -> frozenset[ScheduleStatus]:
    unknown = [word for word in words(text) if word not in SCHEDULE_STATUSES]
    if unknown:
        raise InvalidRequest(
            f"status: '{unknown[0][:40]}' is none of {', '.join(SCHEDULE_STATUSES)}.", code="bad_filter"
        )
    return frozenset(SCHEDULE_STATUSES[word] for word in words(text))
