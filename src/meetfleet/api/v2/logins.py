"""Logins: the accounts of a workspace that bots sign in with, and how busy they are. Source: contract.md 2.16."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, Field, WithJsonSchema

from meetfleet.api.v2.bodies import Body, Closed, Success
from meetfleet.api.v2.fields import EMAIL, Extra, Uuid, WireTime
from meetfleet.api.v2.filters import pairs
from meetfleet.api.v2.responses import Message, MessageResponse
from meetfleet.api.v2.route import CallerDep, PathId, answers
from meetfleet.api.v2.services import V2Services
from meetfleet.api.v2.workspaces import ExtraField, ExtraQuery, Name, Reactivation
from meetfleet.control.logins import LoginChange, NewLogin, Utilization
from meetfleet.store.repositories.logins import UsedLogin


def _email(text: str) -> str:
    if len(text) > 254 or not EMAIL.match(text):
        raise ValueError("must be an e-mail address")
    return text


def _email_or_empty(text: str) -> str:
    return _email(text) if text else text


_EMAIL = WithJsonSchema({"type": "string", "format": "email", "maxLength": 254})
_Email = Annotated[str, AfterValidator(_email), _EMAIL]
_Group = Annotated[
    _Email | None, Field(description="Logins of one group stand in for each other; any address names one.")
]
_NewGroup = Annotated[
    Annotated[str, AfterValidator(_email_or_empty), WithJsonSchema({"type": "string"})] | None,
    Field(description="Empty or null takes it out of its group."),
]
_Password = Annotated[str, Field(min_length=1, max_length=1024, description="Kept sealed, never shown.")]
_Count = Annotated[int, Field(ge=0)]


class CreateMeetLoginRequestBody(Body):
    """An account of a Google Workspace. It needs no password: the workspace trusts our key pair."""

    workspace_id: Uuid
    name: Name
    email: _Email
    email_group: _Group = None
    extra: ExtraField = None


class CreateTeamsLoginRequestBody(CreateMeetLoginRequestBody):
    """An account of a Microsoft tenant."""

    password: _Password


class UpdateMeetLoginRequestBody(Body):
    """What is left out stays as it is."""

    name: Name | None = None
    email_group: _NewGroup = None
    state: Reactivation = None
    extra: ExtraField = None


class UpdateTeamsLoginRequestBody(UpdateMeetLoginRequestBody):
    """What is left out stays as it is."""

    password: _Password | None = None


class Login(Closed):
    """Without its secrets."""

    credential_id: Uuid
    workspace_id: Uuid
    name: str
    email: str
    email_group: str | None
    state: Literal["active", "invalid"]
    failure_data: Annotated[Extra | None, Field(description="What is known of the last failure.")]
    last_error_message: str | None
    last_error_at: WireTime | None
    last_used_at: WireTime | None
    active_session_count: Annotated[_Count, Field(description="Bots in meetings with it now.")]
    extra: Extra | None
    created_at: WireTime
    updated_at: WireTime


class GroupUtilization(Closed):
    email_group: str | None
    logins: _Count
    concurrent: _Count
    capacity: _Count


class LoginUtilization(Closed):
    logins_total: _Count
    logins_active: _Count
    logins_invalid: _Count
    concurrent_sessions: _Count
    concurrent_capacity: Annotated[_Count, Field(description="Of the active logins together.")]
    utilization_pct: Annotated[float, Field(ge=0)]
    by_email_group: list[GroupUtilization]


class LoginResponse(Success):
    data: Login


class ListLoginsResponse(Success):
    data: list[Login]


class LoginUtilizationResponse(Success):
    data: LoginUtilization


def add_meet_login_routes(router: APIRouter, services: V2Services) -> None:
    accounts = services.meet
    path, one = "/meet-logins", "/meet-logins/{credential_id}"

    @router.post(
        path, operation_id="createMeetLogin", summary="Add a Google login", status_code=201, responses=answers(404)
    )
    async def create(caller: CallerDep, body: CreateMeetLoginRequestBody) -> LoginResponse:
        """A bot takes it by `meet_config`."""
        return LoginResponse(data=_shown(await accounts.logins.create(caller.team, _new(body))))

    @router.get(path, operation_id="listMeetLogins", summary="List Google logins", responses=answers(404))
    async def list_all(caller: CallerDep, extra: ExtraQuery = None) -> ListLoginsResponse:
        """All of them, newest first."""
        return ListLoginsResponse(data=[_shown(used) for used in await accounts.logins.list(caller.team, pairs(extra))])

    @router.get(
        f"{path}/utilization",
        operation_id="getMeetLoginUtilization",
        summary="How busy the Google logins are",
        responses=answers(404),
    )
    async def utilization(caller: CallerDep) -> LoginUtilizationResponse:
        return LoginUtilizationResponse(data=_utilization(await accounts.logins.utilization(caller.team)))

    @router.get(one, operation_id="getMeetLogin", summary="One Google login", responses=answers(404))
    async def get(caller: CallerDep, credential_id: PathId) -> LoginResponse:
        return LoginResponse(data=_shown(await accounts.logins.get(caller.team, UUID(credential_id))))

    @router.patch(one, operation_id="updateMeetLogin", summary="Change a Google login", responses=answers(404))
    async def update(caller: CallerDep, credential_id: PathId, body: UpdateMeetLoginRequestBody) -> LoginResponse:
        """For bots that start from now on."""
        return LoginResponse(data=_shown(await accounts.logins.update(caller.team, UUID(credential_id), _change(body))))

    @router.delete(one, operation_id="deleteMeetLogin", summary="Delete a Google login", responses=answers(404))
    async def delete(caller: CallerDep, credential_id: PathId) -> MessageResponse:
        """Bots that are in meetings with it stay there."""
        await accounts.logins.delete(caller.team, UUID(credential_id))
        return MessageResponse(data=Message(message="Meet login deleted successfully"))

    _ = create, list_all, utilization, get, update, delete


def add_teams_login_routes(router: APIRouter, services: V2Services) -> None:
    accounts = services.teams
    path, one = "/teams-logins", "/teams-logins/{credential_id}"

    @router.post(
        path, operation_id="createTeamsLogin", summary="Add a Microsoft login", status_code=201, responses=answers(404)
    )
    async def create(caller: CallerDep, body: CreateTeamsLoginRequestBody) -> LoginResponse:
        """A bot takes it by `teams_config`."""
        return LoginResponse(data=_shown(await accounts.logins.create(caller.team, _new(body, body.password))))

    @router.get(path, operation_id="listTeamsLogins", summary="List Microsoft logins", responses=answers(404))
    async def list_all(caller: CallerDep, extra: ExtraQuery = None) -> ListLoginsResponse:
        """All of them, newest first."""
        return ListLoginsResponse(data=[_shown(used) for used in await accounts.logins.list(caller.team, pairs(extra))])

    @router.get(
        f"{path}/utilization",
        operation_id="getTeamsLoginUtilization",
        summary="How busy the Microsoft logins are",
        responses=answers(404),
    )
    async def utilization(caller: CallerDep) -> LoginUtilizationResponse:
        return LoginUtilizationResponse(data=_utilization(await accounts.logins.utilization(caller.team)))

    @router.get(one, operation_id="getTeamsLogin", summary="One Microsoft login", responses=answers(404))
    async def get(caller: CallerDep, credential_id: PathId) -> LoginResponse:
        return LoginResponse(data=_shown(await accounts.logins.get(caller.team, UUID(credential_id))))

    @router.patch(one, operation_id="updateTeamsLogin", summary="Change a Microsoft login", responses=answers(404))
    async def update(caller: CallerDep, credential_id: PathId, body: UpdateTeamsLoginRequestBody) -> LoginResponse:
        """For bots that start from now on."""
        change = _change(body, body.password)
        return LoginResponse(data=_shown(await accounts.logins.update(caller.team, UUID(credential_id), change)))

    @router.delete(one, operation_id="deleteTeamsLogin", summary="Delete a Microsoft login", responses=answers(404))
    async def delete(caller: CallerDep, credential_id: PathId) -> MessageResponse:
        """Bots that are in meetings with it stay there."""
        await accounts.logins.delete(caller.team, UUID(credential_id))
        return MessageResponse(data=Message(message="Teams login deleted successfully"))

    _ = create, list_all, utilization, get, update, delete


def _new(body: CreateMeetLoginRequestBody, password: str | None = None) -> NewLogin:
    return NewLogin(
        workspace_id=UUID(body.workspace_id),
        name=body.name,
        email=body.email,
        email_group=body.email_group,
        password=password,
        extra=body.extra,
    )


def _change(body: UpdateMeetLoginRequestBody, password: str | None = None) -> LoginChange:
    return LoginChange(
        name=body.name,
        password=password,
        email_group=body.email_group,
        sets_group="email_group" in body.model_fields_set,
        reactivates=body.state is not None,
        extra=body.extra,
        sets_extra="extra" in body.model_fields_set,
    )


def _shown(used: UsedLogin) -> Login:
    row = used.login
    return Login(
        credential_id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        email=row.email,
        email_group=row.email_group,
        state=row.state.value,
        failure_data=row.failure_data,
        last_error_message=row.last_error_message,
        last_error_at=row.last_error_at,
        last_used_at=row.last_used_at,
        active_session_count=used.sessions,
        extra=row.extra,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _utilization(found: Utilization) -> LoginUtilization:
    return LoginUtilization(
        logins_total=found.active + found.invalid,
        logins_active=found.active,
        logins_invalid=found.invalid,
        concurrent_sessions=found.sessions,
        concurrent_capacity=found.capacity,
        utilization_pct=found.percent,
        by_email_group=[
            GroupUtilization(
                email_group=group.email_group,
                logins=group.logins,
                concurrent=group.sessions,
                capacity=group.capacity,
            )
            for group in found.groups
        ],
    )
