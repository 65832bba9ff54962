"""Zoom credentials: an app's id and secret, and perhaps a user who authorised it. Source: contract.md section 3."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from meetfleet.api.v2.bodies import Body, Closed, Success
from meetfleet.api.v2.fields import AnyUri, Extra, Uuid, WireTime
from meetfleet.api.v2.filters import members, pairs
from meetfleet.api.v2.responses import Message, MessageResponse
from meetfleet.api.v2.route import CallerDep, PathId, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.control.zoom_api import ZoomApp
from meetfleet.control.zoom_credentials import NewZoomCredential, ZoomCode, ZoomCredentialChange
from meetfleet.store.repositories.zoom_credentials import ZoomCredentialFilter
from meetfleet.store.tables import CredentialState, ZoomCredentialRow, ZoomCredentialType

_Name = Annotated[str, Field(min_length=1, max_length=100)]
_AppPart = Annotated[str, Field(min_length=1, max_length=256)]
_Code = Annotated[str, Field(max_length=2000, description="From Zoom's consent page; good for one exchange.")]
_Uri = Annotated[AnyUri | None, Field(description="As at the consent page; needed with the code.")]
_Extra = Annotated[Extra | None, Field(description="Your own data.")]


class _WithCode(Body):
    authorization_code: _Code | None = None
    redirect_uri: _Uri = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.authorization_code is not None and self.redirect_uri is None:
            raise ValueError("'redirect_uri' is required with 'authorization_code'")
        return self

    @property
    def zoom_code(self) -> ZoomCode | None:
        if self.authorization_code is None or self.redirect_uri is None:
            return None
        return ZoomCode(self.authorization_code, self.redirect_uri)


class CreateZoomCredentialRequestBody(_WithCode):
    """With a code, the Zoom user's tokens are fetched at once."""

    name: _Name
    client_id: _AppPart
    client_secret: _AppPart
    extra: _Extra = None


