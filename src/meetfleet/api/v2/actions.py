"""What can be asked of a bot, or done with what it brought home."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict

from meetfleet.api.v2.intake import callback_of, transcription_request
from meetfleet.api.v2.requests import (
    PauseResumeRequestBody,
    RetranscribeRequestBody,
    RetryCallbackRequestBody,
    SendChatMessageRequestBody,
    UpdateBotConfigRequestBody,
)
from meetfleet.api.v2.responses import MessageResponse
from meetfleet.api.v2.route import BotId, CallerDep, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.wording import Wording, message


class NoBody(BaseModel):
    """`{}`: official clients send it where others send nothing."""

    model_config = ConfigDict(extra="forbid")


def add_action_routes(router: APIRouter, services: V2Services) -> None:
    _add_meeting_routes(router, services)
    _add_aftermath_routes(router, services)


def _add_meeting_routes(router: APIRouter, services: V2Services) -> None:
    worded = Wording(services)

    @router.post(
        "/bots/{bot_id}/leave", operation_id="leaveBot", summary="Ask a bot to leave", responses=answers(404, 409)
    )
    async def leave_bot(caller: CallerDep, bot_id: BotId) -> MessageResponse:
        """It stops recording, leaves, and its recording is finished. Before it recorded, it ends as failed."""
        async with worded.by_status(caller, bot_id):
            await services.bots.request_leave(caller.team, UUID(bot_id))
        return message("Bot leave request sent successfully.")

    @router.post(
        "/bots/{bot_id}/send-chat-message",
        operation_id="sendChatMessage",
        summary="Say something in the chat",
        responses=answers(404, 409, 422),
    )
    async def send_chat_message(caller: CallerDep, bot_id: BotId, body: SendChatMessageRequestBody) -> MessageResponse:
        """Answers when the message is in the meeting's chat."""
        async with worded.by_status(caller, bot_id):
            await services.orders.say(caller.team, UUID(bot_id), body.message)
        return message("Chat message sent successfully.")

    @router.post(
        "/bots/{bot_id}/pause-recording",
        operation_id="pauseBotRecording",
        summary="Pause the recording",
        responses=answers(404, 409),
    )
    async def pause_recording(
        caller: CallerDep, bot_id: BotId, body: PauseResumeRequestBody | None = None
    ) -> MessageResponse:
        """What happens until it is resumed is in no file; time goes on without a gap."""
        async with worded.by_status(caller, bot_id):
            await services.orders.pause(caller.team, UUID(bot_id), body and body.chat_message)
        return message("Recording pause request sent successfully.")

    @router.post(
        "/bots/{bot_id}/resume-recording",
        operation_id="resumeBotRecording",
        summary="Resume the recording",
        responses=answers(404, 409),
    )
    async def resume_recording(
        caller: CallerDep, bot_id: BotId, body: PauseResumeRequestBody | None = None
    ) -> MessageResponse:
        """Only while it is paused."""
        async with worded.by_status(caller, bot_id):
            await services.orders.resume(caller.team, UUID(bot_id), body and body.chat_message)
        return message("Recording resume request sent successfully.")

    _ = leave_bot, send_chat_message, pause_recording, resume_recording


def _add_aftermath_routes(router: APIRouter, services: V2Services) -> None:
    worded = Wording(services)

    @router.delete(
        "/bots/{bot_id}/delete-data",
        operation_id="deleteBotData",
        summary="Delete what a bot recorded",
        responses=answers(404, 409),
    )
    async def delete_bot_data(
        caller: CallerDep,
        bot_id: BotId,
        delete_from_provider: Annotated[bool, Query(description="Ask the transcription provider, too.")] = True,
        delete_transcription: Annotated[bool | None, Query(description="Another spelling.")] = None,
    ) -> MessageResponse:
        """Recordings, transcripts, chat and screenshots are removed for good; the bot's own record stays."""
        from_provider = delete_from_provider if delete_transcription is None else delete_transcription
        async with worded.by_status(caller, bot_id):
            await services.bots.delete_data(caller.team, UUID(bot_id), from_provider=from_provider)
        return message("Bot data deleted successfully.")

    @router.post(
        "/bots/{bot_id}/resend-webhook",
        operation_id="resendFinalWebhook",
        summary="Send the final webhook again",
        responses=answers(404, 409),
    )
    async def resend_final_webhook(caller: CallerDep, bot_id: BotId) -> MessageResponse:
        """As a new message, with fresh links."""
        async with worded.by_status(caller, bot_id):
            await services.redelivery.resend_webhook(caller.team, UUID(bot_id))
        return message("Webhook resend request sent successfully.")

    @router.post(
        "/bots/{bot_id}/retry-callback",
        operation_id="retryCallback",
        summary="Call back again",
        responses=answers(404, 409),
    )
    async def retry_callback(
        caller: CallerDep,
        bot_id: BotId,
        body: Annotated[RetryCallbackRequestBody | NoBody | None, Body()] = None,
    ) -> MessageResponse:
        """To the bot's own callback, or to the one in the body."""
        override = None
        if isinstance(body, RetryCallbackRequestBody):
            override = asdict(callback_of(body, services.box))
        async with worded.by_status(caller, bot_id):
            await services.redelivery.retry_callback(caller.team, UUID(bot_id), override)
        return message("Callback retry request sent successfully.")

    @router.post(
        "/bots/{bot_id}/retranscribe",
        operation_id="retranscribeBot",
        summary="Transcribe a recording once more",
        responses=answers(404, 409),
    )
    async def retranscribe_bot(
        caller: CallerDep, bot_id: BotId, body: RetranscribeRequestBody | None = None
    ) -> MessageResponse:
        """With the same settings, or others. The final webhook is sent again when it is done."""
        wanted = body and body.transcription
        request = transcription_request(wanted, services.box) if wanted else None
        async with worded.by_status(caller, bot_id):
            await services.transcriptions.retranscribe(caller.team, UUID(bot_id), request)
        return message("Retranscription request sent successfully.")

    @router.patch(
        "/bots/{bot_id}/update-config",
        operation_id="updateBotConfig",
        summary="Change your own data of a bot",
        responses=answers(404),
    )
    async def update_bot_config(caller: CallerDep, bot_id: BotId, body: UpdateBotConfigRequestBody) -> MessageResponse:
        """Later webhooks carry the new value."""
        await services.orders.update_extra(caller.team, UUID(bot_id), body.extra)
        return message("Bot configuration updated successfully.")

    _ = delete_bot_data, resend_final_webhook, retry_callback, retranscribe_bot, update_bot_config
