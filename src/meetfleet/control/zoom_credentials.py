"""Zoom credentials of a team: kept, shown without their secrets, renewed. Source: contract.md section 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.zoom_api import ZoomApi, ZoomApp, ZoomGrant, ZoomUser
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest, NotFound, ProviderError
from meetfleet.store.database import Database
from meetfleet.store.repositories.zoom_credentials import ZoomCredentialFilter, ZoomCredentialRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import CredentialState, TeamRow, ZoomCredentialRow, ZoomCredentialType
from meetfleet.store.times import utc

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ZoomCode:
    """What Zoom gave a user who authorised an app, to be exchanged for tokens once."""

    code: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class ZoomAuthorisation:
    """A user's tokens, and who that is as far as Zoom tells."""

    grant: ZoomGrant
    user: ZoomUser


@dataclass(frozen=True, slots=True, kw_only=True)
class NewZoomCredential:
    name: str
    app: ZoomApp
    code: ZoomCode | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomCredentialChange:
    """What is to change; None leaves a thing as it is.

    Attributes:
        extra: Counts only if `sets_extra`; then None clears.
    """

    name: str | None = None
    app: ZoomApp | None = None
    code: ZoomCode | None = None
    extra: Mapping[str, Any] | None = None
    sets_extra: bool = False


class ZoomCredentials:
    """All methods raise NotFound (`zoom_credential_not_found`) for an unknown, foreign or deleted id."""

    def __init__(self, database: Database, box: SecretBox, zoom: ZoomApi, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._zoom = zoom
        self._clock = clock

    async def create(self, team: TeamRow, new: NewZoomCredential) -> ZoomCredentialRow:
        """Raises InvalidRequest (`zoom_exchange_failed`) if Zoom does not take the code."""
        authorised = await self._authorised(new.app, new.code)
        row = ZoomCredentialRow(
            team_id=team.id,
            name=new.name,
            credential_type=ZoomCredentialType.APP,
            extra=None if new.extra is None else dict(new.extra),
            created_at=self._now(),
            updated_at=self._now(),
        )
        self._keep_app(row, new.app)
        if authorised is not None:
            keep_grant(row, authorised, self._box, self._now())
        async with self._database.transaction() as session:
            return await ZoomCredentialRepository(session).add(row)

    async def list(self, team: TeamRow, wanted: ZoomCredentialFilter) -> Sequence[ZoomCredentialRow]:
        """Newest first."""
        async with self._database.transaction() as session:
            return await ZoomCredentialRepository(session).list(team.id, wanted)

    async def get(self, team: TeamRow, credential_id: UUID) -> ZoomCredentialRow:
        async with self._database.transaction() as session:
            return await _found(session, team, credential_id)

    async def update(self, team: TeamRow, credential_id: UUID, change: ZoomCredentialChange) -> ZoomCredentialRow:
        """Raises InvalidRequest (`zoom_exchange_failed`) if Zoom does not take the code; then nothing is changed."""
        await self.get(team, credential_id)
        authorised = await self._authorised(change.app, change.code) if change.app else None
        async with self._database.transaction() as session:
            row = await _found(session, team, credential_id, lock=True)
            row.name = change.name or row.name
            if change.sets_extra:
                row.extra = None if change.extra is None else dict(change.extra)
            if change.app is not None:
                self._keep_app(row, change.app)
            if authorised is not None:
                keep_grant(row, authorised, self._box, self._now())
            row.updated_at = self._now()
            return row

    async def delete(self, team: TeamRow, credential_id: UUID) -> None:
        """Forgets its secrets at once; bots that name it fail when they join."""
        async with self._database.transaction() as session:
            row = await _found(session, team, credential_id, lock=True)
            row.deleted_at = row.updated_at = self._now()
            row.client_id = row.client_secret = row.access_token = row.refresh_token = None

    async def _authorised(self, app: ZoomApp, code: ZoomCode | None) -> ZoomAuthorisation | None:
        if code is None:
            return None
        try:
            grant = await self._zoom.exchange(app, code.code, code.redirect_uri)
        except ProviderError as error:
            text = f"The authorization code could not be exchanged. {error.message}"
            raise InvalidRequest(text, code="zoom_exchange_failed") from error
        return ZoomAuthorisation(grant, await who_is(self._zoom, grant))

    def _keep_app(self, row: ZoomCredentialRow, app: ZoomApp) -> None:
        row.client_id, row.client_secret = self._box.seal(app.client_id), self._box.seal(app.client_secret)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def refuse_unknown_credential(session: AsyncSession, team: TeamRow, options: Mapping[str, Any]) -> None:
    """Tells a caller at once of a credential that never was; one that is deleted is told of by the bot, when it joins.

    Args:
        options: A bot's validated request.

    Raises:
        InvalidRequest: `zoom_config` names a credential that this team never had.
    """
    config = cast("dict[str, Any]", options.get("zoom_config") or {})
    chosen = cast("str | None", config.get("credential_id"))
    if chosen is None:
        return
    found = await ZoomCredentialRepository(session).get(UUID(chosen), team_id=team.id, deleted=True)
    if found is None:
        text = f"zoom_config.credential_id: there is no Zoom credential '{chosen}'."
        raise InvalidRequest(text, code="unknown_zoom_credential")


async def who_is(zoom: ZoomApi, grant: ZoomGrant) -> ZoomUser:
    """Whose tokens these are; nobody's if Zoom does not say: without the scope the tokens are good all the same."""
    try:
        return await zoom.me(grant.access_token)
    except ProviderError as error:
        log.warning("zoom_user_unknown", error=error.message)
        return ZoomUser(None, None, None, None)


def keep_grant(row: ZoomCredentialRow, authorised: ZoomAuthorisation, box: SecretBox, now: datetime) -> None:
    """Stores new tokens, which make the credential good again."""
    grant, user = authorised.grant, authorised.user
    row.credential_type = ZoomCredentialType.USER
    row.access_token, row.refresh_token = box.seal(grant.access_token), box.seal(grant.refresh_token)
    row.access_until = now + timedelta(seconds=grant.expires_s)
    row.scopes = grant.scopes or row.scopes
    row.zoom_user_id = user.id or row.zoom_user_id
    row.zoom_account_id = user.account_id or row.zoom_account_id
    row.zoom_email = user.email or row.zoom_email
    row.zoom_display_name = user.display_name or row.zoom_display_name
    row.state = CredentialState.ACTIVE
    row.last_error_message = row.last_error_at = row.renewing_until = None


async def _found(session: AsyncSession, team: TeamRow, credential_id: UUID, *, lock: bool = False) -> ZoomCredentialRow:
    row = await ZoomCredentialRepository(session).get(credential_id, team_id=team.id, lock=lock)
    if row is None:
        raise NotFound(f"Zoom credential with ID '{credential_id}' not found", code="zoom_credential_not_found")
    return row
