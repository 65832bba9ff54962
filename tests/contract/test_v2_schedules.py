"""Meeting BaaS v2: scheduled bots over the API, from their creation to what became of them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from v2_world import ABSENT, MEET, V2World

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.jobs import Job

SCHEDULED = "/v2/bots/scheduled"
ZOOM = "https://zoom.us/j/1234567890"


def at(seconds: float = 0, *, days: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds, days=days)).isoformat().replace("+00:00", "Z")


def body(**fields: Any) -> dict[str, Any]:
    return {"bot_name": "Notes", "meeting_url": MEET, "join_at": at(3600), **fields}


async def schedule(api: V2World, **fields: Any) -> UUID:
    answer = await api.call("POST", SCHEDULED, json=body(**fields))
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["data"]["bot_id"])


async def details(api: V2World, bot_id: UUID) -> dict[str, Any]:
    answer = await api.call("GET", f"{SCHEDULED}/{bot_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def listed(api: V2World, **query: Any) -> list[UUID]:
    answer = await api.call("GET", SCHEDULED, params=query)
    assert answer.status_code == 200, answer.text
    return [UUID(item["bot_id"]) for item in answer.json()["data"]]


async def sent(api: V2World, **fields: Any) -> UUID:
    bot_id = await schedule(api, **{"join_at": at(-1), **fields})
    await api.spawner.send_due()
    return bot_id


async def test_what_was_scheduled_is_shown_and_the_rest_has_its_defaults(api: V2World) -> None:
    due = datetime.now(UTC) + timedelta(hours=5)
    bot_id = await schedule(api, join_at=due.isoformat().replace("+00:00", "Z"), extra={"a": 1})
    shown = await details(api, bot_id)
    assert shown.pop("created_at") == shown.pop("updated_at")
    assert shown == {
        "bot_id": str(bot_id),
        "bot_name": "Notes",
        "bot_image": None,
        "meeting_url": MEET,
        "meeting_platform": "meet",
        "recording_mode": "speaker_view",
        "join_at": due.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": "scheduled",
        "cancelled_at": None,
        "allow_multiple_bots": True,
        "entry_message": None,
        "timeout_config": {
            "waiting_room_timeout": 600,
            "no_one_joined_timeout": 600,
            "max_recording_duration": None,
        },
        "transcription_config": None,
        "streaming_config": None,
        "callback_config": None,
        "extra": {"a": 1},
        "zoom_config": None,
    }


async def test_every_part_of_a_full_request_is_shown_in_the_form_of_this_answer(api: V2World) -> None:
    bot_id = await schedule(
        api,
        meeting_url=ZOOM,
        bot_image=["https://x.test/1.png", "https://x.test/2.png"],
        allow_multiple_bots=False,
        entry_message="Hello",
        timeout_config={"waiting_room_timeout": 300.4, "max_recording_duration": 7200},
        transcription_enabled=True,
        transcription_config={"api_key": "k", "custom_params": {"language": "de"}},
        streaming_enabled=True,
        streaming_config={"output_url": "wss://x.test/out", "audio_frequency": 16000},
        callback_enabled=True,
        callback_config={"url": "https://x.test/done", "secret": "s", "method": "PUT"},
        zoom_config={"obf_token": "t", "credential_user_id": "u"},
    )
    shown = await details(api, bot_id)
    assert (shown["bot_image"], shown["allow_multiple_bots"]) == ("https://x.test/1.png", False)
    assert shown["timeout_config"]["waiting_room_timeout"] == 300
    assert shown["timeout_config"]["max_recording_duration"] == 7200
    assert shown["transcription_config"] == {
        "enabled": True,
        "provider": "gladia",
        "custom_params": {"language": "de"},
    }
    assert shown["streaming_config"] == {
        "enabled": True,
        "input_url": None,
        "output_url": "wss://x.test/out",
        "audio_frequency": 16000,
    }
    assert shown["callback_config"] == {"enabled": True, "url": "https://x.test/done", "secret": "s", "method": "PUT"}
    assert shown["zoom_config"] == {
        "credential_id": None,
        "credential_user_id": "u",
        "obf_token_url": None,
        "zak_token_url": None,
    }
    assert '"t"' not in str(vars(await api.row(bot_id)))


async def test_join_at_takes_any_offset(api: V2World) -> None:
    due = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    bot_id = await schedule(api, join_at=due.astimezone(timezone(timedelta(hours=-7))).isoformat())
    assert (await api.row(bot_id)).join_at == due


@pytest.mark.parametrize(("seconds", "status"), [(-70, 400), (-50, 201), (0, 201), (90 * 86400 - 60, 201)])
async def test_a_bot_may_be_due_a_minute_ago_to_ninety_days_ahead(api: V2World, seconds: float, status: int) -> None:
    answer = await api.call("POST", SCHEDULED, json=body(join_at=at(seconds)))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "join_at",
    [
        None,
        1_800_000_000,
        "tomorrow",
        "2026-12-25",
        "2026-12-25T10:00:00",
        pytest.param(at(days=91), id="in 91 days"),
        "9999-12-31T23:59:59-14:00",
    ],
)
async def test_a_time_that_cannot_be_read_or_is_out_of_reach_is_400(api: V2World, join_at: object) -> None:
    answer = await api.call("POST", SCHEDULED, json=body(join_at=join_at))
    assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION")
    assert "join_at" in answer.json()["message"]


async def test_a_bot_without_join_at_or_on_an_unknown_platform_is_400(api: V2World) -> None:
    answer = await api.call("POST", SCHEDULED, json={"bot_name": "Notes", "meeting_url": MEET})
    assert answer.status_code == 400
    answer = await api.call("POST", SCHEDULED, json=body(meeting_url="https://meet.jit.si/room"))
    assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_INVALID_MEETING_PLATFORM")


async def test_a_sending_key_may_schedule_and_nothing_else(api: V2World) -> None:
    key = api.sending_key
    assert (await api.call("POST", SCHEDULED, key=key, json=body())).status_code == 201
    assert (await api.call("POST", f"{SCHEDULED}/batch", key=key, json=[body()])).status_code == 201
    bot_id = await schedule(api)
    for method, path in (("GET", SCHEDULED), ("GET", f"{SCHEDULED}/{bot_id}"), ("DELETE", f"{SCHEDULED}/{bot_id}")):
        assert (await api.call(method, path, key=key)).status_code == 403
    assert (await api.call("PATCH", f"{SCHEDULED}/{bot_id}", key=key, json={})).status_code == 403


async def test_each_item_of_a_batch_stands_for_itself(api: V2World) -> None:
    items = [
        body(extra={"n": 0}),
        body(join_at=at(-3600), extra={"n": 1}),
        body(meeting_url="https://meet.jit.si/room"),
        {"bot_name": "Notes"},
        "nothing",
        body(allow_multiple_bots=False),
        body(allow_multiple_bots=False),
    ]
    answer = (await api.call("POST", f"{SCHEDULED}/batch", json=items)).json()
    assert [item["index"] for item in answer["data"]] == [0, 5, 6]
    assert [(e["index"], e["code"], e["extra"]) for e in answer["errors"]] == [
        (1, "VALIDATION_ERROR", {"n": 1}),
        (2, "INVALID_MEETING_PLATFORM", None),
        (3, "VALIDATION_ERROR", None),
        (4, "VALIDATION_ERROR", None),
    ]
    assert await listed(api) != []


@pytest.mark.parametrize("items", [[], [{}] * 101, {}, None])
async def test_a_batch_of_none_or_too_many_is_400(api: V2World, items: object) -> None:
    assert (await api.call("POST", f"{SCHEDULED}/batch", json=items)).status_code == 400


async def test_an_unsent_bot_is_nowhere_but_among_the_scheduled(api: V2World) -> None:
    bot_id = await schedule(api)
    for path in ("", "/status", "/screenshots"):
        assert (await api.call("GET", f"/v2/bots/{bot_id}{path}")).status_code == 404
    assert await api.listed() == set()
    assert await api.listed(status="queued") == set()
    immediate = await api.create()
    assert (await api.call("GET", f"{SCHEDULED}/{immediate}")).status_code == 404
    assert await listed(api) == [bot_id]


async def test_a_sent_bot_keeps_its_id_and_its_schedule_is_completed(api: V2World) -> None:
    bot_id = await sent(api, extra={"a": 1})
    assert (await details(api, bot_id))["status"] == "completed"
    live = await api.details(bot_id)
    assert (live["status"], live["extra"]) == ("queued", {"a": 1})
    assert await api.listed() == {bot_id}
    assert [found.job for found in api.queue.jobs] == [Job.DISPATCH]
    await api.finish(bot_id, {})
    assert (await details(api, bot_id))["status"] == "completed"


async def test_a_bot_comes_into_being_when_it_is_sent(api: V2World) -> None:
    bot_id = await schedule(api, join_at=at(-1))
    async with api.database.transaction() as session:
        bot = await session.merge(await api.row(bot_id))
        bot.created_at = datetime.now(UTC) - timedelta(days=60)
    later = await api.create()
    await api.spawner.send_due()
    page = await api.list()
    assert [UUID(item["bot_id"]) for item in page["data"]] == [bot_id, later]
    assert await api.listed(created_after=at(-3600)) == {bot_id, later}
    assert page["data"][0]["created_at"] > (await details(api, bot_id))["created_at"]


async def test_a_bot_that_may_not_go_when_due_fails_and_says_why(api: V2World) -> None:
    await api.create(allow_multiple_bots=False)
    bot_id = await sent(api, allow_multiple_bots=False)
    assert (await details(api, bot_id))["status"] == "failed"
    shown = await api.details(bot_id)
    assert (shown["status"], shown["error_code"]) == ("failed", "BOT_ALREADY_EXISTS")
    assert bot_id not in await api.listed()
    for method, path in (
        ("DELETE", f"{SCHEDULED}/{bot_id}"),
        ("POST", f"/v2/bots/{bot_id}/leave"),
    ):
        answer = await api.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_BOT_STATUS")


async def test_only_what_is_given_changes(api: V2World) -> None:
    bot_id = await schedule(
        api,
        entry_message="Hello",
        transcription_enabled=True,
        transcription_config={"api_key": "key", "custom_params": {"a": 1}},
        callback_enabled=True,
        callback_config={"url": "https://x.test/done", "secret": "s"},
        extra={"a": 1},
        timeout_config={"waiting_room_timeout": 900},
    )
    before, row = await details(api, bot_id), await api.row(bot_id)
    answer = await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json={"bot_name": "Other"})
    assert answer.status_code == 200, answer.text
    after, changed = await details(api, bot_id), await api.row(bot_id)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == {**before, "bot_name": "Other"}
    key = changed.options["transcription_config"]["api_key"]
    assert (api.box.open(key), changed.timeouts) == ("key", row.timeouts)


async def test_any_field_can_be_changed(api: V2World) -> None:
    bot_id = await schedule(api, callback_enabled=True, callback_config={"url": "https://x.test/done"})
    due = at(7200)
    changes = {
        "meeting_url": ZOOM,
        "join_at": due,
        "recording_mode": "audio_only",
        "entry_message": None,
        "allow_multiple_bots": False,
        "bot_image": "https://x.test/1.png",
        "timeout_config": {"no_one_joined_timeout": 120},
        "streaming_enabled": True,
        "streaming_config": {"input_url": "wss://x.test/in"},
        "callback_enabled": False,
        "extra": {"b": 2},
        "zoom_config": {"credential_user_id": "u"},
    }
    assert (await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json=changes)).status_code == 200
    shown, row = await details(api, bot_id), await api.row(bot_id)
    assert (shown["meeting_url"], shown["meeting_platform"], row.platform) == (ZOOM, "zoom", Platform.ZOOM)
    assert shown["join_at"][:19] == due[:19]
    assert (shown["recording_mode"], shown["allow_multiple_bots"]) == ("audio_only", False)
    assert shown["timeout_config"]["no_one_joined_timeout"] == 120
    assert shown["streaming_config"]["input_url"] == "wss://x.test/in"
    assert (shown["callback_config"], shown["extra"]) == (None, {"b": 2})
    assert shown["zoom_config"]["credential_user_id"] == "u"


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_name": ""},
        {"bot_name": None},
        {"meeting_url": "ftp://x"},
        {"meeting_url": "https://meet.jit.si/room"},
        {"callback_enabled": True},
        {"streaming_enabled": True, "streaming_config": None},
        {"timeout_config": {"waiting_room_timeout": 1}},
        {"join_at": "soon"},
        {"join_at": at(-3600)},
        {"join_at": at(days=91)},
    ],
)
async def test_a_change_that_makes_no_valid_bot_is_400_and_changes_nothing(
    api: V2World, changes: dict[str, Any]
) -> None:
    bot_id = await schedule(api)
    before = await details(api, bot_id)
    assert (await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json=changes)).status_code == 400
    assert await details(api, bot_id) == before


async def test_a_flag_can_be_raised_over_a_config_that_is_there_already(api: V2World) -> None:
    bot_id = await schedule(api, callback_config={"url": "https://x.test/done", "secret": "s"})
    assert (await details(api, bot_id))["callback_config"] is None
    config = {"callback_enabled": True, "callback_config": {"url": "https://x.test/other"}}
    assert (await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json=config)).status_code == 200
    assert (await details(api, bot_id))["callback_config"]["url"] == "https://x.test/other"
    assert (await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json={"callback_enabled": True})).status_code == 200
    assert (await details(api, bot_id))["callback_config"]["url"] == "https://x.test/other"


@pytest.mark.parametrize(("due", "moved"), [(200, None), (200, 3600), (3600, 200)])
async def test_within_four_minutes_nothing_changes(api: V2World, due: float, moved: float | None) -> None:
    bot_id = await schedule(api, join_at=at(due))
    changes = {} if moved is None else {"join_at": at(moved)}
    answer = await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json={"bot_name": "Other", **changes})
    assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_JOIN_TIME_TOO_CLOSE")
    assert (await details(api, bot_id))["bot_name"] == "Notes"


async def test_a_bot_that_was_sent_or_cancelled_cannot_be_changed(api: V2World) -> None:
    gone = await sent(api)
    cancelled = await schedule(api)
    await api.call("DELETE", f"{SCHEDULED}/{cancelled}")
    for bot_id, word in ((gone, "queued"), (cancelled, "cancelled")):
        answer = await api.call("PATCH", f"{SCHEDULED}/{bot_id}", json={"bot_name": "Other"})
        assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
        assert f"is: {word}." in answer.json()["message"]


@pytest.mark.parametrize("due", [100, 3600])
async def test_a_bot_can_be_cancelled_until_it_is_sent(api: V2World, due: float) -> None:
    bot_id = await schedule(api, join_at=at(due))
    answer = await api.call("DELETE", f"{SCHEDULED}/{bot_id}")
    assert answer.status_code == 200
    shown = await details(api, bot_id)
    assert (shown["status"], shown["cancelled_at"]) == ("cancelled", shown["updated_at"])
    again = await api.call("DELETE", f"{SCHEDULED}/{bot_id}")
    assert (again.status_code, again.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
    assert "is: cancelled." in again.json()["message"]
    assert (await api.call("GET", f"/v2/bots/{bot_id}")).status_code == 404
    assert await api.listed() == set()


async def test_leaving_before_being_sent_is_cancelling(api: V2World) -> None:
    bot_id = await schedule(api)
    assert (await api.call("POST", f"/v2/bots/{bot_id}/leave")).status_code == 200
    assert (await details(api, bot_id))["status"] == "cancelled"
    assert (await api.call("POST", f"/v2/bots/{bot_id}/leave")).status_code == 409


async def test_deleting_a_bot_that_was_sent_asks_it_to_leave(api: V2World) -> None:
    bot_id = await sent(api)
    await api.step(bot_id, BotState.STARTING, BotState.JOINING, BotState.IN_CALL, BotState.RECORDING)
    assert (await api.call("DELETE", f"{SCHEDULED}/{bot_id}")).status_code == 200
    assert (await api.row(bot_id)).last_command_seq == 1
    assert (await details(api, bot_id))["status"] == "completed"
    await api.step(bot_id, BotState.PROCESSING, reason=EndReason.API_REQUEST)
    await api.step(bot_id, BotState.COMPLETED)
    assert (await api.call("DELETE", f"{SCHEDULED}/{bot_id}")).status_code == 409


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_or_foreign_id_is_404(api: V2World, method: str) -> None:
    bot_id = await schedule(api)
    _, stranger = await api.new_team()
    more = {"json": {"bot_name": "x"}} if method == "PATCH" else {}
    for path, key in ((ABSENT, api.key), (str(bot_id), stranger)):
        answer = await api.call(method, f"{SCHEDULED}/{path}", key=key, **more)
        assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_BOT_NOT_FOUND_BY_ID")
    assert (await api.call(method, f"{SCHEDULED}/not-an-id", **more)).status_code == 400


async def test_filters_narrow_the_list(api: V2World) -> None:
    meet = await schedule(api, bot_name="Weekly SALES", join_at=at(3600), extra={"customer": "12"})
    zoom = await schedule(api, meeting_url=ZOOM, join_at=at(7200))
    gone = await sent(api)
    cancelled = await schedule(api, join_at=at(9000))
    await api.call("DELETE", f"{SCHEDULED}/{cancelled}")
    assert await listed(api) == [gone, meet, zoom, cancelled]
    assert await listed(api, bot_name="sales") == [meet]
    assert await listed(api, bot_id=str(zoom)[4:].upper()) == [zoom]
    assert await listed(api, meeting_url="ZOOM.us") == [zoom]
    assert await listed(api, meeting_platform="zoom") == await listed(api, platform="zoom") == [zoom]
    assert await listed(api, scheduled_after=at(60)) == [meet, zoom, cancelled]
    assert await listed(api, scheduled_before=at(5000), scheduled_after=at(-60)) == [gone, meet]
    assert await listed(api, status="scheduled") == [meet, zoom]
    assert await listed(api, status="completed, cancelled") == [gone, cancelled]
    assert await listed(api, status="failed") == []
    assert await listed(api, extra="customer:12") == [meet]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "active"},
        {"meeting_platform": "fax"},
        {"extra": "x"},
        {"limit": 0},
        {"limit": 101},
        {"scheduled_after": "soon"},
        {"scheduled_before": at(days=91)},
        {"scheduled_after": at(days=-91)},
        {"cursor": "!!!"},
    ],
)
async def test_an_unknown_word_or_an_unreachable_date_is_400(api: V2World, query: dict[str, Any]) -> None:
    assert (await api.call("GET", SCHEDULED, params=query)).status_code == 400


async def test_pages_lead_forth_and_back_in_the_order_of_joining(api: V2World) -> None:
    moments = [at(3600 + 60 * (n // 2)) for n in range(7)]
    made = [await schedule(api, join_at=moment) for moment in reversed(moments)]
    everything = await listed(api)
    assert set(everything) == set(made)
    pages: list[dict[str, Any]] = [(await api.call("GET", SCHEDULED, params={"limit": 3})).json()]
    while cursor := pages[-1]["cursor"]:
        pages.append((await api.call("GET", SCHEDULED, params={"limit": 3, "cursor": cursor})).json())
    assert [UUID(item["bot_id"]) for page in pages for item in page["data"]] == everything
    back = (await api.call("GET", SCHEDULED, params={"limit": 3, "cursor": pages[2]["prev_cursor"]})).json()
    assert back["data"] == pages[1]["data"]
    first = (await api.call("GET", SCHEDULED, params={"limit": 3, "cursor": back["prev_cursor"]})).json()
    assert (first["data"], first["prev_cursor"]) == (pages[0]["data"], None)


async def test_a_page_holds_fifty_unless_asked_otherwise(api: V2World) -> None:
    items = [body() for _ in range(60)]
    await api.call("POST", f"{SCHEDULED}/batch", json=items)
    assert len(await listed(api)) == 50
    assert len(await listed(api, limit=100)) == 60


async def test_what_only_a_sent_bot_can_do_names_the_status_of_an_unsent_one(api: V2World) -> None:
    bot_id = await schedule(api)
    answer = await api.call("POST", f"/v2/bots/{bot_id}/send-chat-message", json={"message": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
    assert "is: scheduled." in answer.json()["message"]
