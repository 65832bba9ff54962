"""The official client drives every method it has for bots, happy and error paths, over a socket."""

import uuid
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from official_sdk import OfficialSdk
from v2_served import Served
from v2_world import ABSENT, MEET, TO_RECORDING, V2World

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState

BOT: dict[str, Any] = {"bot_name": "Notes", "meeting_url": MEET}
UNKNOWN_BOT = (404, "FST_ERR_BOT_NOT_FOUND_BY_ID")
WRONG_STATE = (409, "FST_ERR_BOT_STATUS")
CALLBACK = {"url": "https://hooks.example.org/end", "secret": "s3cret", "method": "PUT"}


@pytest.fixture(scope="module")
def sdk(served: Served, sdk_of: Callable[[str, str], OfficialSdk]) -> OfficialSdk:
    return sdk_of(served.address, served.key)


@pytest.fixture
def moved(served: Served) -> Callable[..., None]:
    def move(bot_id: str, *states: BotState, reason: EndReason | None = None) -> None:
        async def deed(api: V2World) -> None:
            await api.step(UUID(bot_id), *states, reason=reason)

        served.act(deed)

    return move


@pytest.fixture
def finished(served: Served, sdk: OfficialSdk) -> str:
    """A completed bot with sound, video, chat and two screenshots."""
    bot_id = sdk.data("createBot", BOT | {"extra": {"case": 7}})["bot_id"]
    names = ("output.flac", "video.mp4", "diarization.jsonl", "screenshots/1.png", "screenshots/2.png")

    async def deed(api: V2World) -> None:
        await api.finish(UUID(bot_id), {name: name.encode() for name in names})

    served.act(deed)
    return bot_id


