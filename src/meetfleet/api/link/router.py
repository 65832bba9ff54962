"""The routes of the link. A bot shows its token as a bearer; 409 tells it that it is no longer served."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from meetfleet.control.link import MAX_EVENTS, MAX_WAIT_S, LinkService
from meetfleet.control.pictures import Pictures
from meetfleet.domain.errors import Unauthenticated

_bearer = HTTPBearer(auto_error=False)


class Report(BaseModel):
    """A batch of events; each is read by the service, so that one that nobody understands spoils no other."""

    take: int = Field(ge=1)
    events: list[dict[str, Any]] = Field(max_length=MAX_EVENTS)


class Acknowledged(BaseModel):
    acked: int
    known_commands: int


class Commands(BaseModel):
    commands: list[dict[str, Any]]


def _token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    if credentials is None:
        raise Unauthenticated("A bot shows its link token.", code="invalid_link_token")
    return credentials.credentials


Token = Annotated[str, Depends(_token)]


def link_router(link: LinkService, pictures: Pictures) -> APIRouter:
    """The routes below `/link`."""
    router = APIRouter(prefix="/link/bots/{bot_id}", include_in_schema=False)

    @router.post("/events")
    async def report(bot_id: UUID, body: Report, token: Token) -> Acknowledged:
        answer = await link.report(bot_id, token, body.take, body.events)
        return Acknowledged(acked=answer.acked, known_commands=answer.known_commands)

    @router.get("/commands")
    async def commands(
        bot_id: UUID,
        token: Token,
        after: Annotated[int, Query(ge=0)] = 0,
        wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0,
    ) -> Commands:
        found = await link.commands(bot_id, token, after, wait_s)
        return Commands(commands=[command.to_dict() for command in found])

    @router.put("/segments/{name}")
    async def store_segment(
        bot_id: UUID,
        name: str,
        token: Token,
        request: Request,
        sha256: Annotated[str, Header(alias="X-Content-SHA256", pattern="^[0-9a-fA-F]{64}$")],
    ) -> Response:
        await link.store_segment(bot_id, token, name, request.stream(), sha256)
        return Response(status_code=204)

    @router.get("/pictures/{number}")
    async def picture(bot_id: UUID, number: int, token: Token) -> Response:
        return Response(await pictures.picture(bot_id, token, number), media_type="image/jpeg")

    # FastAPI keeps them; naming them here tells readers (and checkers) that they are used.
    _ = report, commands, store_segment, picture
    return router
