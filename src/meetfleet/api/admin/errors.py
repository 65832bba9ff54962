"""Failures of the admin API: v2's envelope, in our own words instead of another API's codes."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from meetfleet.api.errors import issues_text
from meetfleet.domain.dialects.v2 import PHRASES
from meetfleet.domain.errors import RequestError, TooManyRequests

log = structlog.get_logger()

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


def error_answer(status: int, code: str, message: str, *, retry_after_s: int | None = None) -> JSONResponse:
    """One failure: `code` is stable and for programs, `message` for people."""
    body: dict[str, object] = {
        "success": False,
        "error": PHRASES.get(status, "Error"),
        "code": code,
        "statusCode": status,
        "message": message,
    }
    if retry_after_s is None:
        return JSONResponse(body, status)
    return JSONResponse(body | {"retryAfter": retry_after_s}, status, headers={"retry-after": str(retry_after_s)})


def install_errors(app: FastAPI) -> None:
    """Makes every error of `app` and its unknown routes answer in the envelope."""
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def on_mistake(request: Request, error: Exception) -> Response:
    """The answer to what should not have happened; the log has it under the answer's `x-request-id`."""
    log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    return error_answer(500, "internal", "Something went wrong on our side. The request may be tried again.")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    retry_after_s = error.retry_after_s if isinstance(error, TooManyRequests) else None
    message = f"{error.message} {error.hint}" if error.hint else error.message
    return error_answer(error.status, error.code, message, retry_after_s=retry_after_s)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_answer(400, "invalid_request", issues_text(error.errors()))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Those that the framework raises: unknown routes, wrong methods, bodies it cannot take."""
    assert isinstance(error, HTTPException)
    status = 400 if error.status_code == 422 else error.status_code
    message = f"Route {request.method}:{request.url.path} not found" if status == 404 else str(error.detail)
    answer = error_answer(status, _CODES.get(status, "invalid_request"), message)
    answer.headers.update(error.headers or {})
    return answer
