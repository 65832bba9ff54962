"""Bodies of requests. Unknown keys are ignored; limits are the widest that any published source gives."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from meetfleet.api.v2.bodies import Body as _Body
from meetfleet.api.v2.fields import (
    EMAIL,
    CallableUrl,
    ChatText,
    Extra,
    HeaderText,
    Moment,
    SocketUrl,
    Uuid,
    WebUrl,
)


def _email_or_empty(text: str) -> str:
    if text and (len(text) > 254 or not EMAIL.match(text)):
        raise ValueError("must be an e-mail address, or empty for any active login")
    return text


class BotImageConfig(_Body):
    """How several images take turns."""

    loop_mode: Literal["auto", "bot_status"] = "auto"
    image_duration: Annotated[float, Field(ge=10, le=120, description="Seconds each image is shown.")] = 30


class TimeoutConfig(_Body):
    """When the bot gives up or leaves by itself, in seconds."""

    waiting_room_timeout: Annotated[float, Field(ge=120, le=1800)] = 600
    no_one_joined_timeout: Annotated[float, Field(ge=120, le=1800)] = 600
    silence_timeout: Annotated[float, Field(ge=300, le=3600)] = 600
    grace_period: Annotated[float, Field(ge=0, le=600, description="No timeout fires in this span.")] = 0
    max_recording_duration: Annotated[float, Field(ge=7200, le=21600)] | None = None


class ZoomConfig(_Body):
    credential_id: Uuid | None = None
    credential_user_id: str | None = None
    obf_token: str | None = None
    obf_token_url: WebUrl | None = None
    zak_token_url: WebUrl | None = None


class LoginConfig(_Body):
    """Which stored account the bot signs in with."""

    credential_id: Uuid | None = None
    email_group: Annotated[str, AfterValidator(_email_or_empty)] | None = None
    fallback: Literal["fail", "anonymous"] = "fail"


class LiveTranscription(_Body):
    provider: Literal["gladia", "deepgram", "assemblyai", "speechmatics", "soniox", "elevenlabs"] = "gladia"
    api_key: str | None = None
    region: str | None = None
    custom_params: Extra | None = None


class StreamingConfig(_Body):
    mode: Literal["audio", "transcription"] = "audio"
    input_url: SocketUrl | None = None
    output_url: SocketUrl | None = None
    audio_frequency: Literal[16000, 24000, 32000, 48000] | None = 24000
    transcription: LiveTranscription | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "transcription" and self.transcription is None:
            raise ValueError("'transcription' is required when 'mode' is 'transcription'")
        return self


class TranscriptionConfig(_Body):
    provider: Literal["gladia", "deepgram", "assemblyai", "speechmatics", "soniox"] = "gladia"
    api_key: str | None = None
    region: str | None = None
    custom_params: Annotated[
        Extra | None, Field(validation_alias=AliasChoices("custom_params", "custom_parameters"))
    ] = None


class RetranscribeRequestBody(_Body):
    transcription: Annotated[TranscriptionConfig | None, Field(description="Instead of what was asked for before.")] = (
        None
    )


class CallbackConfig(_Body):
    """Where the bot's end is told, besides the webhooks."""

    url: CallableUrl
    secret: Annotated[HeaderText | None, Field(description="Sent as it is in the `x-mb-secret` header.")] = None
    method: Literal["POST", "PUT"] = "POST"


class CreateBotRequestBody(_Body):
    """A bot for a meeting that takes place now."""

    bot_name: Annotated[str, Field(min_length=1, max_length=255)]
    meeting_url: Annotated[WebUrl, Field(description="A Google Meet, Microsoft Teams or Zoom link.")]
    bot_image: Annotated[
        WebUrl | Annotated[list[WebUrl], Field(min_length=1, max_length=5)] | None,
        Field(description="https URLs of JPEG, PNG or WebP pictures; 16:9 fills the bot's tile."),
    ] = None
    bot_image_config: BotImageConfig | None = None
    allow_multiple_bots: Annotated[
        bool, Field(description="false: refuse a second bot for the same meeting within five minutes.")
    ] = True
    recording_mode: Literal["audio_only", "speaker_view", "gallery_view"] = "speaker_view"
    entry_message: Annotated[str, Field(max_length=4096)] | None = None
    timeout_config: TimeoutConfig = Field(default_factory=TimeoutConfig)
    zoom_config: ZoomConfig | None = None
    meet_config: LoginConfig | None = None
    teams_config: LoginConfig | None = None
    ignored_participant_names: list[str] = Field(default_factory=list)
    extra: Annotated[Extra | None, Field(description="Your own data, given back in details and notices.")] = None
    streaming_enabled: bool = False
    streaming_config: StreamingConfig | None = None
    transcription_enabled: bool = False
    transcription_config: TranscriptionConfig | None = None
    callback_enabled: bool = False
    callback_config: CallbackConfig | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, enabled, config in (
            ("streaming", self.streaming_enabled, self.streaming_config),
            ("callback", self.callback_enabled, self.callback_config),
        ):
            if enabled and config is None:
                raise ValueError(f"'{name}_config' is required when '{name}_enabled' is true")
        return self


class CreateScheduledBotRequestBody(CreateBotRequestBody):
    """A bot for a meeting that takes place later."""

    join_at: Annotated[Moment, Field(description="When the bot is due: from now on, at most 90 days ahead.")]


class UpdateScheduledBotRequestBody(CreateBotRequestBody):
    """What is to change about a scheduled bot; what is not named stays."""

    bot_name: Annotated[str, Field(min_length=1, max_length=255, default_factory=str)]
    meeting_url: Annotated[
        WebUrl, Field(description="A Google Meet, Microsoft Teams or Zoom link.", default_factory=str)
    ]
    join_at: Annotated[
        Moment | None, Field(description="When the bot is due, at least four minutes ahead.", exclude=True)
    ] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """What the bot has already counts, too; the whole of it is checked when it is put together."""
        return self


class SendChatMessageRequestBody(_Body):
    message: ChatText


class PauseResumeRequestBody(_Body):
    chat_message: Annotated[str, Field(max_length=4096)] | None = None


class UpdateBotConfigRequestBody(_Body):
    extra: Annotated[Extra | None, Field(description="Merged key by key; null clears.")]


class RetryCallbackRequestBody(CallbackConfig):
    """Another callback instead of the stored one. `null`, `{}` and no body mean the stored one."""
