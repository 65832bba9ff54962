"""Query parameters of lists. Source: contract.md 1.6 and 2.3."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from meetfleet.domain.dialects.v2 import PLATFORMS, STATUS_ALIASES, Status, standings_of
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.repositories.bots import BotFilter

Member = TypeVar("Member", bound=StrEnum)

REACH = timedelta(days=90)
SKEW = timedelta(minutes=5)


class ListBotsQuery(BaseModel):
    """An empty value is no condition."""

    model_config = ConfigDict(extra="ignore")

    bot_name: Annotated[str | None, Field(description="Part of the name, in any case.")] = None
    participant_name: Annotated[str | None, Field(description="Part of somebody's name.")] = None
    bot_id: Annotated[str | None, Field(description="Part of the id.")] = None
    meeting_url: Annotated[str | None, Field(description="Part of the URL.")] = None
    created_before: Annotated[str | None, Field(description="ISO 8601; at most 90 days ago, not in the future.")] = None
    created_after: Annotated[str | None, Field(description="ISO 8601; at most 90 days ago, not in the future.")] = None
    ended_after: Annotated[str | None, Field(description="ISO 8601.")] = None
    meeting_platform: Annotated[str | None, Field(description="Any of zoom, meet, teams; comma-separated.")] = None
    platform: Annotated[str | None, Field(description="Another spelling of `meeting_platform`.")] = None
    status: Annotated[str | None, Field(description="Any of these statuses; comma-separated.")] = None
    extra: Annotated[str | None, Field(description="`key:value`, comma-separated; all must match exactly.")] = None
    limit: Annotated[int, Field(ge=1, le=250)] = 50
    cursor: Annotated[str | None, Field(description="From `cursor` or `prev_cursor` of another page.")] = None


BotsQuery = Annotated[ListBotsQuery, Query()]


def bot_filter(query: ListBotsQuery, now: datetime) -> BotFilter:
    """Raises InvalidRequest for an unknown word, an unreadable date, or one out of reach."""
    platforms = platforms_of(query.meeting_platform or query.platform)
    return BotFilter(
        bot_name=query.bot_name or None,
        bot_id=query.bot_id or None,
        meeting_url=query.meeting_url or None,
        participant_name=query.participant_name or None,
        created_after=_within_reach("created_after", query.created_after, now) or now - REACH,
        created_before=_within_reach("created_before", query.created_before, now),
        ended_after=moment("ended_after", query.ended_after),
        # Bots that other dialects sent to platforms unknown to this one have no word here, so they are not shown.
        platforms=platforms or frozenset(PLATFORMS.values()),
        standings=tuple(standings_of(_statuses(query.status))) if words(query.status) else None,
        extra=pairs(query.extra),
    )


def moment(name: str, text: str | None) -> datetime | None:
    """A date of a query; without an offset it is UTC. Raises InvalidRequest if it is none."""
    if not text:
        return None
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name}: '{text[:40]}' is no ISO 8601 date.", code="invalid_date") from None


def words(text: str | None) -> list[str]:
    """The parts of a comma-separated value."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _within_reach(name: str, text: str | None, now: datetime) -> datetime | None:
    found = moment(name, text)
    if found is not None and not now - REACH - SKEW <= found <= now + SKEW:
        raise InvalidRequest(f"{name} must lie within the last {REACH.days} days.", code="invalid_date")
    return found


def platforms_of(text: str | None) -> frozenset[Platform]:
    """Raises InvalidRequest for a platform that this API does not know."""
    unknown = [word for word in words(text) if word not in PLATFORMS]
    if unknown:
        raise InvalidRequest(f"meeting_platform: '{unknown[0][:40]}' is none of zoom, meet, teams.", code="bad_filter")
    return frozenset(PLATFORMS[word] for word in words(text))


def _statuses(text: str | None) -> list[Status]:
    try:
        return [STATUS_ALIASES.get(word) or Status(word) for word in words(text)]
    except ValueError as error:
        raise InvalidRequest(f"status: {error}.", code="bad_filter") from None


def pairs(text: str | None) -> Mapping[str, str]:
    """The conditions of an `extra` filter. Raises InvalidRequest if they are none."""
    found = [word.partition(":") for word in words(text)]
    if any(not key or not colon for key, colon, _ in found):
        raise InvalidRequest("extra: conditions look like key:value,other:value.", code="bad_filter")
    return {key: value for key, _, value in found}


def members(name: str, kind: type[Member], text: str | None) -> frozenset[Member]:
    """The words of a comma-separated value as members of a closed list. Raises InvalidRequest for any other word."""
    known = {member.value: member for member in kind}
    unknown = [word for word in words(text) if word not in known]
    if unknown:
        raise InvalidRequest(f"{name}: '{unknown[0][:40]}' is none of {', '.join(known)}.", code="bad_filter")
    return frozenset(known[word] for word in words(text))
