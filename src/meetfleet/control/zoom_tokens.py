"""What a Zoom bot needs to get in: tokens on behalf of a user, from a stored credential or from the caller's own URL.

Source: contract.md 2.1.1 and 3.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

import structlog

from meetfleet.control.zoom_api import ZoomApi, ZoomApp, ZoomRefused
from meetfleet.control.zoom_credentials import ZoomAuthorisation, keep_grant, who_is
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError, ProviderError
from meetfleet.outside.guarded_http import TIMEOUT_S, GuardedHttp
from meetfleet.store.database import Database
from meetfleet.store.repositories.zoom_credentials import ZoomCredentialRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow, CredentialState, ZoomCredentialRow, ZoomCredentialType
from meetfleet.store.times import utc

EARLY_S = 120.0
"""An access token is renewed when it has less than this left."""
RENEWAL_S = 3 * TIMEOUT_S + 15
"""Longer than a renewal can take, so that nobody else spends the same refresh token meanwhile."""
_LOOK_S = 0.25
_TOKEN_MAX_CHARS = 8192

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ZoomJoinTokens:
    """What goes into the join; None where the caller configured nothing.

    Attributes:
        app: The credential's own app, to sign with instead of the server's.
    """

    obf_token: str | None = field(default=None, repr=False)
    zak_token: str | None = field(default=None, repr=False)
    app: ZoomApp | None = None


class ZoomTokens:
    """Fetches tokens when a bot joins, and notes on the credential how that went."""

    def __init__(self, database: Database, box: SecretBox, zoom: ZoomApi, http: GuardedHttp, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._zoom = zoom
        self._http = http
        self._clock = clock

    async def for_bot(self, bot: BotRow) -> ZoomJoinTokens:
        """Everything that this bot's `zoom_config` asks for. A ready token wins over a URL, a URL over a credential.

        Raises:
            JoinError: a token that was asked for is not to be had.
        """
        config = cast("dict[str, Any]", bot.options.get("zoom_config") or {})
        credential = await self._credential(bot, config)
        zak_url, obf_url = config.get("zak_token_url"), config.get("obf_token_url")
        zak = await self.from_url(bot, zak_url, EndReason.ZOOM_ACCESS_TOKEN_ERROR) if zak_url else None
        if config.get("obf_token"):
            obf = self._box.open(config["obf_token"])
        elif obf_url:
            obf = await self.from_url(bot, obf_url, EndReason.ZOOM_OBF_TOKEN_ERROR)
        else:
            authorised = credential is not None and credential.credential_type is ZoomCredentialType.USER
            obf = await self.obf_token(bot.team_id, credential.id, bot.native_id) if credential and authorised else None
        return ZoomJoinTokens(obf, zak, self._app(credential) if credential else None)

    async def obf_token(self, team_id: UUID, credential_id: UUID, meeting_id: str) -> str:
        """A token to join one meeting on behalf of the credential's user, who has to be in it.

        Raises:
            JoinError: `zoom_obf_token_error`; why stands on the credential, too.
        """
        return await self._user_token(team_id, credential_id, "onbehalf", meeting_id)

    async def zak_token(self, team_id: UUID, credential_id: UUID) -> str:
        """A token to join as the credential's user. Raises JoinError."""
        return await self._user_token(team_id, credential_id, "zak", None)

    async def from_url(self, bot: BotRow, url: str, reason: EndReason) -> str:
        """Asks the caller's own service for a token: plain text, within 15 s.

        Raises:
            JoinError: with `reason`, if it gives none.
        """
        parts = urlsplit(url)
        own = urlencode({"bot_uuid": str(bot.id), "extra": json.dumps(bot.extra or {})})
        asked = urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))
        try:
            answer = await self._http.ask("GET", asked)
        except ProviderError as error:
            raise JoinError(reason, f"The token URL gave no token: {error.message}") from error
        token = answer.body.decode(errors="replace").strip()
        if answer.status != 200 or not 0 < len(token) <= _TOKEN_MAX_CHARS or not token.isprintable():
            raise JoinError(reason, f"The token URL gave no token (HTTP {answer.status}).")
        return token

    async def _user_token(self, team_id: UUID, credential_id: UUID, kind: str, meeting_id: str | None) -> str:
        try:
            token = await self._asked_with_good_access(team_id, credential_id, kind, meeting_id)
        except ProviderError as error:
            await self._note(team_id, credential_id, error)
            raise JoinError(EndReason.ZOOM_OBF_TOKEN_ERROR, error.message) from error
        await self._note(team_id, credential_id, None)
        return token

    async def _asked_with_good_access(
        self, team_id: UUID, credential_id: UUID, kind: str, meeting_id: str | None
    ) -> str:
        access_token = await self._access_token(team_id, credential_id)
        try:
            return await self._zoom.user_token(access_token, kind, meeting_id)
        except ZoomRefused as error:
            if error.status != 401:
                raise
        # Refused before its time: a new one may still be had.
        renewed = await self._access_token(team_id, credential_id, other_than=access_token)
        return await self._zoom.user_token(renewed, kind, meeting_id)

    async def _access_token(self, team_id: UUID, credential_id: UUID, *, other_than: str | None = None) -> str:
        """The stored one while it is good, else a new one. Whoever comes second waits for the first one's result."""
        deadline_ns = self._clock.now_ns() + int(RENEWAL_S * 1e9)
        while self._clock.now_ns() < deadline_ns:
            async with self._database.transaction() as session:
                row = await ZoomCredentialRepository(session).get(credential_id, team_id=team_id, lock=True)
                good = self._good_access(row)
                if good is not None and good != other_than:
                    return good
                assert row is not None
                until = self._now() + timedelta(seconds=RENEWAL_S)
                mine = await ZoomCredentialRepository(session).claim_renewal(row, self._now(), until)
            if mine:
                return await self._renew(row)
            await self._clock.sleep(_LOOK_S)
        raise ProviderError("The Zoom credential could not be renewed in time.", retryable=True)

    def _good_access(self, row: ZoomCredentialRow | None) -> str | None:
        """Raises JoinError if there is nothing to get one with."""
        if row is None or row.access_token is None or row.refresh_token is None:
            text = "The Zoom credential is deleted, or no Zoom user authorised it."
            raise JoinError(EndReason.ZOOM_OBF_TOKEN_ERROR, text)
        if row.state is CredentialState.INVALID:
            text = "The Zoom credential is invalid; it has to be authorised again."
            raise JoinError(EndReason.ZOOM_OBF_TOKEN_ERROR, text)
        if row.access_until is None or row.access_until <= self._now() + timedelta(seconds=EARLY_S):
            return None
        return self._box.open(row.access_token)

    async def _renew(self, row: ZoomCredentialRow) -> str:
        app = self._app(row)
        assert app is not None
        assert row.refresh_token is not None
        try:
            grant = await self._zoom.refresh(app, self._box.open(row.refresh_token))
        except ProviderError as error:
            await self._not_renewed(row, error)
            raise
        user = await who_is(self._zoom, grant)
        async with self._database.transaction() as session:
            current = await ZoomCredentialRepository(session).get(row.id, team_id=row.team_id, lock=True)
            # Authorised anew or deleted while we asked: what is there now is newer.
            if current is not None and current.refresh_token == row.refresh_token:
                keep_grant(current, ZoomAuthorisation(grant, user), self._box, self._now())
                current.updated_at = self._now()
        return grant.access_token

    async def _not_renewed(self, row: ZoomCredentialRow, error: ProviderError) -> None:
        """A grant that is gone makes the credential invalid, unless somebody authorised it anew meanwhile."""
        async with self._database.transaction() as session:
            current = await ZoomCredentialRepository(session).get(row.id, team_id=row.team_id, lock=True)
            if current is None or current.refresh_token != row.refresh_token:
                return
            current.renewing_until = None
            if isinstance(error, ZoomRefused) and error.is_final:
                current.state = CredentialState.INVALID
                log.warning("zoom_credential_invalid", credential_id=str(row.id), error=error.error)

    async def _note(self, team_id: UUID, credential_id: UUID, error: ProviderError | None) -> None:
        """Success clears the last error."""
        async with self._database.transaction() as session:
            row = await ZoomCredentialRepository(session).get(credential_id, team_id=team_id, lock=True)
            if row is None or (error is None and row.last_error_at is None):
                return
            row.last_error_message = None if error is None else error.message
            row.last_error_at = None if error is None else self._now()
            row.updated_at = self._now()

    async def _credential(self, bot: BotRow, config: Mapping[str, Any]) -> ZoomCredentialRow | None:
        """The one that the bot names, by its id or by the Zoom user who authorised it."""
        chosen, user = config.get("credential_id"), config.get("credential_user_id")
        if not chosen and not user:
            return None
        async with self._database.transaction() as session:
            credentials = ZoomCredentialRepository(session)
            if chosen:
                row = await credentials.get(UUID(chosen), team_id=bot.team_id)
            else:
                row = await credentials.of_zoom_user(bot.team_id, str(user))
        if row is None:
            raise JoinError(EndReason.ZOOM_OBF_TOKEN_ERROR, "The bot's Zoom credential does not exist any more.")
        return row

    def _app(self, row: ZoomCredentialRow) -> ZoomApp | None:
        if row.client_id is None or row.client_secret is None:
            return None
        return ZoomApp(self._box.open(row.client_id), self._box.open(row.client_secret))

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
