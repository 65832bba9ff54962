"""How every route of the admin API begins: who calls, for which team, and what did they send."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from meetfleet.api.admin.errors import on_mistake
from meetfleet.api.admin.responses import ErrorResponse
from meetfleet.api.auth import KEY_HEADER
from meetfleet.api.edge import BodyTooLarge
from meetfleet.api.json_body import JsonRequest, check_text
from meetfleet.api.v2.cursors import page_request
from meetfleet.control.access import Access, Principal
from meetfleet.domain.errors import RequestError
from meetfleet.store.paging import PageRequest
from meetfleet.store.tables import TeamRow

_EXPECTED = (RequestError, RequestValidationError, HTTPException, BodyTooLarge)


def gated(access: Access) -> type[APIRoute]:
    """A route class whose routes first ask who calls, then read the body strictly, then do what FastAPI does."""

    class AdminRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # pyright: ignore[reportIncompatibleMethodOverride]
            handle = super().get_route_handler()

            async def checked(request: Request) -> Response:
                try:
                    return await handle(await self._read(request))
                except _EXPECTED:
                    raise
                except Exception as error:  # noqa: BLE001 - the outermost loop of a request
                    return on_mistake(request, error)

            return checked

        async def _read(self, request: Request) -> Request:
            principal = await access.admit(_key_of(request))
            check_text(unquote_to_bytes(request.url.query).decode(errors="replace"))
            read = JsonRequest(request.scope, request.receive)
            if self.body_field is not None and await read.body():
                await read.json()
            read.state.principal, read.state.access = principal, access
            return read

    return AdminRoute


def _key_of(request: Request) -> str | None:
    """`Authorization: Bearer`, or the header that the other APIs use."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else request.headers.get(KEY_HEADER)


def _principal(request: Request) -> Principal:
    return request.state.principal


def _admin(request: Request) -> Principal:
    access: Access = request.state.access
    access.require_admin(request.state.principal)
    return request.state.principal


async def _team(
    request: Request,
    team_id: Annotated[
        UUID | None,
        Query(description="Whose; your key's own team if left out. Only admin keys may name another."),
    ] = None,
) -> TeamRow:
    access: Access = request.state.access
    return await access.team(request.state.principal, team_id)


def _page(
    limit: Annotated[int, Query(ge=1, le=250)] = 50,
    cursor: Annotated[str | None, Query(description="From `cursor` or `prev_cursor` of another page.")] = None,
) -> PageRequest:
    return page_request(cursor, limit)


PrincipalDep = Annotated[Principal, Depends(_principal)]
AdminDep = Annotated[Principal, Depends(_admin)]
"""Lets admin keys in only."""
TeamDep = Annotated[TeamRow, Depends(_team)]
"""The team that a request is about; it takes the query parameter `team_id`."""
PageDep = Annotated[PageRequest, Depends(_page)]
Id = Annotated[UUID, Path()]

_ABOUT = {404: "No such thing, or another team's", 409: "Not in its present state"}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented error responses of an operation: those that every one has, and these."""
    always = {
        400: "The request does not fit",
        401: "No key, or an unknown one",
        403: "A key without this permission",
        500: "Our mistake",
    }
    texts = always | {status: _ABOUT[status] for status in statuses}
    return {status: {"model": ErrorResponse, "description": text} for status, text in texts.items()}