class UpdateZoomCredentialRequestBody(_WithCode):
    """What is left out stays as it is."""

    name: _Name | None = None
    client_id: _AppPart | None = None
    client_secret: _AppPart | None = None
    extra: _Extra = None

    @model_validator(mode="after")
    def _in_pairs(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("'client_id' and 'client_secret' are changed together")
        if self.authorization_code is not None and self.client_id is None:
            raise ValueError("'client_id' and 'client_secret' are required with 'authorization_code'")
        return self


class ListZoomCredentialsQuery(BaseModel):
    """An empty value is no condition."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str | None, Field(description="Part of the name, in any case.")] = None
    zoom_email: Annotated[str | None, Field(description="Part of the user's address.")] = None
    zoom_display_name: Annotated[str | None, Field(description="Part of the user's name.")] = None
    zoom_user_id: Annotated[str | None, Field(description="Exactly this user.")] = None
    credential_type: Annotated[str | None, Field(description="Any of app, user; comma-separated.")] = None
    state: Annotated[str | None, Field(description="Any of active, invalid; comma-separated.")] = None
    extra: Annotated[str | None, Field(description="`key:value`, comma-separated; all must match exactly.")] = None


class ZoomCredential(Closed):
    """Without its secrets."""

    credential_id: Uuid
    name: str
    credential_type: Literal["app", "user"]
    zoom_user_id: str | None
    zoom_account_id: str | None
    zoom_email: str | None
    zoom_display_name: str | None
    scopes: Annotated[str | None, Field(description="Comma-separated.")]
    state: Literal["active", "invalid"]
    last_error_message: Annotated[str | None, Field(description="Why the last token could not be fetched.")]
    last_error_at: WireTime | None
    created_at: WireTime
    updated_at: WireTime
    extra: Extra | None


class ZoomCredentialResponse(Success):
    data: ZoomCredential


class ListZoomCredentialsResponse(Success):
    data: list[ZoomCredential]


def add_zoom_credential_routes(router: APIRouter, services: V2Services) -> None:
    zoom = services.zoom_credentials

    @router.post(
        "/zoom-credentials",
        operation_id="createZoomCredential",
        summary="Store a Zoom credential",
        status_code=201,
        responses=answers(),
    )
    async def create(caller: CallerDep, body: CreateZoomCredentialRequestBody) -> ZoomCredentialResponse:
        """Secrets are kept sealed and never shown."""
        new = NewZoomCredential(
            name=body.name, app=ZoomApp(body.client_id, body.client_secret), code=body.zoom_code, extra=body.extra
        )
        return ZoomCredentialResponse(data=_shown(await zoom.create(caller.team, new)))

    @router.get(
        "/zoom-credentials",
        operation_id="listZoomCredentials",
        summary="List Zoom credentials",
        responses=answers(),
    )
    async def list_all(
        caller: CallerDep, query: Annotated[ListZoomCredentialsQuery, Query()]
    ) -> ListZoomCredentialsResponse:
        """All of them, newest first."""
        found = await zoom.list(caller.team, _filter(query))
        return ListZoomCredentialsResponse(data=[_shown(row) for row in found])

    @router.get(
        "/zoom-credentials/{id}",
        operation_id="getZoomCredential",
        summary="One Zoom credential",
        responses=answers(404),
    )
    async def get(caller: CallerDep, id: PathId) -> ZoomCredentialResponse:
        """With the last error, if a bot could not get a token."""
        return ZoomCredentialResponse(data=_shown(await zoom.get(caller.team, UUID(id))))

    @router.patch(
        "/zoom-credentials/{id}",
        operation_id="updateZoomCredential",
        summary="Change a Zoom credential, or authorise it anew",
        responses=answers(404),
    )
    async def update(
        caller: CallerDep, id: PathId, body: UpdateZoomCredentialRequestBody | None = None
    ) -> ZoomCredentialResponse:
        """A new code makes an invalid credential active again."""
        change = _change(body or UpdateZoomCredentialRequestBody())
        return ZoomCredentialResponse(data=_shown(await zoom.update(caller.team, UUID(id), change)))

    @router.delete(
        "/zoom-credentials/{id}",
        operation_id="deleteZoomCredential",
        summary="Delete a Zoom credential",
        responses=answers(404),
    )
    async def delete(caller: CallerDep, id: PathId) -> MessageResponse:
        """Its secrets are forgotten at once. Bots that name it fail when they join."""
        await zoom.delete(caller.team, UUID(id))
        return MessageResponse(data=Message(message="Zoom credential deleted successfully"))

    _ = create, list_all, get, update, delete


def _filter(query: ListZoomCredentialsQuery) -> ZoomCredentialFilter:
    return ZoomCredentialFilter(
        name=query.name or None,
        zoom_email=query.zoom_email or None,
        zoom_display_name=query.zoom_display_name or None,
        zoom_user_id=query.zoom_user_id or None,
        types=members("credential_type", ZoomCredentialType, query.credential_type),
        states=members("state", CredentialState, query.state),
        extra=pairs(query.extra),
    )


def _change(body: UpdateZoomCredentialRequestBody) -> ZoomCredentialChange:
    app = ZoomApp(body.client_id, body.client_secret) if body.client_id and body.client_secret else None
    return ZoomCredentialChange(
        name=body.name,
        app=app,
        code=body.zoom_code,
        extra=body.extra,
        sets_extra="extra" in body.model_fields_set,
    )


def _shown(row: ZoomCredentialRow) -> ZoomCredential:
    return ZoomCredential(
        credential_id=str(row.id),
        name=row.name,
        credential_type=row.credential_type.value,
        zoom_user_id=row.zoom_user_id,
        zoom_account_id=row.zoom_account_id,
        zoom_email=row.zoom_email,
        zoom_display_name=row.zoom_display_name,
        scopes=row.scopes,
        state=row.state.value,
        last_error_message=row.last_error_message,
        last_error_at=row.last_error_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        extra=row.extra,
    )
