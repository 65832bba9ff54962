"""From a request's body to a bot that control can create."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from meetfleet.api.errors import issues_text
from meetfleet.api.v2.requests import (
    BotImageConfig,
    CallbackConfig,
    CreateBotRequestBody,
    TranscriptionConfig,
    UpdateScheduledBotRequestBody,
)
from meetfleet.api.v2.services import V2Services
from meetfleet.control.bots import Callback, NewBot
from meetfleet.control.camera import Camera
from meetfleet.control.keys import Caller
from meetfleet.control.transcriptions import TranscriptionRequest
from meetfleet.domain.dialects.v2 import PLATFORM_WORDS
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.link import CameraLoop, RecordingMode, Timeouts
from meetfleet.domain.meeting_url import Platform, UnknownPlatform, parse_meeting_url
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow

_SECRETS = (
    ("transcription_config", "api_key"),
    ("streaming_config", "transcription", "api_key"),
    ("zoom_config", "obf_token"),
)


def new_bot(body: CreateBotRequestBody, services: V2Services, caller: Caller) -> NewBot:
    """What a caller asks for; a key of the sandbox makes bots of the sandbox, whatever the route.

    Raises:
        InvalidRequest: the URL names no meeting, or one on a platform that this API does not know.
    """
    return replace(_read(body, services), is_sandbox=caller.is_sandbox)


def _read(body: CreateBotRequestBody, services: V2Services) -> NewBot:
    meeting = parse_meeting_url(body.meeting_url)
    if meeting.platform not in PLATFORM_WORDS:
        raise UnknownPlatform(meeting.platform)
    callback = body.callback_config if body.callback_enabled else None
    return NewBot(
        meeting=meeting,
        bot_name=body.bot_name,
        recording_mode=RecordingMode(body.recording_mode),
        entry_message=body.entry_message,
        timeouts=_timeouts(body),
        ignored_participant_names=tuple(body.ignored_participant_names),
        allow_multiple_bots=body.allow_multiple_bots,
        options=_options(body, meeting.platform, services.box),
        extra=body.extra,
        callback=callback_of(callback, services.box) if callback else None,
        camera=_camera(body, services.plain_http),
        origin="v2",
    )


def changed_bot(bot: BotRow, body: UpdateScheduledBotRequestBody, services: V2Services) -> NewBot:
    """A stored bot with the changes of a request; it stays in the sandbox, or out of it.

    Raises:
        InvalidRequest: together they make no valid bot.
    """
    given = body.model_dump(mode="json", include=body.model_fields_set)
    try:
        whole = CreateBotRequestBody.model_validate({**_request_of(bot, services.box), **given})
    except ValidationError as error:
        raise InvalidRequest(issues_text(error.errors()), code="validation") from None
    new = _read(whole, services)
    # What others noted with the request (such as the calendar event it came from) stays.
    return replace(new, options={**bot.options, **new.options}, is_sandbox=bot.is_sandbox)


def _request_of(bot: BotRow, box: SecretBox) -> dict[str, Any]:
    """The request that would make this bot as it is now."""
    known = CreateBotRequestBody.model_fields
    request = {name: value for name, value in deepcopy(bot.options).items() if name in known}
    _each_secret(request, box.open)
    callback = bot.callback and {**bot.callback, "secret": bot.callback["secret"] and box.open(bot.callback["secret"])}
    return {**request, "extra": bot.extra, "callback_config": callback}


def callback_of(config: CallbackConfig, box: SecretBox) -> Callback:
    """With the secret sealed."""
    secret = None if config.secret is None else box.seal(config.secret)
    return Callback(url=config.url, method=config.method, secret=secret)


def _camera(body: CreateBotRequestBody, plain_http: bool) -> Camera | None:
    given = body.bot_image
    if given is None:
        return None
    urls = tuple(given) if isinstance(given, list) else (given,)
    if not plain_http and not all(url.lower().startswith("https:") for url in urls):
        raise InvalidRequest("bot_image: must be an absolute https URL")
    config = body.bot_image_config or BotImageConfig()
    return Camera(urls=urls, loop=CameraLoop(config.loop_mode), each_s=config.image_duration)


def transcription_request(config: TranscriptionConfig, box: SecretBox) -> TranscriptionRequest:
    """With the key sealed."""
    return TranscriptionRequest(
        provider=config.provider,
        api_key=None if config.api_key is None else box.seal(config.api_key),
        region=config.region,
        custom_params=config.custom_params,
    )


def _timeouts(body: CreateBotRequestBody) -> Timeouts:
    wanted = body.timeout_config
    default = Timeouts()
    return Timeouts(
        waiting_room_s=wanted.waiting_room_timeout,
        no_one_joined_s=wanted.no_one_joined_timeout,
        silence_s=wanted.silence_timeout,
        grace_s=wanted.grace_period,
        max_recording_s=wanted.max_recording_duration or default.max_recording_s,
    )


def _options(body: CreateBotRequestBody, platform: Platform, box: SecretBox) -> dict[str, Any]:
    """The request as it was validated, but for what has a column of its own and can change."""
    options = body.model_dump(mode="json", exclude={"extra", "callback_config", "join_at"})
    if platform is not Platform.ZOOM:
        options["zoom_config"] = None
    _each_secret(options, box.seal)
    return options


def _each_secret(options: dict[str, Any], turn: Callable[[str], str]) -> None:
    """Replaces every secret in a request."""
    for *path, name in _SECRETS:
        holder: Any = options
        for step in path:
            holder = holder.get(step) if holder else None
        if holder and holder.get(name) is not None:
            holder[name] = turn(holder[name])
