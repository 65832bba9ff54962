"""From scheduled bots to the bodies of responses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from meetfleet.api.v2.responses import (
    ScheduledBotDetails,
    ScheduledBotItem,
    ShownStreamingConfig,
    ShownTimeoutConfig,
    ShownTranscriptionConfig,
)
from meetfleet.api.v2.views import callback_config, zoom_config
from meetfleet.domain.dialects.v2 import PLATFORM_WORDS, SCHEDULE_WORDS
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.schedule import ScheduleStatus, schedule_status
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow


def schedule_item(bot: BotRow) -> ScheduledBotItem:
    return ScheduledBotItem(**_common(bot))


def schedule_details(bot: BotRow, box: SecretBox) -> ScheduledBotDetails:
    cancelled = schedule_status(bot.state, bot.spawned_at) is ScheduleStatus.CANCELLED
    return ScheduledBotDetails(
        **_common(bot),
        bot_image=_first_image(bot.options),
        recording_mode=bot.recording_mode.value,
        cancelled_at=bot.ended_at if cancelled else None,
        allow_multiple_bots=bot.allow_multiple_bots,
        entry_message=bot.entry_message,
        timeout_config=_timeout_config(bot.options),
        transcription_config=_transcription_config(bot.options),
        streaming_config=_streaming_config(bot.options),
        callback_config=callback_config(bot.callback, box),
        zoom_config=zoom_config(bot.options),
    )


def _common(bot: BotRow) -> dict[str, Any]:
    return {
        "bot_id": str(bot.id),
        "bot_name": bot.bot_name,
        "meeting_url": bot.options.get("meeting_url") or bot.meeting_url,
        "meeting_platform": PLATFORM_WORDS[bot.platform],
        "join_at": bot.join_at,
        "status": SCHEDULE_WORDS[schedule_status(bot.state, bot.spawned_at)],
        "extra": bot.extra,
        "created_at": bot.created_at,
        "updated_at": _updated_at(bot),
    }


def _updated_at(bot: BotRow) -> datetime:
    """When the schedule last changed; what the bot did afterwards is none of its business."""
    if bot.state is BotState.SCHEDULED:
        return bot.updated_at
    return bot.spawned_at or bot.ended_at or bot.updated_at


def _first_image(options: Mapping[str, Any]) -> str | None:
    """The field holds one image here. Source: contract.md C26."""
    images = cast("str | list[str] | None", options.get("bot_image"))
    return images[0] if isinstance(images, list) else images


def _timeout_config(options: Mapping[str, Any]) -> ShownTimeoutConfig:
    """Whole seconds, and these fields only. Source: contract.md 2.14."""
    config = cast("dict[str, float | None]", options.get("timeout_config") or {})

    def whole(name: str) -> int | None:
        seconds = config.get(name)
        return None if seconds is None else round(seconds)

    return ShownTimeoutConfig(
        waiting_room_timeout=whole("waiting_room_timeout"),
        no_one_joined_timeout=whole("no_one_joined_timeout"),
        max_recording_duration=config.get("max_recording_duration"),
    )


def _transcription_config(options: Mapping[str, Any]) -> ShownTranscriptionConfig | None:
    if not options.get("transcription_enabled"):
        return None
    config = cast("dict[str, Any]", options.get("transcription_config") or {})
    return ShownTranscriptionConfig(
        provider=config.get("provider") or "gladia", custom_params=config.get("custom_params")
    )


def _streaming_config(options: Mapping[str, Any]) -> ShownStreamingConfig | None:
    config = cast("dict[str, Any] | None", options.get("streaming_config"))
    if not options.get("streaming_enabled") or config is None:
        return None
    return ShownStreamingConfig(
        input_url=config.get("input_url"),
        output_url=config.get("output_url"),
        audio_frequency=config.get("audio_frequency"),
    )
