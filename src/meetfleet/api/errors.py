"""Every failure leaves the API in one envelope. Source: contract.md sections 1.3, 1.4 and 1.10."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from meetfleet.domain.dialects import v2
from meetfleet.domain.errors import MeetfleetError, RequestError, TooManyRequests

log = structlog.get_logger()

_ISSUES_SHOWN = 5
_INTERNAL_MESSAGE = "Something went wrong on our side. The request may be tried again."


def envelope(
    status: int, message: str, *, code: str = "", details: str | None = None, retry_after_s: int | None = None
) -> dict[str, Any]:
    """The body of an error answer.

    Args:
        code: Our own error code; it is shown in the words of v2.
        details: Left out on 400, whose published schema is closed (C3).
    """
    body: dict[str, Any] = {
        "success": False,
        "error": v2.PHRASES.get(status, "Error"),
        "code": v2.code_of(code, status),
        "statusCode": status,
        "message": message,
    }
    if status != 400:
        body["details"] = details
    if retry_after_s is not None:
        body["retryAfter"] = retry_after_s
    return body


def error_answer(error: RequestError) -> JSONResponse:
    """The answer to a request that cannot be done as asked."""
    retry_after_s = error.retry_after_s if isinstance(error, TooManyRequests) else None
    message = f"{error.message} {error.hint}" if error.hint and error.status == 400 else error.message
    return JSONResponse(
        envelope(error.status, message, code=error.code, details=error.hint, retry_after_s=retry_after_s),
        error.status,
        headers=None if retry_after_s is None else {"retry-after": str(retry_after_s)},
    )


def issues_text(issues: Sequence[Any]) -> str:
    """What is wrong with a request, in one line: where, and what; never the values themselves, which may be secret.

    Args:
        issues: As pydantic lists them.
    """
    shown = [f"{_place(issue['loc'])}: {issue['msg']}" for issue in issues[:_ISSUES_SHOWN]]
    more = len(issues) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def install_errors(app: FastAPI) -> None:
    """Makes every error of `app`, its unknown routes and its own mistakes answer in the envelope."""
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(MeetfleetError, _on_other_error)
    app.add_exception_handler(Exception, _on_other_error)


def _place(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(parts) or str(location[0] if location else "request")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return error_answer(error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(envelope(400, issues_text(error.errors())), 400)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Those that the framework raises: unknown routes, wrong methods, bodies it cannot take."""
    assert isinstance(error, HTTPException)
    status = 400 if error.status_code == 422 else error.status_code
    message = f"Route {request.method}:{request.url.path} not found" if status == 404 else str(error.detail)
    return JSONResponse(envelope(status, message), status, headers=error.headers)


async def _on_other_error(request: Request, error: Exception) -> Response:
    code = error.code if isinstance(error, MeetfleetError) else ""
    log.error("request_failed", method=request.method, path=request.url.path, code=code, exc_info=error)
    message = error.message if code == "send_chat_message_failed" and isinstance(error, MeetfleetError) else ""
    return JSONResponse(envelope(500, message or _INTERNAL_MESSAGE, code=code), 500)
