"""Meeting BaaS v2: bots are created, shown, asked. Every answer is judged by the published specification."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from v2_world import ABSENT, MEET, TO_RECORDING, V2World

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CommandType
from meetfleet.store.jobs import Job
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.messages import MessageRepository
from meetfleet.store.tables import MessageRow
from meetfleet.store.times import utc

EVERYTHING: dict[str, Any] = {
    "bot_name": "Notes",
    "meeting_url": MEET,
    "bot_image": ["https://img.example.org/1.png", "https://img.example.org/2.png"],
    "bot_image_config": {"loop_mode": "bot_status", "image_duration": 20},
    "allow_multiple_bots": True,
    "recording_mode": "gallery_view",
    "entry_message": "Hello 你好",
    "timeout_config": {
        "waiting_room_timeout": 120,
        "no_one_joined_timeout": 1800,
        "silence_timeout": 3600,
        "grace_period": 600,
        "max_recording_duration": 7200,
    },
    "zoom_config": None,
    "meet_config": {"email_group": "team@example.org", "fallback": "anonymous"},
    "teams_config": {"credential_id": ABSENT, "email_group": ""},
    "ignored_participant_names": ["Other Notetaker"],
    "extra": {"customer": "c-7", "nested": {"a": [1, 2.5, None, True]}},
    "streaming_enabled": True,
    "streaming_config": {
        "mode": "transcription",
        "input_url": "wss://audio.example.org/in",
        "output_url": None,
        "audio_frequency": 16000,
        "transcription": {"provider": "deepgram", "api_key": "dg-secret", "custom_params": {"x": 1}},
    },
    "transcription_enabled": True,
    "transcription_config": {"provider": "gladia", "api_key": "gl-secret", "custom_parameters": {"lang": "de"}},
    "callback_enabled": True,
    "callback_config": {"url": "https://hooks.example.org/in", "secret": "cb-secret", "method": "PUT"},
    "a_field_of_the_future": {"is": "ignored"},
}


async def test_a_bot_is_created_with_two_fields_and_dispatched(api: V2World) -> None:
    bot_id = await api.create()
    assert len(api.queue.of(Job.DISPATCH, bot_id)) == 1
    shown = await api.details(bot_id)
    assert (shown["status"], shown["meeting_platform"], shown["recording_mode"]) == ("queued", "meet", "speaker_view")
    assert shown["created_at"].endswith("Z")
    nothing = ("video", "audio", "joined_at", "error_code", "tokens", "extra", "callback_config", "zoom_config")
    assert {name: shown[name] for name in nothing} == dict.fromkeys(nothing)


async def test_every_field_is_taken_kept_and_shown(api: V2World) -> None:
    bot_id = await api.create(**EVERYTHING)
    row = await api.row(bot_id)
    assert row.timeouts["silence_s"] == 3600
    assert row.timeouts["max_recording_s"] == 7200
    assert row.ignored_participant_names == ["Other Notetaker"]
    assert row.options["transcription_config"]["custom_params"] == {"lang": "de"}
    assert row.options["bot_image"] == EVERYTHING["bot_image"]
    assert row.camera == {"urls": EVERYTHING["bot_image"], "loop": "bot_status", "each_s": 20}
    shown = await api.details(bot_id)
    assert shown["extra"] == EVERYTHING["extra"]
    assert shown["transcription_provider"] == "gladia"
    assert shown["callback_config"] == {
        "enabled": True,
        "url": "https://hooks.example.org/in",
        "secret": "cb-secret",
        "method": "PUT",
    }


async def test_secrets_of_a_request_are_sealed_in_the_database(api: V2World) -> None:
    zoom = {"obf_token": "zoom-secret", "obf_token_url": "https://tokens.example.org/"}
    url = "https://us05web.zoom.us/j/123456789?pwd=x"
    bot_id = await api.create(**EVERYTHING | {"meeting_url": url, "zoom_config": zoom})
    row = await api.row(bot_id)
    for secret in ("dg-secret", "gl-secret", "cb-secret", "zoom-secret"):
        assert secret not in f"{row.options} {row.callback}"
    assert api.box.open(row.options["transcription_config"]["api_key"]) == "gl-secret"
    shown = await api.details(bot_id)
    assert shown["zoom_config"]["obf_token_url"] == "https://tokens.example.org/"
    assert "zoom-secret" not in str(shown)
    assert shown["meeting_url"] == url


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"bot_name": ""}, "bot_name"),
        ({"bot_name": "x" * 256}, "bot_name"),
        ({"bot_name": 7}, "bot_name"),
        ({"bot_name": None}, "bot_name"),
        ({"meeting_url": "not a url"}, "meeting_url"),
        ({"meeting_url": "meet.google.com/abc-defg-hij"}, "meeting_url"),
        ({"meeting_url": "ftp://meet.google.com/abc-defg-hij"}, "meeting_url"),
        ({"meeting_url": "https://" + "x" * 2048}, "meeting_url"),
        ({"bot_image": "http://img.example.org/1.png"}, "bot_image"),
        ({"bot_image": []}, "bot_image"),
        ({"bot_image": ["https://img.example.org/1.png"] * 6}, "bot_image"),
        ({"bot_image_config": {"image_duration": 9}}, "bot_image_config.image_duration"),
        ({"bot_image_config": {"loop_mode": "never"}}, "bot_image_config.loop_mode"),
        ({"allow_multiple_bots": "yes"}, "allow_multiple_bots"),
        ({"recording_mode": "hologram"}, "recording_mode"),
        ({"entry_message": "x" * 4097}, "entry_message"),
        ({"timeout_config": {"waiting_room_timeout": 119}}, "timeout_config.waiting_room_timeout"),
        ({"timeout_config": {"waiting_room_timeout": 1801}}, "timeout_config.waiting_room_timeout"),
        ({"timeout_config": {"no_one_joined_timeout": "600"}}, "timeout_config.no_one_joined_timeout"),
        ({"timeout_config": {"silence_timeout": 3601}}, "timeout_config.silence_timeout"),
        ({"timeout_config": {"grace_period": -1}}, "timeout_config.grace_period"),
        ({"timeout_config": {"max_recording_duration": 60}}, "timeout_config.max_recording_duration"),
        ({"timeout_config": None}, "timeout_config"),
        ({"zoom_config": {"credential_id": "7"}}, "zoom_config.credential_id"),
        ({"meet_config": {"email_group": "nobody"}}, "meet_config.email_group"),
        ({"teams_config": {"fallback": "guess"}}, "teams_config.fallback"),
        ({"ignored_participant_names": [1]}, "ignored_participant_names.0"),
        ({"extra": []}, "extra"),
        ({"streaming_enabled": True}, "streaming_config"),
        ({"streaming_config": {"input_url": "https://audio.example.org"}}, "streaming_config.input_url"),
        ({"streaming_config": {"audio_frequency": 44100}}, "streaming_config.audio_frequency"),
        ({"streaming_config": {"mode": "transcription"}}, "transcription"),
        ({"transcription_config": {"provider": "oracle"}}, "transcription_config.provider"),
        ({"callback_enabled": True}, "callback_config"),
        ({"callback_config": {"secret": "x"}}, "callback_config.url"),
        ({"callback_config": {"url": "mailto:x@example.org"}}, "callback_config.url"),
        ({"callback_config": {"url": "https://h.example.org", "method": "GET"}}, "callback_config.method"),
        ({"callback_config": {"url": "https://h.example.org", "secret": "a\r\nb: c"}}, "callback_config.secret"),
    ],
)
async def test_a_value_out_of_bounds_is_400_and_named(api: V2World, change: dict[str, Any], place: str) -> None:
    answer = await api.call("POST", "/v2/bots", json={"bot_name": "Notes", "meeting_url": MEET, **change})
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["error"], body["statusCode"]) == ("FST_ERR_VALIDATION", "Bad Request", 400)
    assert place in body["message"]
    assert "details" not in body


@pytest.mark.parametrize(
    "url", ["https://www.example.org/call", "https://meet.jit.si/room", "https://team.webex.com/meet/x"]
)
async def test_a_platform_that_v2_does_not_know_is_its_own_error(api: V2World, url: str) -> None:
    answer = await api.call("POST", "/v2/bots", json={"bot_name": "Notes", "meeting_url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_INVALID_MEETING_PLATFORM")


async def test_a_meet_link_without_a_code_is_400(api: V2World) -> None:
    answer = await api.call("POST", "/v2/bots", json={"bot_name": "N", "meeting_url": "https://meet.google.com/"})
    assert (answer.status_code, answer.json()["code"]) == (400, "FST_ERR_VALIDATION")


async def test_a_second_bot_is_refused_only_when_asked(api: V2World) -> None:
    await api.create()
    first = await api.create(allow_multiple_bots=False)
    body = {"bot_name": "Notes", "meeting_url": MEET, "allow_multiple_bots": False}
    answer = await api.call("POST", "/v2/bots", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_BOT_ALREADY_EXISTS")
    assert str(first) in answer.json()["message"]
    await api.create()


async def test_a_batch_tells_for_each_item_what_became_of_it(api: V2World) -> None:
    single = {"bot_name": "Notes", "meeting_url": MEET, "allow_multiple_bots": False, "extra": {"n": 1}}
    items = [
        single,
        single,
        {"bot_name": "", "meeting_url": MEET, "extra": {"n": 2}},
        {"bot_name": "Notes", "meeting_url": "https://www.example.org/"},
        "nonsense",
        {"bot_name": "Notes", "meeting_url": MEET},
    ]
    answer = await api.call("POST", "/v2/bots/batch", json=items)
    assert answer.status_code == 201
    body = answer.json()
    assert [(item["index"], item["extra"]) for item in body["data"]] == [(0, {"n": 1}), (5, None)]
    assert [(error["index"], error["code"]) for error in body["errors"]] == [
        (1, "BOT_ALREADY_EXISTS"),
        (2, "VALIDATION_ERROR"),
        (3, "INVALID_MEETING_PLATFORM"),
        (4, "VALIDATION_ERROR"),
    ]
    assert body["errors"][1]["extra"] == {"n": 2}
    assert await api.details(UUID(body["data"][0]["bot_id"]))


@pytest.mark.parametrize("items", [[], [{}] * 101, {}, None, "x"])
async def test_a_batch_of_the_wrong_size_or_shape_is_400(api: V2World, items: Any) -> None:
    answer = await api.call("POST", "/v2/bots/batch", json=items)
    assert answer.status_code == 400


async def test_a_finished_bot_shows_people_and_links_that_work(api: V2World) -> None:
    bot_id = await api.create()
    await api.finish(bot_id, {"output.flac": b"sound", "diarization.jsonl": b"{}", "video.mp4": b"moov"})
    shown = await api.details(bot_id)
    assert (shown["status"], shown["error_code"], shown["duration_seconds"]) == ("completed", None, 61.25)
    assert shown["participants"] == [{"name": "Ann", "id": 1}, {"name": "Ben", "id": 2}]
    assert shown["speakers"] == [{"name": "Ann", "id": 1}]
    assert shown["artifacts_deleted"] is False
    for field, content in (("audio", b"sound"), ("video", b"moov"), ("diarization", b"{}")):
        assert (await api.client.get(shown[field])).content == content
    assert (shown["chat_messages"], shown["transcription"]) == (None, None)


async def test_a_failed_bot_shows_why(api: V2World) -> None:
    bot_id = await api.create()
    await api.step(bot_id, BotState.STARTING, BotState.JOINING, BotState.FAILED, reason=EndReason.LOGIN_REQUIRED)
    shown = await api.details(bot_id)
    assert (shown["status"], shown["error_code"]) == ("failed", "LOGIN_REQUIRED")
    assert "signed-in" in shown["error_message"]


async def test_the_status_follows_the_bot(api: V2World) -> None:
    bot_id = await api.create(transcription_enabled=True)
    seen: list[str] = []
    for state in (*TO_RECORDING, BotState.PAUSED, BotState.RECORDING):
        await api.step(bot_id, state)
        answer = await api.call("GET", f"/v2/bots/{bot_id}/status")
        assert answer.json()["data"]["transcription_status"] == "not-started"
        seen.append(answer.json()["data"]["status"])
    assert seen == [
        "queued",
        "joining_call",
        "in_waiting_room",
        "in_call_not_recording",
        "in_call_recording",
        "recording_paused",
        "recording_resumed",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2/bots/{}", None),
        ("GET", "/v2/bots/{}/status", None),
        ("GET", "/v2/bots/{}/screenshots", None),
        ("POST", "/v2/bots/{}/leave", None),
        ("POST", "/v2/bots/{}/send-chat-message", {"message": "hi"}),
        ("POST", "/v2/bots/{}/pause-recording", None),
        ("POST", "/v2/bots/{}/resume-recording", None),
        ("DELETE", "/v2/bots/{}/delete-data", None),
        ("POST", "/v2/bots/{}/resend-webhook", None),
        ("POST", "/v2/bots/{}/retry-callback", None),
        ("PATCH", "/v2/bots/{}/update-config", {"extra": None}),
    ],
)
async def test_another_teams_bot_is_as_unknown_as_none_and_a_bad_id_is_400(
    api: V2World,
    method: str,
    path: str,
    body: Any,
) -> None:
    bot_id = await api.create()
    _, stranger = await api.new_team()
    foreign = await api.call(method, path.format(bot_id), key=stranger, json=body)
    absent = await api.call(method, path.format(ABSENT), json=body)
    for answer, named in ((foreign, str(bot_id)), (absent, ABSENT)):
        assert (answer.status_code, answer.json()["code"]) == (404, "FST_ERR_BOT_NOT_FOUND_BY_ID")
        assert answer.json()["message"] == f"Bot with ID '{named}' not found"
    for bad in ("7", "not-a-uuid", str(bot_id)[:-1], f"{{{bot_id}}}", bot_id.hex):
        assert (await api.call(method, path.format(bad), json=body)).status_code == 400
    assert (await api.details(bot_id))["status"] == "queued"


async def test_leave_ends_a_queued_bot_and_orders_a_live_one_once(api: V2World) -> None:
    queued, live = await api.create(), await api.create()
    await api.step(live, *TO_RECORDING)
    for _ in range(2):
        answer = await api.call("POST", f"/v2/bots/{live}/leave")
        assert answer.json()["data"] == {"message": "Bot leave request sent successfully."}
    async with api.database.transaction() as session:
        orders = await BotRepository(session).commands(live, 0)
    assert [order.type for order in orders] == [CommandType.LEAVE]
    await api.call("POST", f"/v2/bots/{queued}/leave")
    shown = await api.details(queued)
    assert (shown["status"], shown["error_code"]) == ("failed", "EXITING_MEETING_BEFORE_RECORD")
    again = await api.call("POST", f"/v2/bots/{queued}/leave")
    assert (again.status_code, again.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
    expected = f"Status of bot '{queued}' is: failed. Operation not permitted in this state."
    assert again.json()["message"] == expected


async def test_leave_survives_every_body_that_official_clients_send(api: V2World) -> None:
    bot_id = await api.create()
    await api.step(bot_id, *TO_RECORDING)
    json_type = {"content-type": "application/json"}
    for more in ({"content": b"", "headers": json_type}, {"json": {}}, {"content": b"not json", "headers": json_type}):
        assert (await api.call("POST", f"/v2/bots/{bot_id}/leave", **more)).status_code == 200


async def _answering(api: V2World, bot_id: UUID, ok: bool, detail: str | None) -> None:
    """Plays the bot that carries out its first chat order."""
    while True:
        async with api.database.transaction() as session:
            order = await BotRepository(session).open_command(bot_id, CommandType.CHAT)
            if order is not None:
                order.ok, order.detail, order.done_at = ok, detail, utc(api.clock.now_ns())
                return
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("ok", "detail", "status", "code"),
    [
        (True, None, 200, None),
        (False, "chat_disabled: The host has turned the chat off.", 422, "FST_ERR_CHAT_DISABLED"),
        (False, "chat_failed: No such button.", 500, "FST_ERR_SEND_CHAT_MESSAGE_FAILED"),
    ],
)
async def test_a_chat_message_is_answered_by_what_the_bot_says(
    api: V2World,
    ok: bool,
    detail: str | None,
    status: int,
    code: str | None,
) -> None:
    bot_id = await api.create()
    await api.step(bot_id, *TO_RECORDING)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_answering(api, bot_id, ok, detail))
        answer = await api.call("POST", f"/v2/bots/{bot_id}/send-chat-message", json={"message": "hi"})
    assert (answer.status_code, answer.json().get("code")) == (status, code)


@pytest.mark.parametrize("message", ["", "   \n", "x" * 4097, 7, None])
async def test_an_empty_or_overlong_chat_message_is_400(api: V2World, message: Any) -> None:
    bot_id = await api.create()
    answer = await api.call("POST", f"/v2/bots/{bot_id}/send-chat-message", json={"message": message})
    assert answer.status_code == 400


async def test_pause_and_resume_need_the_matching_state(api: V2World) -> None:
    bot_id = await api.create()
    pause, resume = f"/v2/bots/{bot_id}/pause-recording", f"/v2/bots/{bot_id}/resume-recording"
    assert (await api.call("POST", pause)).status_code == 409
    await api.step(bot_id, *TO_RECORDING)
    assert (await api.call("POST", resume)).status_code == 409
    assert (await api.call("POST", pause, json={"chat_message": "Pausing"})).status_code == 200
    await api.step(bot_id, BotState.PAUSED)
    assert (await api.call("POST", pause, json={})).status_code == 409
    assert (await api.call("POST", resume, content=b"null")).status_code == 200
    async with api.database.transaction() as session:
        orders = await BotRepository(session).commands(bot_id, 0)
    assert [(o.type, o.data) for o in orders] == [("pause", {}), ("chat", {"text": "Pausing"}), ("resume", {})]


async def test_deleted_data_is_gone_and_the_bot_stays(api: V2World) -> None:
    bot_id = await api.create(extra={"a": 1})
    early = await api.call("DELETE", f"/v2/bots/{bot_id}/delete-data")
    assert (early.status_code, early.json()["code"]) == (409, "FST_ERR_BOT_STATUS")
    await api.finish(bot_id, {"output.flac": b"sound", "screenshots/1.png": b"png"})
    link = (await api.details(bot_id))["audio"]
    for query in ("", "?delete_from_provider=false", "?delete_transcription=true"):
        answer = await api.call("DELETE", f"/v2/bots/{bot_id}/delete-data{query}", json={})
        assert answer.status_code == 200
    shown = await api.details(bot_id)
    assert (shown["artifacts_deleted"], shown["audio"], shown["extra"]) == (True, None, {"a": 1})
    assert (await api.call("GET", f"/v2/bots/{bot_id}/screenshots")).json()["data"] == []
    assert (await api.client.get(link)).status_code == 404
    assert api.objects.contents == {}


async def test_delete_data_refuses_a_flag_that_is_none(api: V2World) -> None:
    answer = await api.call("DELETE", f"/v2/bots/{ABSENT}/delete-data?delete_from_provider=perhaps")
    assert answer.status_code == 400


async def test_screenshots_come_in_pages_both_ways(api: V2World) -> None:
    bot_id = await api.create()
    await api.finish(bot_id, {f"screenshots/{n}.png": b"%d" % n for n in range(1, 13)})
    path = f"/v2/bots/{bot_id}/screenshots"
    first = (await api.call("GET", path, params={"limit": 5})).json()
    assert [s["screenshot_id"] for s in first["data"]] == [1, 2, 3, 4, 5]
    assert first["prev_cursor"] is None
    assert (await api.client.get(first["data"][1]["url"])).content == b"2"
    second = (await api.call("GET", path, params={"limit": 5, "cursor": first["cursor"]})).json()
    third = (await api.call("GET", path, params={"limit": 5, "cursor": second["cursor"]})).json()
    assert [s["screenshot_id"] for s in third["data"]] == [11, 12]
    assert third["cursor"] is None
    back = (await api.call("GET", path, params={"limit": 5, "cursor": third["prev_cursor"]})).json()
    assert [s["screenshot_id"] for s in back["data"]] == [6, 7, 8, 9, 10]
    assert back["data"][0]["screenshot_id"] == second["data"][0]["screenshot_id"]


async def test_an_audio_only_bot_has_no_screenshots(api: V2World) -> None:
    bot_id = await api.create(recording_mode="audio_only")
    await api.finish(bot_id, {"screenshots/1.png": b"1"})
    assert (await api.call("GET", f"/v2/bots/{bot_id}/screenshots")).json()["data"] == []


async def _messages(api: V2World, bot_id: UUID) -> list[MessageRow]:
    async with api.database.transaction() as session:
        return list(await MessageRepository(session).of_bot(bot_id))


async def test_a_callback_can_be_retried_when_the_bot_is_finished(api: V2World) -> None:
    bot_id = await api.create()
    path = f"/v2/bots/{bot_id}/retry-callback"
    assert (await api.call("POST", path)).json()["code"] == "FST_ERR_BOT_STATUS"
    await api.finish(bot_id, {})
    for nothing in ({}, {"json": None}, {"content": b"null"}, {"json": {}}):
        answer = await api.call("POST", path, **nothing)
        assert (answer.status_code, answer.json()["code"]) == (409, "FST_ERR_CALLBACK_NOT_CONFIGURED")
    for half in ({"secret": "x"}, {"url": "nowhere"}, {"method": "PUT"}):
        assert (await api.call("POST", path, json=half)).status_code == 400
    whole = {"url": "https://hooks.example.org/in", "secret": None, "method": "PUT"}
    assert (await api.call("POST", path, json=whole)).status_code == 200
    (message,) = await _messages(api, bot_id)
    assert (message.event, message.context["callback"]["method"]) == ("bot.completed", "PUT")


async def test_the_final_webhook_can_be_resent_when_the_bot_is_finished(api: V2World) -> None:
    bot_id = await api.create()
    path = f"/v2/bots/{bot_id}/resend-webhook"
    assert (await api.call("POST", path)).status_code == 409
    await api.finish(bot_id, {})
    assert (await api.call("POST", path)).status_code == 200


async def test_extra_is_merged_key_by_key_and_cleared_by_null(api: V2World) -> None:
    bot_id = await api.create(extra={"a": 1, "b": {"c": 2}})
    path = f"/v2/bots/{bot_id}/update-config"
    assert (await api.call("PATCH", path, json={"extra": {"b": 3, "d": None}})).status_code == 200
    assert (await api.details(bot_id))["extra"] == {"a": 1, "b": 3, "d": None}
    assert (await api.call("PATCH", path, json={"extra": None})).status_code == 200
    assert (await api.details(bot_id))["extra"] is None
    assert (await api.call("PATCH", path, json={})).status_code == 400
