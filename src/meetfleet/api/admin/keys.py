"""API keys: a team's own, and the admin keys of the server."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from meetfleet.api.admin import responses as out
from meetfleet.api.admin.route import AdminDep, Id, PageDep, PrincipalDep, TeamDep, answers
from meetfleet.api.admin.services import AdminServices
from meetfleet.control.access import Principal
from meetfleet.control.keys import NAME_MAX_CHARS
from meetfleet.domain.errors import Conflict
from meetfleet.store.tables import ApiKeyRow, Permissions, TeamRow


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class NewAdminKeyBody(_Body):
    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARS, description="What the key is for.")]


class NewKeyBody(NewAdminKeyBody):
    permissions: Annotated[Literal["full", "sending"], Field(description="`sending` may only create bots.")] = "full"
    sandbox: Annotated[bool, Field(description="Its bots join simulated meetings: docs/sandbox.md.")] = False


def add_key_routes(router: APIRouter, services: AdminServices) -> None:
    async def created(
        team: TeamRow | None, name: str, permissions: Permissions, *, sandbox: bool = False
    ) -> out.One[out.CreatedKey]:
        row, text = await services.keys.create(team, name, permissions, sandbox=sandbox)
        return out.One(data=out.CreatedKey(**out.key_body(row).model_dump(), key=text))

    async def revoked(principal: Principal, team: TeamRow | None, key_id: Id) -> out.One[out.KeyBody]:
        _refuse_own(principal.key, key_id)
        return out.One(data=out.key_body(await services.keys.revoke(team, str(key_id))))

    @router.get("/keys", operation_id="listKeys", summary="List a team's API keys", responses=answers(404))
    async def list_keys(team: TeamDep, page: PageDep) -> out.Many[out.KeyBody]:
        """Newest first, revoked ones too."""
        return out.many(await services.keys.page(team, page), out.key_body)

    @router.post(
        "/keys", operation_id="createKey", summary="Create an API key", status_code=201, responses=answers(404)
    )
    async def create_key(team: TeamDep, body: NewKeyBody) -> out.One[out.CreatedKey]:
        """The answer holds the key's text, which is shown this once."""
        return await created(team, body.name, Permissions(body.permissions), sandbox=body.sandbox)

    @router.delete("/keys/{key_id}", operation_id="revokeKey", summary="Revoke a key", responses=answers(404, 409))
    async def revoke_key(principal: PrincipalDep, team: TeamDep, key_id: Id) -> out.One[out.KeyBody]:
        """The key is unknown from this moment."""
        return await revoked(principal, team, key_id)

    @router.get("/admin-keys", operation_id="listAdminKeys", summary="List admin keys", responses=answers())
    async def list_admin_keys(admin: AdminDep, page: PageDep) -> out.Many[out.KeyBody]:
        """Newest first, revoked ones too. Admin keys only."""
        return out.many(await services.keys.page(None, page), out.key_body)

    @router.post(
        "/admin-keys",
        operation_id="createAdminKey",
        summary="Create an admin key",
        status_code=201,
        responses=answers(),
    )
    async def create_admin_key(admin: AdminDep, body: NewAdminKeyBody) -> out.One[out.CreatedKey]:
        """A key that manages every team. Admin keys only."""
        return await created(None, body.name, Permissions.ADMIN)

    @router.delete(
        "/admin-keys/{key_id}",
        operation_id="revokeAdminKey",
        summary="Revoke an admin key",
        responses=answers(404, 409),
    )
    async def revoke_admin_key(admin: AdminDep, key_id: Id) -> out.One[out.KeyBody]:
        """The key is unknown from this moment. Admin keys only."""
        return await revoked(admin, None, key_id)

    _ = list_keys, create_key, revoke_key, list_admin_keys, create_admin_key, revoke_admin_key


def _refuse_own(key: ApiKeyRow | None, key_id: Id) -> None:
    """So that nobody locks themselves out by mistake."""
    if key is not None and key.id == key_id:
        raise Conflict("A key cannot revoke itself; use another one.", code="key_in_use")
