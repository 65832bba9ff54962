"""The official client schedules bots, changes its mind, and is refused where the rules say so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from official_sdk import OfficialSdk
from v2_served import Served
from v2_world import ABSENT, MEET

UNKNOWN = (404, "FST_ERR_BOT_NOT_FOUND_BY_ID")


def later(minutes: float) -> str:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plan(minutes: float = 60, **more: Any) -> dict[str, Any]:
    return {"bot_name": "Notes", "meeting_url": MEET, "join_at": later(minutes), **more}


@pytest.fixture(scope="module")
def sdk(served: Served, sdk_of: Callable[[str, str], OfficialSdk]) -> OfficialSdk:
    return sdk_of(served.address, served.key)


def test_a_scheduled_bot_is_shown_changed_and_cancelled(sdk: OfficialSdk) -> None:
    made = sdk.data("createScheduledBot", plan(extra={"n": 1}, entry_message="Hello"))
    shown = sdk.data("getScheduledBot", made)
    assert (shown["status"], shown["extra"], shown["entry_message"]) == ("scheduled", {"n": 1}, "Hello")
    moved = later(120)
    change = {**made, "body": {"join_at": moved, "bot_name": "Minutes"}}
    assert sdk.data("updateScheduledBot", change)["message"]
    shown = sdk.data("getScheduledBot", made)
    assert (shown["join_at"], shown["bot_name"], shown["extra"]) == (moved, "Minutes", {"n": 1})
    assert sdk.refusal("getBotDetails", made) == UNKNOWN
    assert sdk.data("deleteScheduledBot", made)["message"]
    shown = sdk.data("getScheduledBot", made)
    assert shown["status"] == "cancelled"
    assert shown["cancelled_at"]
    assert sdk.refusal("deleteScheduledBot", made) == (409, "FST_ERR_BOT_STATUS")


def test_a_batch_answers_item_by_item(sdk: OfficialSdk) -> None:
    result = sdk.call("batchCreateScheduledBots", [plan(), plan(60 * 24 * 100), plan(meeting_url="https://x.example")])
    assert [item["index"] for item in result["data"]] == [0]
    assert [(e["index"], e["code"]) for e in result["errors"]] == [
        (1, "VALIDATION_ERROR"),
        (2, "INVALID_MEETING_PLATFORM"),
    ]


def test_the_list_is_sorted_by_time_and_turned_page_by_page(sdk: OfficialSdk) -> None:
    name = f"Planned {uuid4()}"
    ids = [sdk.data("createScheduledBot", plan(60 + n, bot_name=name))["bot_id"] for n in (2, 0, 1)]
    first = sdk.call("listScheduledBots", {"limit": 2, "bot_name": name})
    second = sdk.call("listScheduledBots", {"limit": 2, "bot_name": name, "cursor": first["cursor"]})
    shown = [bot["bot_id"] for page in (first, second) for bot in page["data"]]
    assert shown == [ids[1], ids[2], ids[0]]
    assert (first["prev_cursor"], second["cursor"]) == (None, None)
    assert sdk.data("listScheduledBots", {"limit": 50, "bot_name": name, "status": "cancelled"}) == []
    assert sdk.call("listScheduledBots")["success"]


def test_the_last_minutes_before_a_meeting_are_closed_for_changes(sdk: OfficialSdk) -> None:
    soon, far = sdk.data("createScheduledBot", plan(2)), sdk.data("createScheduledBot", plan(60))
    expected = (409, "FST_ERR_JOIN_TIME_TOO_CLOSE")
    assert sdk.refusal("updateScheduledBot", soon | {"body": {"bot_name": "X"}}) == expected
    assert sdk.refusal("updateScheduledBot", far | {"body": {"join_at": later(2)}}) == expected


def test_leaving_before_it_was_sent_cancels_a_bot(sdk: OfficialSdk) -> None:
    made = sdk.data("createScheduledBot", plan())
    assert sdk.data("leaveBot", made)["message"]
    assert sdk.data("getScheduledBot", made)["status"] == "cancelled"


def test_a_key_that_only_sends_bots_may_schedule_them_and_not_look(served: Served, sdk: OfficialSdk) -> None:
    made = sdk.call("createScheduledBot", plan(), api_key=served.sending_key)
    assert made["success"]
    assert sdk.refusal("getScheduledBot", made["data"], api_key=served.sending_key) == (403, "FST_ERR_FORBIDDEN")


@pytest.mark.parametrize(
    ("method", "more"),
    [("getScheduledBot", {}), ("updateScheduledBot", {"body": {"bot_name": "X"}}), ("deleteScheduledBot", {})],
)
def test_an_unknown_scheduled_bot_is_404(sdk: OfficialSdk, method: str, more: dict[str, Any]) -> None:
    assert sdk.refusal(method, {"bot_id": ABSENT, **more}) == UNKNOWN


def test_a_time_out_of_reach_is_400(sdk: OfficialSdk) -> None:
    for minutes in (-5, 60 * 24 * 91):
        assert sdk.refusal("createScheduledBot", plan(minutes)) == (400, "FST_ERR_VALIDATION")
