"""Zoom's OAuth and REST endpoints, as far as credentials need them. Source: Zoom's OAuth pages, read 2026-11.

A refresh token is good for one use: each answer brings the next one.
"""

import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import ProviderError
from meetfleet.outside.guarded_http import GuardedHttp, HttpAnswer

OAUTH_URL = "https://zoom.us"
API_URL = "https://api.zoom.us"

ATTEMPTS = 3
_PAUSE_S = 0.5
_REASON_MAX_CHARS = 300
_LIFE_S = 3600.0


@dataclass(frozen=True, slots=True)
class ZoomApp:
    """Who we are to Zoom."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ZoomGrant:
    """What a user allowed an app.

    Attributes:
        expires_s: Life of the access token from now, in seconds.
        scopes: Comma-separated.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_s: float
    scopes: str


@dataclass(frozen=True, slots=True)
class ZoomUser:
    id: str | None
    account_id: str | None
    email: str | None
    display_name: str | None


class ZoomRefused(ProviderError):
    """Zoom understood and said no.

    Attributes:
        error: Its word for why (`invalid_grant`, ...), or empty.
        status: HTTP status of its answer; 401 for an access token that is not good any more.
    """

    def __init__(self, message: str, *, error: str = "", status: int = 400) -> None:
        super().__init__(message, code="zoom_refused")
        self.error = error
        self.status = status

    @property
    def is_final(self) -> bool:
        """Whether the grant itself is gone, so that trying again is of no use."""
        return self.error in ("invalid_grant", "invalid_client", "unauthorized_client", "bad_client_credentials")


class ZoomApi:
    """All methods raise ZoomRefused if Zoom says no, and another ProviderError if it cannot be asked.

    Args:
        oauth_url, api_url: Other than Zoom's own for its government cloud, and for tests.
    """

    def __init__(self, http: GuardedHttp, clock: Clock, *, oauth_url: str = OAUTH_URL, api_url: str = API_URL) -> None:
        self._http = http
        self._clock = clock
        self._token_url = f"{oauth_url.rstrip('/')}/oauth/token"
        self._users_url = f"{api_url.rstrip('/')}/v2/users"

    async def exchange(self, app: ZoomApp, code: str, redirect_uri: str) -> ZoomGrant:
        """Spends an authorization code; asked once only, since a code is good for one use."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return _grant(await self._token(app, form))

    async def refresh(self, app: ZoomApp, refresh_token: str) -> ZoomGrant:
        """Spends a refresh token; asked once only, for the same reason."""
        return _grant(await self._token(app, {"grant_type": "refresh_token", "refresh_token": refresh_token}))

    async def me(self, access_token: str) -> ZoomUser:
        """Who authorised the app. Needs the scope `user:read:user`."""
        said = await self._get(f"{self._users_url}/me", access_token)
        name = said.get("display_name") or " ".join(filter(None, (said.get("first_name"), said.get("last_name"))))
        return ZoomUser(_text(said.get("id")), _text(said.get("account_id")), _text(said.get("email")), name or None)

    async def user_token(self, access_token: str, kind: str, meeting_id: str | None = None) -> str:
        """A short-lived token to join with.

        Args:
            kind: `zak`, or `onbehalf` together with a meeting.
        """
        query = {"type": kind, **({"meeting_id": meeting_id} if meeting_id else {})}
        token = _text((await self._get(f"{self._users_url}/me/token?{urlencode(query)}", access_token)).get("token"))
        if not token:
            raise ZoomRefused("Zoom's answer held no token.")
        return token

    async def _token(self, app: ZoomApp, form: dict[str, str]) -> dict[str, Any]:
        basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
        headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
        answer = await self._http.ask("POST", self._token_url, headers=headers, body=urlencode(form).encode())
        return _checked(answer)

    async def _get(self, url: str, access_token: str) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                headers = {"authorization": f"Bearer {access_token}"}
                return _checked(await self._http.ask("GET", url, headers=headers))
            except ProviderError as error:
                if not error.retryable or attempt == ATTEMPTS:
                    raise
            await self._clock.sleep(_PAUSE_S * attempt * (0.5 + random.random()))
        raise AssertionError("the last attempt returns or raises")


def _checked(answer: HttpAnswer) -> dict[str, Any]:
    try:
        said: object = json.loads(answer.body)
    except ValueError:
        said = None
    known = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    if answer.status == 200 and known:
        return known
    if answer.status == 429 or answer.status >= 500 or answer.status == 200:
        raise ProviderError(f"Zoom answered {answer.status}.", code="zoom_unavailable", retryable=True)
    error = _text(known.get("error")) or ""
    why = _text(known.get("reason")) or _text(known.get("message")) or error or f"HTTP {answer.status}"
    raise ZoomRefused(f"Zoom refused: {why[:_REASON_MAX_CHARS]}", error=error, status=answer.status)


def _grant(said: dict[str, Any]) -> ZoomGrant:
    access, refresh = _text(said.get("access_token")), _text(said.get("refresh_token"))
    if not access or not refresh:
        raise ZoomRefused("Zoom's answer held no tokens.")
    scopes = ",".join((_text(said.get("scope")) or "").split())
    life_s = said.get("expires_in")
    return ZoomGrant(access, refresh, float(life_s) if isinstance(life_s, int | float) else _LIFE_S, scopes)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
