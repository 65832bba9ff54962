"""What callers can order of the sandbox, and what is made of it."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.link import DrillTarget, Timeouts
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.domain.sandbox import MAX_SECONDS, NAMES, SCENARIOS, WAITS, Order, shortened
from meetfleet.lab.scenarios import with_scenario
from meetfleet.lab.script import script_from


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_has_a_code_that_is_a_meeting_link_of_its_own(name: str) -> None:
    code = SCENARIOS[name].code
    assert re.fullmatch(r"[a-z]{3}-[a-z]{4}-[a-z]{3}", code)
    meeting = parse_meeting_url(f"https://meet.google.com/{code}?authuser=1")
    assert Order.of(meeting.native_id, None).scenario == name
    assert len({scenario.code for scenario in SCENARIOS.values()}) == len(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_is_explained_as_it_is(name: str) -> None:
    scenario = SCENARIOS[name]
    row = f"| `{name}` | `{scenario.code}` | {scenario.about} | {scenario.seconds:g} | {scenario.expected} |"
    assert row in (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()


def test_any_other_meeting_is_a_happy_path() -> None:
    assert Order.of("abc-defg-hij", {"order": 7}) == Order("happy_path", 2, 30)


def test_words_outrank_the_code() -> None:
    wish = {"sandbox": {"scenario": "removed", "seconds": 70, "people": 4, "transcription": "fail"}}
    assert Order.of(SCENARIOS["denied"].code, wish) == Order("removed", 4, 70, "fail")
    assert Order.of(SCENARIOS["denied"].code, {"sandbox": {"people": 1}}) == Order("denied", 1, 2)


@pytest.mark.parametrize(
    "wish",
    [
        "denied",
        {"scenario": "unheard_of"},
        {"scenario": ["denied"]},
        {"speed": 2},
        {"people": 7},
        {"people": "2"},
        {"people": True},
        {"seconds": -1},
        {"seconds": MAX_SECONDS + 1},
        {"seconds": float("nan")},
        {"transcription": "succeed"},
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(wish: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"extra\.sandbox"):
        Order.of("abc-defg-hij", {"sandbox": wish})


@given(
    st.sampled_from(sorted(SCENARIOS)),
    st.integers(0, len(NAMES)),
    st.floats(0, MAX_SECONDS),
    st.sampled_from([None, "fail"]),
)
def test_every_order_survives_storing_and_is_a_room_that_the_lab_understands(
    name: str, people: int, seconds: float, transcription: str | None
) -> None:
    order = Order(name, people, seconds, transcription)
    assert Order.from_dict(order.to_dict()) == order
    script = with_scenario(script_from(order.room()))
    assert len(script.people) == people
    assert script.code is None


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("happy_path", "ends_after_s", 42),
        ("denied", "denies_after_s", 42),
        ("removed", "removes_after_s", 42),
        ("lobby_timeout", "admits_after_s", None),
    ],
)
def test_the_seconds_say_when_it_happens(name: str, field: str, expected: float | None) -> None:
    assert Order.of("abc-defg-hij", {"sandbox": {"scenario": name, "seconds": 42}}).room()["host"][field] == expected


def test_only_the_crashes_are_drills() -> None:
    drills = {name: order.drill for name in SCENARIOS if (order := Order(name, seconds=3)).drill}
    assert {name: (drill.target, drill.after_s) for name, drill in drills.items() if drill} == {
        "browser_crash": (DrillTarget.BROWSER, 3),
        "bot_crash": (DrillTarget.PROCESS, 3),
    }


def test_no_wait_is_long_and_none_gets_longer() -> None:
    assert shortened(Timeouts()) == Timeouts(
        waiting_room_s=10, no_one_joined_s=10, everyone_left_s=5, silence_s=15, grace_s=0, join_s=60
    )
    quick = Timeouts(1, 1, 1, 1, 1, 7200, 1)
    assert shortened(quick) == quick
    assert shortened(Timeouts(max_recording_s=7200)).max_recording_s == 7200
    assert WAITS.waiting_room_s <= 10
