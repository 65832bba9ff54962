"""Webhook endpoints of a team."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from meetfleet.api.admin import responses as out
from meetfleet.api.admin.responses import Closed
from meetfleet.api.admin.route import Id, PageDep, PrincipalDep, TeamDep, answers
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.v2.fields import CallableUrl, WireTime
from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.endpoints import NAME_MAX_CHARS, OVERLAP_MAX, ROTATION_OVERLAP, AllEvents, EndpointChanges
from meetfleet.outside.addresses import URL_MAX_CHARS
from meetfleet.store.tables import EndpointRow

_MAX_OVERLAP_HOURS = OVERLAP_MAX // timedelta(hours=1)
_OVERLAP_HOURS = ROTATION_OVERLAP // timedelta(hours=1)

Name = Annotated[str, Field(max_length=NAME_MAX_CHARS)]
Url = Annotated[CallableUrl, Field(max_length=URL_MAX_CHARS, description="Where events are sent by POST.")]
Events = Annotated[
    list[str] | None,
    Field(
        min_length=1,
        description=f"Those it wants, of {', '.join(Event)}; null for all.",
        json_schema_extra={"example": [Event.COMPLETED]},
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class NewEndpointBody(_Body):
    url: Url
    name: Name = ""
    events: Events = None


class EndpointChangesBody(_Body):
    """What is left out stays as it is."""

    url: Url | None = None
    name: Name | None = None
    events: Events = None
    enabled: Annotated[bool | None, Field(description="Switching on starts its clock of failure anew.")] = None

    def changes(self) -> EndpointChanges:
        events = AllEvents() if "events" in self.model_fields_set and self.events is None else self.events
        return EndpointChanges(self.url, self.name, events, self.enabled)


class RotationBody(_Body):
    overlap_hours: Annotated[
        int, Field(ge=0, le=_MAX_OVERLAP_HOURS, description="How long the present secret signs, too.")
    ] = _OVERLAP_HOURS


class EndpointBody(Closed):
    """A webhook endpoint, without its secret."""

    id: UUID
    team_id: UUID
    name: str
    url: str
    events: Annotated[list[str] | None, Field(description="Null for all.")]
    enabled: bool
    disabled_reason: Annotated[str | None, Field(description="Null if it was switched off by hand.")]
    failing_since: Annotated[WireTime | None, Field(description="First failure since its last success.")]
    previous_secret_until: Annotated[WireTime | None, Field(description="Until then the secret before signs, too.")]
    created_at: WireTime
    updated_at: WireTime


class EndpointWithSecret(EndpointBody):
    secret: Annotated[str, Field(description="What its events are signed with. It cannot be shown again.")]


def endpoint_body(row: EndpointRow) -> EndpointBody:
    return EndpointBody.model_validate({name: getattr(row, name) for name in EndpointBody.model_fields})


def add_endpoint_routes(router: APIRouter, services: AdminServices) -> None:
    endpoints = services.endpoints

    @router.get("/events", operation_id="listEvents", summary="List what can be told", responses=answers())
    async def list_events(principal: PrincipalDep) -> out.One[list[str]]:
        """The names of all events."""
        return out.One(data=[event.value for event in Event])

    @router.get("/endpoints", operation_id="listEndpoints", summary="List endpoints", responses=answers(404))
    async def list_endpoints(team: TeamDep, page: PageDep) -> out.Many[EndpointBody]:
        """Newest first."""
        return out.many(await endpoints.page(team, page), endpoint_body)

    @router.post(
        "/endpoints",
        operation_id="createEndpoint",
        summary="Create an endpoint",
        status_code=201,
        responses=answers(404),
    )
    async def create_endpoint(team: TeamDep, body: NewEndpointBody) -> out.One[EndpointWithSecret]:
        """It is told from now on. The answer holds its secret, which is shown this once."""
        new = await endpoints.add(team, body.url, name=body.name, events=body.events)
        return out.One(data=EndpointWithSecret(**endpoint_body(new.endpoint).model_dump(), secret=new.secret))

    @router.get(
        "/endpoints/{endpoint_id}", operation_id="getEndpoint", summary="Get an endpoint", responses=answers(404)
    )
    async def get_endpoint(team: TeamDep, endpoint_id: Id) -> out.One[EndpointBody]:
        return out.One(data=endpoint_body(await endpoints.get(team, endpoint_id)))

    @router.patch(
        "/endpoints/{endpoint_id}", operation_id="updateEndpoint", summary="Change an endpoint", responses=answers(404)
    )
    async def update_endpoint(team: TeamDep, endpoint_id: Id, body: EndpointChangesBody) -> out.One[EndpointBody]:
        """Its address, name and events, and whether it is on. Messages on their way follow the changes."""
        return out.One(data=endpoint_body(await endpoints.update(team, endpoint_id, body.changes())))

    @router.delete(
        "/endpoints/{endpoint_id}", operation_id="deleteEndpoint", summary="Delete an endpoint", responses=answers(404)
    )
    async def delete_endpoint(team: TeamDep, endpoint_id: Id) -> out.One[EndpointBody]:
        """Nothing more is sent there, messages on their way included."""
        return out.One(data=endpoint_body(await endpoints.remove(team, endpoint_id)))

    @router.post(
        "/endpoints/{endpoint_id}/rotate-secret",
        operation_id="rotateSecret",
        summary="Rotate an endpoint's secret",
        responses=answers(404),
    )
    async def rotate_secret(
        team: TeamDep, endpoint_id: Id, body: RotationBody | None = None
    ) -> out.One[EndpointWithSecret]:
        """A new secret, which is shown this once. Until the overlap ends, both sign."""
        overlap = timedelta(hours=(body or RotationBody()).overlap_hours)
        new = await endpoints.rotate(team, endpoint_id, overlap=overlap)
        return out.One(data=EndpointWithSecret(**endpoint_body(new.endpoint).model_dump(), secret=new.secret))

    _ = list_events, list_endpoints, create_endpoint, get_endpoint, update_endpoint, delete_endpoint, rotate_secret