def test_create_takes_every_field_that_the_client_knows(sdk: OfficialSdk) -> None:
    created = sdk.data(
        "createBot",
        BOT
        | {
            "bot_image": "https://img.example.org/1.png",
            "recording_mode": "gallery_view",
            "entry_message": "Hello",
            "timeout_config": {"waiting_room_timeout": 120, "no_one_joined_timeout": 240, "silence_timeout": 300},
            "streaming_enabled": True,
            "streaming_config": {"output_url": "wss://audio.example.org/out", "audio_frequency": 24000},
            "transcription_enabled": True,
            "transcription_config": {"provider": "gladia", "custom_params": {"language": "de"}},
            "callback_enabled": True,
            "callback_config": CALLBACK,
            "extra": {"case": 1},
        },
    )
    shown = sdk.data("getBotDetails", created)
    assert (shown["status"], shown["recording_mode"], shown["extra"]) == ("queued", "gallery_view", {"case": 1})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"meeting_url": "https://www.example.org/call"}, (400, "FST_ERR_INVALID_MEETING_PLATFORM")),
        ({"meeting_url": "https://meet.google.com/"}, (400, "FST_ERR_VALIDATION")),
        ({"callback_enabled": True}, (400, "FST_ERR_VALIDATION")),
    ],
)
def test_a_request_that_only_the_server_can_judge_is_refused_in_words(
    sdk: OfficialSdk, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert sdk.refusal("createBot", BOT | change) == expected


def test_a_second_bot_is_refused_when_it_was_to_be_the_only_one(sdk: OfficialSdk) -> None:
    alone = {**BOT, "meeting_url": "https://meet.google.com/aaa-bbbb-ccc", "allow_multiple_bots": False}
    sdk.data("createBot", alone)
    assert sdk.refusal("createBot", alone) == (409, "FST_ERR_BOT_ALREADY_EXISTS")


def test_keys_are_asked_for(served: Served, sdk: OfficialSdk) -> None:
    assert sdk.refusal("listBots", api_key="mf_live_nobody") == (401, "FST_ERR_FORBIDDEN")
    assert sdk.refusal("listBots", api_key=served.sending_key) == (403, "FST_ERR_FORBIDDEN")
    assert sdk.call("createBot", BOT, api_key=served.sending_key)["success"]


def test_a_batch_answers_item_by_item(sdk: OfficialSdk) -> None:
    wrong = {**BOT, "meeting_url": "https://www.example.org/", "extra": {"n": 2}}
    result = sdk.call("batchCreateBots", [BOT | {"extra": {"n": 1}}, wrong])
    assert [(item["index"], item["extra"]) for item in result["data"]] == [(0, {"n": 1})]
    assert [(e["index"], e["code"], e["extra"]) for e in result["errors"]] == [
        (1, "INVALID_MEETING_PLATFORM", {"n": 2})
    ]


def test_lists_are_filtered_and_turned_page_by_page(sdk: OfficialSdk) -> None:
    name = f"Lister {uuid.uuid4()}"
    ids = [sdk.data("createBot", BOT | {"bot_name": name, "extra": {"n": n}})["bot_id"] for n in range(5)]
    first = sdk.call("listBots", {"bot_name": name.lower(), "limit": 2})
    second = sdk.call("listBots", {"bot_name": name, "limit": 2, "cursor": first["cursor"]})
    third = sdk.call("listBots", {"bot_name": name, "limit": 2, "cursor": second["cursor"]})
    assert [bot["bot_id"] for page in (first, second, third) for bot in page["data"]] == ids[::-1]
    assert (first["prev_cursor"], third["cursor"]) == (None, None)
    back = sdk.call("listBots", {"bot_name": name, "limit": 2, "cursor": third["prev_cursor"]})
    assert back["data"] == second["data"]
    assert [b["bot_id"] for b in sdk.data("listBots", {"bot_name": name, "extra": "n:3"})] == [ids[3]]
    assert sdk.data("listBots", {"bot_name": name, "status": "completed,failed"}) == []
    assert len(sdk.data("listBots", {"bot_name": name, "meeting_platform": "meet", "meeting_url": "ABC-defg"})) == 5
    assert sdk.refusal("listBots", {"cursor": "nonsense"}) == (400, "FST_ERR_VALIDATION")


def test_the_status_follows_a_bot_until_it_leaves(sdk: OfficialSdk, moved: Callable[..., None]) -> None:
    bot = sdk.data("createBot", BOT)
    moved(bot["bot_id"], *TO_RECORDING)
    assert sdk.data("getBotStatus", bot)["status"] == "in_call_recording"
    assert sdk.data("leaveBot", bot) == {"message": "Bot leave request sent successfully."}
    moved(bot["bot_id"], BotState.PROCESSING, BotState.COMPLETED, reason=EndReason.API_REQUEST)
    shown = sdk.data("getBotStatus", bot)
    assert (shown["status"], shown["transcription_status"]) == ("completed", "not-applicable")
    assert sdk.refusal("leaveBot", bot) == WRONG_STATE


def test_a_finished_bot_is_shown_with_everything(sdk: OfficialSdk, finished: str) -> None:
    shown = sdk.data("getBotDetails", {"bot_id": finished})
    assert (shown["status"], shown["error_code"], shown["duration_seconds"]) == ("completed", None, 61.25)
    assert [person["name"] for person in shown["participants"]] == ["Ann", "Ben"]
    assert all(shown[field].startswith("http") for field in ("video", "audio", "diarization"))
    pages = [sdk.call("getBotScreenshots", {"bot_id": finished, "limit": 1})]
    pages.append(sdk.call("getBotScreenshots", {"bot_id": finished, "limit": 1, "cursor": pages[0]["cursor"]}))
    assert [shot["screenshot_id"] for page in pages for shot in page["data"]] == [1, 2]


def test_a_failed_bot_says_why(sdk: OfficialSdk, moved: Callable[..., None]) -> None:
    bot = sdk.data("createBot", BOT)
    moved(bot["bot_id"], BotState.STARTING, BotState.JOINING, BotState.FAILED, reason=EndReason.LOGIN_REQUIRED)
    shown = sdk.data("getBotDetails", bot)
    assert (shown["status"], shown["error_code"]) == ("failed", "LOGIN_REQUIRED")
    assert shown["error_message"]


def test_the_final_notices_are_sent_again_on_request(sdk: OfficialSdk, finished: str) -> None:
    bot = {"bot_id": finished}
    assert sdk.data("resendFinalWebhook", bot)["message"]
    assert sdk.refusal("retryCallback", bot) == (409, "FST_ERR_CALLBACK_NOT_CONFIGURED")
    assert sdk.data("retryCallback", bot | {"callbackConfig": CALLBACK})["message"]
    running = sdk.data("createBot", BOT | {"callback_enabled": True, "callback_config": CALLBACK})
    assert sdk.refusal("resendFinalWebhook", running) == WRONG_STATE
    assert sdk.refusal("retryCallback", running) == WRONG_STATE


def test_extra_is_merged_and_cleared(sdk: OfficialSdk, finished: str) -> None:
    bot = {"bot_id": finished}
    sdk.data("updateBotConfig", bot | {"body": {"extra": {"more": [1]}}})
    assert sdk.data("getBotDetails", bot)["extra"] == {"case": 7, "more": [1]}
    sdk.data("updateBotConfig", bot | {"body": {"extra": None}})
    assert sdk.data("getBotDetails", bot)["extra"] is None


def test_data_is_deleted_once_the_bot_is_done(sdk: OfficialSdk, finished: str) -> None:
    running = sdk.data("createBot", BOT)
    assert sdk.refusal("deleteBotData", running) == WRONG_STATE
    bot = {"bot_id": finished}
    for provider_too in (True, False):
        assert sdk.data("deleteBotData", bot | {"delete_from_provider": provider_too})["message"]
    shown = sdk.data("getBotDetails", bot)
    assert (shown["artifacts_deleted"], shown["video"], shown["audio"]) == (True, None, None)
    assert sdk.data("getBotScreenshots", bot) == []


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("getBotDetails", {}),
        ("getBotStatus", {}),
        ("getBotScreenshots", {}),
        ("leaveBot", {}),
        ("deleteBotData", {}),
        ("resendFinalWebhook", {}),
        ("retryCallback", {}),
        ("updateBotConfig", {"body": {"extra": {}}}),
    ],
)
def test_an_unknown_bot_is_404_in_every_method(sdk: OfficialSdk, method: str, more: dict[str, Any]) -> None:
    assert sdk.refusal(method, {"bot_id": ABSENT, **more}) == UNKNOWN_BOT
