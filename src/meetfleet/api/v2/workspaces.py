"""Workspaces: the Google or Microsoft organisation that bots' accounts belong to. Source: contract.md 2.16."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from meetfleet.api.v2.bodies import Body, Closed, Success
from meetfleet.api.v2.fields import Extra, Uuid, WireTime
from meetfleet.api.v2.filters import pairs
from meetfleet.api.v2.responses import Message, MessageResponse
from meetfleet.api.v2.route import CallerDep, PathId, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.control.certificates import KeyPair
from meetfleet.control.workspaces import NewWorkspace, WorkspaceChange
from meetfleet.store.tables import WorkspaceRow

Name = Annotated[str, Field(min_length=1, max_length=100)]
ExtraField = Annotated[Extra | None, Field(description="Your own data; a change replaces it, null clears it.")]
ExtraQuery = Annotated[str | None, Query(description="`key:value`, comma-separated; all must match exactly.")]
Reactivation = Annotated[Literal["active"] | None, Field(description="Try again after a failure.")]
_Domain = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")]
_Pem = Annotated[str, Field(min_length=1)]


class _WithKeyPair(Body):
    cert_pem: _Pem | None = None
    private_key_pem: Annotated[_Pem | None, Field(description="Kept sealed, never shown.")] = None

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if (self.cert_pem is None) != (self.private_key_pem is None):
            raise ValueError("'cert_pem' and 'private_key_pem' belong together")
        return self

    @property
    def key_pair(self) -> KeyPair | None:
        if self.cert_pem is None or self.private_key_pem is None:
            return None
        return KeyPair(self.cert_pem, self.private_key_pem)


class CreateMeetWorkspaceRequestBody(_WithKeyPair):
    """Either a new key pair is made, or one is brought along."""

    name: Name = "Google Workspace"
    domain: _Domain
    generate_keypair: Annotated[bool, Field(description="Make an RSA key and a certificate for it.")] = False
    extra: ExtraField = None

    @model_validator(mode="after")
    def _one_key_pair(self) -> Self:
        if self.generate_keypair == (self.cert_pem is not None):
            raise ValueError("send either 'generate_keypair': true, or 'cert_pem' and 'private_key_pem'")
        return self


class UpdateMeetWorkspaceRequestBody(_WithKeyPair):
    """What is left out stays as it is."""

    name: Name | None = None
    state: Reactivation = None
    extra: ExtraField = None


class CreateTeamsWorkspaceRequestBody(Body):
    name: Name = "Microsoft Teams"
    domain: _Domain
    extra: ExtraField = None


class UpdateTeamsWorkspaceRequestBody(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    state: Reactivation = None
    extra: ExtraField = None


class TeamsWorkspace(Closed):
    workspace_id: Uuid
    name: str
    domain: str
    state: Literal["active", "invalid"]
    failure_data: Annotated[Extra | None, Field(description="What is known of the last failure.")]
    last_error_message: str | None
    last_error_at: WireTime | None
    extra: Extra | None
    created_at: WireTime
    updated_at: WireTime


class MeetWorkspace(TeamsWorkspace):
    """Without its private key."""

    cert_pem: Annotated[str, Field(description="For the single sign-on settings of the Google Workspace.")]


class MeetWorkspaceResponse(Success):
    data: MeetWorkspace


class ListMeetWorkspacesResponse(Success):
    data: list[MeetWorkspace]


class TeamsWorkspaceResponse(Success):
    data: TeamsWorkspace


class ListTeamsWorkspacesResponse(Success):
    data: list[TeamsWorkspace]


def add_meet_workspace_routes(router: APIRouter, services: V2Services) -> None:
    accounts = services.meet
    path, one = "/meet-workspaces", "/meet-workspaces/{workspace_id}"

    @router.post(
        path,
        operation_id="createMeetWorkspace",
        summary="Add a Google Workspace",
        status_code=201,
        responses=answers(404),
    )
    async def create(caller: CallerDep, body: CreateMeetWorkspaceRequestBody) -> MeetWorkspaceResponse:
        """With the key pair that its single sign-on will trust."""
        new = NewWorkspace(
            name=body.name,
            domain=body.domain,
            key_pair=body.key_pair,
            generates_key_pair=body.generate_keypair,
            extra=body.extra,
        )
        return MeetWorkspaceResponse(data=_meet(await accounts.workspaces.create(caller.team, new)))

    @router.get(path, operation_id="listMeetWorkspaces", summary="List Google Workspaces", responses=answers(404))
    async def list_all(caller: CallerDep, extra: ExtraQuery = None) -> ListMeetWorkspacesResponse:
        """All of them, newest first."""
        found = await accounts.workspaces.list(caller.team, pairs(extra))
        return ListMeetWorkspacesResponse(data=[_meet(row) for row in found])

    @router.get(one, operation_id="getMeetWorkspace", summary="One Google Workspace", responses=answers(404))
    async def get(caller: CallerDep, workspace_id: PathId) -> MeetWorkspaceResponse:
        return MeetWorkspaceResponse(data=_meet(await accounts.workspaces.get(caller.team, UUID(workspace_id))))

    @router.patch(one, operation_id="updateMeetWorkspace", summary="Change a Google Workspace", responses=answers(404))
    async def update(
        caller: CallerDep, workspace_id: PathId, body: UpdateMeetWorkspaceRequestBody
    ) -> MeetWorkspaceResponse:
        """A new key pair takes effect at once."""
        change = WorkspaceChange(
            name=body.name,
            key_pair=body.key_pair,
            reactivates=body.state is not None,
            extra=body.extra,
            sets_extra="extra" in body.model_fields_set,
        )
        return MeetWorkspaceResponse(
            data=_meet(await accounts.workspaces.update(caller.team, UUID(workspace_id), change))
        )

    @router.delete(one, operation_id="deleteMeetWorkspace", summary="Delete a Google Workspace", responses=answers(404))
    async def delete(caller: CallerDep, workspace_id: PathId) -> MessageResponse:
        """With all of its logins."""
        await accounts.workspaces.delete(caller.team, UUID(workspace_id))
        return MessageResponse(data=Message(message="Meet workspace deleted successfully"))

    _ = create, list_all, get, update, delete


def add_teams_workspace_routes(router: APIRouter, services: V2Services) -> None:
    accounts = services.teams
    path, one = "/teams-workspaces", "/teams-workspaces/{workspace_id}"

    @router.post(
        path,
        operation_id="createTeamsWorkspace",
        summary="Add a Microsoft tenant",
        status_code=201,
        responses=answers(404),
    )
    async def create(caller: CallerDep, body: CreateTeamsWorkspaceRequestBody) -> TeamsWorkspaceResponse:
        """Its accounts follow as logins."""
        new = NewWorkspace(name=body.name, domain=body.domain, extra=body.extra)
        return TeamsWorkspaceResponse(data=_teams(await accounts.workspaces.create(caller.team, new)))

    @router.get(path, operation_id="listTeamsWorkspaces", summary="List Microsoft tenants", responses=answers(404))
    async def list_all(caller: CallerDep, extra: ExtraQuery = None) -> ListTeamsWorkspacesResponse:
        """All of them, newest first."""
        found = await accounts.workspaces.list(caller.team, pairs(extra))
        return ListTeamsWorkspacesResponse(data=[_teams(row) for row in found])

    @router.get(one, operation_id="getTeamsWorkspace", summary="One Microsoft tenant", responses=answers(404))
    async def get(caller: CallerDep, workspace_id: PathId) -> TeamsWorkspaceResponse:
        return TeamsWorkspaceResponse(data=_teams(await accounts.workspaces.get(caller.team, UUID(workspace_id))))

    @router.patch(one, operation_id="updateTeamsWorkspace", summary="Change a Microsoft tenant", responses=answers(404))
    async def update(
        caller: CallerDep, workspace_id: PathId, body: UpdateTeamsWorkspaceRequestBody
    ) -> TeamsWorkspaceResponse:
        change = WorkspaceChange(
            name=body.name,
            reactivates=body.state is not None,
            extra=body.extra,
            sets_extra="extra" in body.model_fields_set,
        )
        return TeamsWorkspaceResponse(
            data=_teams(await accounts.workspaces.update(caller.team, UUID(workspace_id), change))
        )

    @router.delete(
        one, operation_id="deleteTeamsWorkspace", summary="Delete a Microsoft tenant", responses=answers(404)
    )
    async def delete(caller: CallerDep, workspace_id: PathId) -> MessageResponse:
        """With all of its logins."""
        await accounts.workspaces.delete(caller.team, UUID(workspace_id))
        return MessageResponse(data=Message(message="Teams workspace deleted successfully"))

    _ = create, list_all, get, update, delete


def _teams(row: WorkspaceRow) -> TeamsWorkspace:
    return TeamsWorkspace(
        workspace_id=str(row.id),
        name=row.name,
        domain=row.domain,
        state=row.state.value,
        failure_data=row.failure_data,
        last_error_message=row.last_error_message,
        last_error_at=row.last_error_at,
        extra=row.extra,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _meet(row: WorkspaceRow) -> MeetWorkspace:
    return MeetWorkspace(**dict(_teams(row)), cert_pem=row.cert_pem or "")
