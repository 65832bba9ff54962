"""What a team may do: plans, and the limits that each sets. Any limit can be overridden for one team."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from meetfleet.domain.errors import InvalidRequest

_MOST = 1_000_000


class Plan(StrEnum):
    PAYG = "payg"
    PRO = "pro"
    SCALE = "scale"
    ENTERPRISE = "enterprise"
    SELF_HOSTED = "self-hosted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one team may do. None is no limit.

    Attributes:
        requests_per_second: Calls that change something; reading is free.
        bots_per_day: Bots sent to meetings within any 24 hours.
        bots_at_once: Bots in meetings at the same time; a bot above it waits in the queue.
        retention_days: How long recordings are kept after their bot's end; None keeps them for ever.
        byok: Whether bots may bring the key of a transcription provider of their own.
        billed: Whether tokens must be there before a bot may run. Without it they are computed, never asked for.
    """

    requests_per_second: int | None = None
    bots_per_day: int | None = None
    bots_at_once: int | None = None
    calendars: int | None = None
    retention_days: int | None = None
    byok: bool = True
    billed: bool = False


# Source: contract.md 9.3. No source tells of a limit on bots at once, so no plan has one; teams can be given one.
PLANS: Mapping[Plan, Limits] = {
    Plan.PAYG: Limits(requests_per_second=5, bots_per_day=75, calendars=2, retention_days=3, byok=False, billed=True),
    Plan.PRO: Limits(requests_per_second=10, bots_per_day=300, calendars=10, retention_days=7, billed=True),
    Plan.SCALE: Limits(requests_per_second=20, bots_per_day=1000, calendars=100, retention_days=14, billed=True),
    Plan.ENTERPRISE: Limits(requests_per_second=20, bots_per_day=3000, calendars=1000, retention_days=30, billed=True),
    Plan.SELF_HOSTED: Limits(),
}

NAMES = tuple(field.name for field in fields(Limits))
_FLAGS = ("byok", "billed")
# A second without a single call would lock a team out for good; zero is meant for what can be switched off.
_LEAST = {"requests_per_second": 1}


def limits_of(plan: str, overrides: Mapping[str, Any] | None = None) -> Limits:
    """The limits of a team.

    Args:
        overrides: By the names of `Limits`; as `checked_override` let them pass.

    Raises:
        ValueError: no such plan.
    """
    return replace(PLANS[Plan(plan)], **dict(overrides or {}))


def checked_plan(name: str) -> Plan:
    """Raises InvalidRequest (`invalid_plan`) if there is no such plan."""
    try:
        return Plan(name)
    except ValueError:
        known = ", ".join(Plan)
        raise InvalidRequest(f"There is no plan '{name}'.", code="invalid_plan", hint=f"Plans: {known}.") from None


def checked_override(name: str, value: object) -> int | bool | None:
    """The value, if this limit can be set to it; None takes the limit away.

    Raises:
        InvalidRequest: `invalid_limit`, an unknown name or a value out of range.
    """
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise InvalidRequest(f"There is no limit '{name}'.", code="invalid_limit", hint=f"Limits: {known}.")
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise InvalidRequest(f"'{name}' is true or false.", code="invalid_limit")
        return value
    if value is None:
        return None
    least = _LEAST.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
        raise InvalidRequest(f"'{name}' is a whole number from {least}, or none.", code="invalid_limit")
    return value
