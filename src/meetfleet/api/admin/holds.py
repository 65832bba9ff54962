"""Holds: what keeps a recording from being deleted when its time is over."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from meetfleet.api.admin.responses import Closed, Many, One, many
from meetfleet.api.admin.route import AdminDep, Id, PageDep, TeamDep, answers
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.v2.fields import WireTime
from meetfleet.control.retention import REASON_MAX_CHARS
from meetfleet.store.tables import HoldRow


class NewHoldBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bot_id: UUID
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX_CHARS, description="Why it must stay.")]


class HoldBody(Closed):
    id: UUID
    bot_id: UUID
    reason: str
    created_at: WireTime
    released_at: WireTime | None


def add_hold_routes(router: APIRouter, services: AdminServices) -> None:
    @router.get("/holds", operation_id="listHolds", summary="List held recordings", responses=answers(404))
    async def list_holds(team: TeamDep, page: PageDep) -> Many[HoldBody]:
        """Those in force, newest first."""
        return many(await services.retention.holds(team, page), hold_body)

    @router.post(
        "/holds", operation_id="createHold", summary="Hold a recording", status_code=201, responses=answers(404, 409)
    )
    async def create_hold(admin: AdminDep, team: TeamDep, body: NewHoldBody) -> One[HoldBody]:
        """Retention leaves it alone, whatever its age, until every hold on it is released. Admin keys only."""
        return One(data=hold_body(await services.retention.hold(team, body.bot_id, body.reason)))

    @router.delete("/holds/{hold_id}", operation_id="releaseHold", summary="Release a hold", responses=answers(404))
    async def release_hold(admin: AdminDep, team: TeamDep, hold_id: Id) -> One[HoldBody]:
        """A repeat is fine. Admin keys only."""
        return One(data=hold_body(await services.retention.release(team, hold_id)))

    _ = list_holds, create_hold, release_hold


def hold_body(row: HoldRow) -> HoldBody:
    return HoldBody.model_validate({name: getattr(row, name) for name in HoldBody.model_fields})
