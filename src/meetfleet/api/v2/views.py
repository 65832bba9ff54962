"""From stored bots to the bodies of responses."""

from collections.abc import Mapping
from typing import Any, cast

from meetfleet.api.v2.responses import (
    BotDetails,
    BotListItem,
    BotStatusBody,
    PersonBody,
    ShownCallbackConfig,
    ShownZoomConfig,
    Tokens,
    TranscriptionStatus,
)
from meetfleet.control.recordings import BotStanding, BotView
from meetfleet.domain.dialects.v2 import PLATFORM_WORDS, SCHEDULE_WORDS, Status, status_of
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.domain.schedule import schedule_status
from meetfleet.notify.payloads.v2 import Link, ids_of, links_body, people_body, provider_of
from meetfleet.store.repositories.bots import sent_at
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow


def shown_status(bot: BotRow, resumed: bool) -> Status:
    return status_of(bot.state, bot.end_reason, recorded=bot.recording_started_at is not None, resumed=resumed)


def status_word(bot: BotRow, resumed: bool) -> str:
    """The status of any bot, one that was never sent included."""
    if bot.state in (BotState.SCHEDULED, BotState.CANCELLED):
        return SCHEDULE_WORDS[schedule_status(bot.state, bot.spawned_at)]
    return shown_status(bot, resumed).value


def check_visible(bot: BotRow) -> None:
    """Raises NotFound for a bot that has no place in this API: never sent, or on a platform without a word here."""
    if bot.state in (BotState.SCHEDULED, BotState.CANCELLED):
        raise _not_found(bot)
    check_known_platform(bot)


def check_known_platform(bot: BotRow) -> None:
    """Raises NotFound for a bot that another API sent to a platform without a word here."""
    if bot.platform not in PLATFORM_WORDS:
        raise _not_found(bot)


def _not_found(bot: BotRow) -> NotFound:
    return NotFound(f"Bot with ID '{bot.id}' not found", code="bot_not_found")


def list_item(bot: BotRow, resumed: bool) -> BotListItem:
    return BotListItem(
        **_common(bot, resumed),
        duration=bot.duration_s,
        ended_at=bot.ended_at,
    )


def details(view: BotView, link: Link, box: SecretBox) -> BotDetails:
    bot, recording = view.bot, view.recording
    return BotDetails(
        **_common(bot, view.resumed),
        **links_body(bot.id, recording, link),
        recording_mode=bot.recording_mode.value,
        duration_seconds=bot.duration_s,
        participants=[PersonBody(**person) for person in people_body(recording.people)],
        speakers=[PersonBody(**person) for person in people_body(p for p in recording.people if p.speaks)],
        artifacts_deleted=bot.artifacts_deleted_at is not None,
        transcription_ids=ids_of(recording),
        transcription_provider=provider_of(bot, recording),
        zoom_config=zoom_config(bot.options),
        callback_config=callback_config(bot.callback, box),
        meet_login_credential_id=str(bot.login_id) if bot.login_id and bot.platform is Platform.GOOGLE_MEET else None,
    )


def status_body(standing: BotStanding) -> BotStatusBody:
    return BotStatusBody(
        bot_id=str(standing.bot.id),
        status=shown_status(standing.bot, standing.resumed),
        transcription_status=_transcription_status(standing),
        updated_at=standing.bot.state_at,
    )


def _common(bot: BotRow, resumed: bool) -> dict[str, Any]:
    reason = (bot.end_reason or EndReason.INTERNAL_ERROR).projection if bot.state is BotState.FAILED else None
    return {
        "bot_id": str(bot.id),
        "bot_name": bot.bot_name,
        # As the caller wrote it; the row holds the canonical form.
        "meeting_url": bot.options.get("meeting_url") or bot.meeting_url,
        "meeting_platform": PLATFORM_WORDS[bot.platform],
        "extra": bot.extra,
        "created_at": sent_at(bot),
        "joined_at": bot.joined_at,
        "exited_at": bot.exited_at,
        "status": shown_status(bot, resumed),
        "error_code": reason and reason.v2_code,
        "error_message": reason and reason.text,
        "tokens": bot.tokens and Tokens(**bot.tokens),
    }


def zoom_config(options: Mapping[str, Any]) -> ShownZoomConfig | None:
    config = cast("dict[str, Any] | None", options.get("zoom_config"))
    if config is None:
        return None
    return ShownZoomConfig(**{name: config.get(name) for name in ShownZoomConfig.model_fields})


def callback_config(callback: Mapping[str, Any] | None, box: SecretBox) -> ShownCallbackConfig | None:
    if callback is None:
        return None
    secret = None if callback["secret"] is None else box.open(callback["secret"])
    return ShownCallbackConfig(url=callback["url"], secret=secret, method=callback["method"])


def _transcription_status(standing: BotStanding) -> TranscriptionStatus:
    if standing.transcription is not None:
        return standing.transcription.value
    return "not-started" if standing.bot.options.get("transcription_enabled") else "not-applicable"
