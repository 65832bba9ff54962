"""Plans and what overrides them."""

import pytest

from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.plans import PLANS, Limits, Plan, checked_override, checked_plan, limits_of


# Source: contract.md 9.3.
@pytest.mark.parametrize(
    ("plan", "per_second", "per_day", "calendars", "days", "byok"),
    [
        ("payg", 5, 75, 2, 3, False),
        ("pro", 10, 300, 10, 7, True),
        ("scale", 20, 1000, 100, 14, True),
        ("enterprise", 20, 3000, 1000, 30, True),
    ],
)
def test_each_plan_is_as_published(plan: str, per_second: int, per_day: int, calendars: int, days: int, byok: bool):
    limits = limits_of(plan)
    found = (limits.requests_per_second, limits.bots_per_day, limits.calendars, limits.retention_days, limits.byok)
    assert found == (per_second, per_day, calendars, days, byok)
    assert limits.billed


def test_who_hosts_meetfleet_themselves_has_no_limits_and_no_bill():
    assert limits_of("self-hosted") == Limits()
    assert (Limits().byok, Limits().billed) == (True, False)
    assert set(PLANS) == set(Plan)


def test_an_override_changes_one_limit_and_can_take_it_away():
    limits = limits_of("payg", {"bots_per_day": None, "requests_per_second": 7})
    assert (limits.bots_per_day, limits.requests_per_second, limits.calendars) == (None, 7, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_per_second", 0),
        ("bots_per_day", -1),
        ("byok", 1),
        ("retention_days", True),
        ("colour", 3),
        ("billed", None),
    ],
)
def test_nonsense_is_no_limit(name: str, value: object):
    with pytest.raises(InvalidRequest) as caught:
        checked_override(name, value)
    assert caught.value.code == "invalid_limit"


def test_zero_switches_off_what_can_be_switched_off():
    assert checked_override("bots_per_day", 0) == 0
    assert checked_override("retention_days", None) is None


def test_an_unknown_plan_is_named():
    assert checked_plan("pro") is Plan.PRO
    with pytest.raises(InvalidRequest, match="gold"):
        checked_plan("gold")
