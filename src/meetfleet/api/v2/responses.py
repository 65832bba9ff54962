"""Bodies of responses; closed, so a field more is as wrong as one less. Source: contract.md 1.3 and 2."""

from typing import Annotated, Literal

from pydantic import Field

from meetfleet.api.v2.bodies import Closed as _Closed
from meetfleet.api.v2.bodies import Success as _Success
from meetfleet.api.v2.fields import Extra, Uri, Uuid, WireTime
from meetfleet.domain.dialects.v2 import Status

PlatformWord = Literal["zoom", "meet", "teams"]
RecordingModeWord = Literal["audio_only", "speaker_view", "gallery_view"]
TranscriptionStatus = Literal["queued", "processing", "done", "error", "not-applicable", "not-started"]


class _List(_Success):
    cursor: Annotated[str | None, Field(description="Next page; null on the last one.")]
    prev_cursor: Annotated[str | None, Field(description="Page before; null on the first one.")]


class Tokens(_Closed):
    """What the bot cost."""

    recording: float
    transcription: float
    byok_transcription: float
    streaming_input: float
    streaming_output: float
    total: float


class PersonBody(_Closed):
    name: str
    id: Annotated[int | None, Field(description="1, 2, 3 ... in order of appearance.")]


class ShownZoomConfig(_Closed):
    """Without the token itself."""

    credential_id: Uuid | None
    credential_user_id: str | None
    obf_token_url: str | None
    zak_token_url: str | None


class ShownCallbackConfig(_Closed):
    enabled: Literal[True] = True
    url: Uri
    secret: str | None
    method: Literal["POST", "PUT"]


class CreatedBot(_Closed):
    bot_id: Uuid


class BatchItem(_Closed):
    index: Annotated[int, Field(ge=0, description="Place in the request, from 0.")]
    bot_id: Uuid
    extra: Extra | None


class BatchError(_Closed):
    index: Annotated[int, Field(ge=0, description="Place in the request, from 0.")]
    code: str
    message: str
    details: str | None
    extra: Extra | None


class BotListItem(_Closed):
    bot_id: Uuid
    bot_name: str
    meeting_url: Uri
    meeting_platform: PlatformWord
    extra: Extra | None
    duration: Annotated[float | None, Field(description="Seconds.")]
    created_at: WireTime
    ended_at: WireTime | None
    joined_at: WireTime | None
    exited_at: WireTime | None
    status: Status
    error_code: str | None
    error_message: str | None
    tokens: Tokens | None


class BotDetails(_Closed):
    bot_id: Uuid
    bot_name: str
    meeting_url: Uri
    meeting_platform: PlatformWord
    recording_mode: RecordingModeWord
    status: Status
    created_at: WireTime
    joined_at: WireTime | None
    exited_at: WireTime | None
    duration_seconds: float | None
    participants: list[PersonBody]
    speakers: list[PersonBody]
    artifacts_deleted: bool
    video: Annotated[Uri | None, Field(description="Signed link, good for 4 hours, like all of these.")]
    audio: Uri | None
    diarization: Uri | None
    raw_transcription: Uri | None
    transcription: Uri | None
    chat_messages: Uri | None
    transcription_ids: list[str] | None
    transcription_provider: str | None
    error_code: str | None
    error_message: str | None
    tokens: Tokens | None
    extra: Extra | None
    zoom_config: ShownZoomConfig | None
    callback_config: ShownCallbackConfig | None
    meet_login_credential_id: Uuid | None


class BotStatusBody(_Closed):
    bot_id: Uuid
    status: Status
    transcription_status: TranscriptionStatus
    updated_at: WireTime


class ScreenshotBody(_Closed):
    screenshot_id: Annotated[int, Field(ge=1)]
    url: Uri


ScheduleWord = Literal["scheduled", "cancelled", "completed", "failed"]


class ScheduledBotItem(_Closed):
    bot_id: Uuid
    bot_name: str
    meeting_url: Uri
    meeting_platform: PlatformWord
    join_at: WireTime
    status: Annotated[ScheduleWord, Field(description="`completed`: the bot was sent; how it fares is told elsewhere.")]
    extra: Extra | None
    created_at: WireTime
    updated_at: WireTime


class ShownTimeoutConfig(_Closed):
    waiting_room_timeout: int | None
    no_one_joined_timeout: int | None
    max_recording_duration: float | None


class ShownTranscriptionConfig(_Closed):
    enabled: Literal[True] = True
    provider: str
    custom_params: Extra | None


class ShownStreamingConfig(_Closed):
    enabled: Literal[True] = True
    input_url: str | None
    output_url: str | None
    audio_frequency: int | None


class ScheduledBotDetails(ScheduledBotItem):
    bot_image: Annotated[str | None, Field(description="The first one, if there are several.")]
    recording_mode: RecordingModeWord
    cancelled_at: WireTime | None
    allow_multiple_bots: bool
    entry_message: str | None
    timeout_config: ShownTimeoutConfig
    transcription_config: ShownTranscriptionConfig | None
    streaming_config: ShownStreamingConfig | None
    callback_config: ShownCallbackConfig | None
    zoom_config: ShownZoomConfig | None


class Message(_Closed):
    message: str


class CreateBotResponse(_Success):
    data: CreatedBot


class BatchCreateBotsResponse(_Success):
    data: list[BatchItem]
    errors: list[BatchError]


class ListBotsResponse(_List):
    data: list[BotListItem]


class ListScheduledBotsResponse(_List):
    data: list[ScheduledBotItem]


class GetScheduledBotResponse(_Success):
    data: ScheduledBotDetails


class GetBotDetailsResponse(_Success):
    data: BotDetails


class GetBotStatusResponse(_Success):
    data: BotStatusBody


class GetBotScreenshotsResponse(_List):
    data: list[ScreenshotBody]


class MessageResponse(_Success):
    data: Message


class ErrorResponse(_Closed):
    success: Literal[False]
    error: Annotated[str, Field(description="Short reason phrase.")]
    code: Annotated[str, Field(description="For programs.")]
    statusCode: Annotated[int, Field(gt=0)]
    message: Annotated[str | None, Field(description="One sentence for people.")]
    details: str | None = None


class ValidationErrorResponse(_Closed):
    success: Literal[False]
    error: str
    code: str
    statusCode: Annotated[int, Field(gt=0)]
    message: str | None


class RateLimitedResponse(ErrorResponse):
    retryAfter: Annotated[int, Field(gt=0, description="Seconds.")] = 1
