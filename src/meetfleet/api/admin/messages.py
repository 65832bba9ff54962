"""What was sent to a team's endpoints, how it went, and sending it again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from meetfleet.api.admin import responses as out
from meetfleet.api.admin.responses import Closed
from meetfleet.api.admin.route import Id, PageDep, TeamDep, answers
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.v2.fields import WireTime
from meetfleet.api.v2.filters import moment
from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.signing import wire_id
from meetfleet.store.repositories.messages import MessageFilter
from meetfleet.store.tables import AttemptRow, MessageRow, MessageStatus, OwnerNoticeRow


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class TestBody(_Body):
    __test__ = False  # pytest: this is no test class

    event: Annotated[str, Field(description="Which event's example is sent.")] = Event.COMPLETED.value


class ReplayBody(_Body):
    since: Annotated[AwareDatetime, Field(strict=False, description="Messages written since then.")]


class MessageBody(Closed):
    """One event on its way to one endpoint."""

    id: UUID
    webhook_id: Annotated[str, Field(description="What the receiver sees as `svix-id`, the same in every attempt.")]
    endpoint_id: Annotated[UUID | None, Field(description="Null for a bot's callback.")]
    bot_id: Annotated[UUID | None, Field(description="Null for a test.")]
    event: str
    status: MessageStatus
    attempt_count: int
    next_attempt_at: WireTime | None
    created_at: WireTime
    delivered_at: WireTime | None


class AttemptBody(Closed):
    """One request."""

    number: int
    at: WireTime
    url: str
    status_code: Annotated[int | None, Field(description="Null if no answer came.")]
    error: Annotated[str | None, Field(description="What went wrong on the way, in words.")]
    response: Annotated[str | None, Field(description="The beginning of the answer's body.")]
    duration_ms: int | None


class ReplayedBody(Closed):
    replayed: Annotated[int, Field(ge=0, description="How many messages are on their way again.")]


class NoticeBody(Closed):
    """Something that the people behind a team should know."""

    id: UUID
    kind: Annotated[str, Field(description="A stable word, such as `endpoint_disabled`.")]
    message: str
    subject_id: Annotated[UUID | None, Field(description="What it is about, such as an endpoint.")]
    created_at: WireTime
    read_at: WireTime | None


def message_body(row: MessageRow) -> MessageBody:
    own = {name: getattr(row, name) for name in MessageBody.model_fields if name != "webhook_id"}
    return MessageBody.model_validate({**own, "webhook_id": wire_id(row.id)})


def attempt_body(row: AttemptRow) -> AttemptBody:
    return AttemptBody.model_validate({name: getattr(row, name) for name in AttemptBody.model_fields})


def notice_body(row: OwnerNoticeRow) -> NoticeBody:
    return NoticeBody.model_validate({name: getattr(row, name) for name in NoticeBody.model_fields})


def _since(text: str | None) -> datetime | None:
    return moment("since", text)


def add_message_routes(router: APIRouter, services: AdminServices) -> None:
    history = services.history

    @router.get(
        "/endpoints/{endpoint_id}/messages",
        operation_id="listMessages",
        summary="List what was sent to an endpoint",
        responses=answers(404),
    )
    async def list_messages(
        team: TeamDep,
        endpoint_id: Id,
        page: PageDep,
        status: Annotated[MessageStatus | None, Query()] = None,
        event: Annotated[str | None, Query(description="Only this event.")] = None,
        bot_id: Annotated[UUID | None, Query(description="Only of this bot.")] = None,
        since: Annotated[str | None, Query(description="ISO 8601.")] = None,
    ) -> out.Many[MessageBody]:
        """Newest first."""
        wanted = MessageFilter(status, event or None, _since(since), bot_id)
        return out.many(await history.messages(team, endpoint_id, wanted, page), message_body)

    @router.post(
        "/endpoints/{endpoint_id}/test",
        operation_id="testEndpoint",
        summary="Send a test",
        status_code=201,
        responses=answers(404, 409),
    )
    async def send_test(team: TeamDep, endpoint_id: Id, body: TestBody | None = None) -> out.One[MessageBody]:
        """An example of an event, signed like a real one; its `extra` is `{"test": true}`."""
        return out.One(data=message_body(await history.send_test(team, endpoint_id, (body or TestBody()).event)))

    @router.post(
        "/endpoints/{endpoint_id}/replay",
        operation_id="replayFailed",
        summary="Replay all that failed",
        responses=answers(404, 409),
    )
    async def replay_failed(team: TeamDep, endpoint_id: Id, body: ReplayBody) -> out.One[ReplayedBody]:
        """Every message since then that was given up is tried again, under its own id."""
        return out.One(data=ReplayedBody(replayed=await history.replay_failed(team, endpoint_id, body.since)))

    @router.get("/messages/{message_id}", operation_id="getMessage", summary="Get a message", responses=answers(404))
    async def get_message(team: TeamDep, message_id: Id) -> out.One[MessageBody]:
        return out.One(data=message_body(await history.message(team, message_id)))

    @router.get(
        "/messages/{message_id}/attempts", operation_id="listAttempts", summary="List attempts", responses=answers(404)
    )
    async def list_attempts(team: TeamDep, message_id: Id) -> out.One[list[AttemptBody]]:
        """All of them, oldest first."""
        return out.One(data=[attempt_body(row) for row in await history.attempts(team, message_id)])

    @router.post(
        "/messages/{message_id}/replay",
        operation_id="replayMessage",
        summary="Replay a message",
        responses=answers(404, 409),
    )
    async def replay_message(team: TeamDep, message_id: Id) -> out.One[MessageBody]:
        """The same message again, under the same id and with fresh links."""
        return out.One(data=message_body(await history.replay(team, message_id)))

    @router.get("/notices", operation_id="listNotices", summary="List notices", responses=answers(404))
    async def list_notices(
        team: TeamDep, page: PageDep, unread: Annotated[bool, Query(description="Only those that nobody read.")] = False
    ) -> out.Many[NoticeBody]:
        """Newest first."""
        return out.many(await services.notices.page(team, page, unread=unread), notice_body)

    @router.post(
        "/notices/{notice_id}/read", operation_id="readNotice", summary="Mark a notice as read", responses=answers(404)
    )
    async def read_notice(team: TeamDep, notice_id: Id) -> out.One[NoticeBody]:
        return out.One(data=notice_body(await services.notices.read(team, notice_id)))

    _ = list_messages, send_test, replay_failed, get_message, list_attempts, replay_message, list_notices, read_notice
