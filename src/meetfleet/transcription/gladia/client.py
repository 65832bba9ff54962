"""Four requests to Gladia: bounded in time, redirects not followed, and what went wrong said in our own errors."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx2

from meetfleet.domain.errors import ProviderError

_CONNECT_S = 10.0
_ANSWER_S = 60.0
_UPLOAD_S = 900.0
_TEXT_CHARS = 200
_RETRYABLE = frozenset({408, 425, 429})


class GladiaClient:
    """Every method raises ProviderError."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._api_key = api_key
        self._http = httpx2.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers={"x-gladia-key": api_key, "accept": "application/json"},
            timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
            follow_redirects=False,
        )

    async def upload(self, audio: Path) -> str:
        """Sends a file, and returns the address by which jobs name it."""
        with await asyncio.to_thread(audio.open, "rb") as file:
            files = {"audio": (audio.name, file, "audio/flac")}
            answer = await self._ask("POST", "/v2/upload", "the upload", limit_s=_UPLOAD_S, files=files)
        return _text(answer, "audio_url")

    async def start(self, params: Mapping[str, object]) -> str:
        """Starts a job, and returns its id."""
        return _text(await self._ask("POST", "/v2/pre-recorded", "a new job", json=dict(params)), "id")

    async def job(self, job_id: str) -> Mapping[str, Any]:
        # Not by the `result_url` of the answer: the key goes to the address that the operator knows, to no other.
        return await self._ask("GET", _path(job_id), "a job")

    async def delete(self, job_id: str) -> None:
        """Deletes a job with its sound and text; one that is gone is fine."""
        try:
            await self._ask("DELETE", _path(job_id), "a deletion")
        except GladiaRefusal as refusal:
            if refusal.status == 404:
                return
            # Source: the API's reference, 403 means that the job is not in a deletable state yet.
            raise refusal.worth_another_try() if refusal.status == 403 else refusal from None

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(
        self, method: str, path: str, about: str, *, limit_s: float = _ANSWER_S, **more: Any
    ) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._http.request(method, path, **more)
        except (TimeoutError, httpx2.TimeoutException):
            raise ProviderError(f"Gladia did not answer {about} in time.", code="timeout", retryable=True) from None
        except (httpx2.HTTPError, OSError) as error:
            what = type(error).__name__
            raise ProviderError(f"Gladia cannot be reached: {what}.", code="unreachable", retryable=True) from None
        if not answer.is_success:
            raise self._refusal(answer, about)
        return _mapping(answer)

    def _refusal(self, answer: httpx2.Response, about: str) -> "GladiaRefusal":
        said = _message(answer).replace(self._api_key, "***")[:_TEXT_CHARS]
        return GladiaRefusal(answer.status_code, f"Gladia answered {about} with {answer.status_code}: {said}", answer)


class GladiaRefusal(ProviderError):
    """An answer other than 2xx. 429 and 5xx are worth another try, 4xx are not."""

    def __init__(self, status: int, message: str, answer: httpx2.Response) -> None:
        wait = answer.headers.get("retry-after", "")
        super().__init__(
            message,
            code="refused",
            retryable=status >= 500 or status in _RETRYABLE,
            retry_after_s=float(wait) if wait.isdecimal() else None,
        )
        self.status = status

    def worth_another_try(self) -> ProviderError:
        return ProviderError(self.message, code=self.code, retryable=True)


def _path(job_id: str) -> str:
    return f"/v2/pre-recorded/{quote(job_id, safe='')}"


def _mapping(answer: httpx2.Response) -> Mapping[str, Any]:
    if not answer.content:
        return {}
    try:
        found: object = answer.json()
    except ValueError:
        raise ProviderError("Gladia's answer is no JSON.", code="bad_answer", retryable=True) from None
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def _message(answer: httpx2.Response) -> str:
    try:
        return str(_mapping(answer).get("message") or "")
    except ProviderError:
        return ""


def _text(answer: Mapping[str, Any], key: str) -> str:
    found = answer.get(key)
    if not isinstance(found, str) or not found:
        raise ProviderError(f"Gladia's answer lacks '{key}'.", code="bad_answer", retryable=True)
    return found
