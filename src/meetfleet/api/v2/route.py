"""How every route of v2 begins: who calls, may they, and what did they send. Source: contract.md 1.8."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Path, Request, Response
from fastapi.routing import APIRoute

from meetfleet.api.auth import Gate
from meetfleet.api.json_body import JsonRequest, check_text
from meetfleet.api.v2.fields import UUID_PATTERN
from meetfleet.api.v2.responses import ErrorResponse, RateLimitedResponse, ValidationErrorResponse
from meetfleet.control.keys import Caller


def gated(gate: Gate) -> type[APIRoute]:
    """A route class whose routes first ask `gate`, then read the body strictly, then do what FastAPI does."""

    class GatedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # pyright: ignore[reportIncompatibleMethodOverride]
            handle = super().get_route_handler()
            operation_id = self.operation_id or self.name

            async def checked(request: Request) -> Response:
                caller = await gate.admit(request, operation_id)
                check_text(unquote_to_bytes(request.url.query).decode(errors="replace"))
                read = JsonRequest(request.scope, request.receive)
                if self.body_field is not None and await read.body():
                    await read.json()
                read.state.caller = caller
                return await handle(read)

            return checked

    return GatedRoute


def _caller(request: Request) -> Caller:
    return request.state.caller


CallerDep = Annotated[Caller, Depends(_caller)]
PathId = Annotated[str, Path(pattern=UUID_PATTERN, json_schema_extra={"format": "uuid"})]
BotId = PathId

_ABOUT = {
    402: "Too few tokens",
    404: "Unknown, or another team's",
    409: "Not in the bot's present state",
    422: "The meeting does not permit it",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented error responses of an operation: those that every one has, and these."""
    always: dict[int | str, dict[str, Any]] = {
        400: {"model": ValidationErrorResponse, "description": "The request does not fit"},
        401: {"model": ErrorResponse, "description": "No API key, or an unknown one"},
        403: {"model": ErrorResponse, "description": "A key without this permission"},
        429: {"model": RateLimitedResponse, "description": "Too many requests"},
        500: {"model": ErrorResponse, "description": "Our mistake"},
    }
    return always | {status: {"model": ErrorResponse, "description": _ABOUT[status]} for status in statuses}
