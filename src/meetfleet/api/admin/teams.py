"""Teams: their plans, limits and tokens. Changing them takes an admin key; a team's own key may look."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from meetfleet.api.admin.responses import Closed, Many, One, many
from meetfleet.api.admin.route import AdminDep, Id, PageDep, PrincipalDep, TeamDep, answers
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.v2.fields import WireTime
from meetfleet.control.team_limits import OVERRIDES, limits_of_team
from meetfleet.control.teams import NAME_MAX_CHARS
from meetfleet.control.tokens import REASON_MAX_CHARS, Balance, Standing
from meetfleet.domain.plans import PLANS, Limits, Plan
from meetfleet.store.tables import EntryKind, TeamRow, TokenEntryRow

LimitName = Literal[
    "requests_per_second", "bots_per_day", "bots_at_once", "calendars", "retention_days", "byok", "billed"
]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class NewTeamBody(_Body):
    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARS)]
    plan: Annotated[str, Field(description="A plan's name.")] = Plan.SELF_HOSTED.value


class ChangeTeamBody(_Body):
    """What is left out stays."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARS)] | None = None
    plan: str | None = None
    limits: Annotated[
        dict[LimitName, int | bool | None], Field(description="The team's own limits; null takes a limit away.")
    ] = {}
    reset_limits: Annotated[list[LimitName], Field(description="Limits that follow the plan again.")] = []


class GrantBody(_Body):
    amount: Annotated[float, Field(description="Tokens, up to four decimals; a negative number takes some back.")]
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX_CHARS, description="What the entry will tell.")]


class LimitsBody(Closed):
    """Null is no limit."""

    requests_per_second: int | None
    bots_per_day: Annotated[int | None, Field(description="Within any 24 hours.")]
    bots_at_once: Annotated[int | None, Field(description="In meetings at the same time; further bots wait.")]
    calendars: int | None
    retention_days: Annotated[int | None, Field(description="Null keeps recordings for ever.")]
    byok: Annotated[bool, Field(description="Whether bots may bring their own key of a transcription provider.")]
    billed: Annotated[bool, Field(description="Whether bots are refused without tokens.")]


class PlanBody(Closed):
    name: str
    limits: LimitsBody


class BalanceBody(Closed):
    available: Annotated[float, Field(description="What further bots can be run with.")]
    reserved: Annotated[float, Field(description="Set aside for bots under way.")]
    owed: Annotated[float, Field(description="Used beyond what there was; the next tokens go there first.")]
    standing: Annotated[Standing, Field(description="Whether tokens run low.")]


class WholeTeamBody(Closed):
    """A team and what it may do."""

    id: UUID
    name: str
    plan: str
    limits: Annotated[LimitsBody, Field(description="In force: the plan's, or the team's own.")]
    own_limits: Annotated[list[str], Field(description="Which of them are the team's own.")]
    tokens: BalanceBody
    created_at: WireTime


class EntryBody(Closed):
    """One line of a team's account."""

    id: UUID
    at: WireTime
    kind: EntryKind
    amount: Annotated[float, Field(description="What it adds to the available tokens; negative for what it takes.")]
    bot_id: UUID | None
    seconds: Annotated[float | None, Field(description="What was charged for.")]
    rate: Annotated[float | None, Field(description="Tokens per hour.")]
    reason: str


def add_team_routes(router: APIRouter, services: AdminServices) -> None:
    async def whole(team: TeamRow) -> WholeTeamBody:
        return _team_body(team, await services.tokens.balance(team))

    @router.get("/plans", operation_id="listPlans", summary="What each plan allows", responses=answers())
    async def list_plans(principal: PrincipalDep) -> One[list[PlanBody]]:
        """A team's own limits override its plan's."""
        return One(data=[PlanBody(name=plan, limits=_limits_body(limits)) for plan, limits in PLANS.items()])

    @router.get("/teams", operation_id="listTeams", summary="List teams", responses=answers())
    async def list_teams(admin: AdminDep, page: PageDep) -> Many[WholeTeamBody]:
        """Newest first. Admin keys only."""
        found = await services.teams.page(page)
        balances = await services.tokens.balances(found.items)
        return many(found, lambda team: _team_body(team, balances[team.id]))

    @router.post("/teams", operation_id="createTeam", summary="Create a team", status_code=201, responses=answers())
    async def create_team(admin: AdminDep, body: NewTeamBody) -> One[WholeTeamBody]:
        """Without a key; make one with `POST /keys?team_id=`. Admin keys only."""
        return One(data=await whole(await services.teams.create(body.name, body.plan)))

    @router.get("/teams/{team_id}", operation_id="getTeam", summary="One team", responses=answers(404))
    async def get_team(principal: PrincipalDep, team_id: Id) -> One[WholeTeamBody]:
        """Its plan, limits and tokens; a team's own key sees its own team."""
        return One(data=await whole(await services.access.team(principal, team_id)))

    @router.patch("/teams/{team_id}", operation_id="changeTeam", summary="Change a team", responses=answers(404))
    async def change_team(admin: AdminDep, team_id: Id, body: ChangeTeamBody) -> One[WholeTeamBody]:
        """It counts from the next request on. Admin keys only."""
        changed = await services.teams.change(
            team_id, name=body.name, plan=body.plan, limits={**body.limits}, reset=body.reset_limits
        )
        return One(data=await whole(changed))

    @router.post(
        "/teams/{team_id}/grants",
        operation_id="grantTokens",
        summary="Give tokens",
        status_code=201,
        responses=answers(404),
    )
    async def grant_tokens(admin: AdminDep, team_id: Id, body: GrantBody) -> One[BalanceBody]:
        """Answers with what the team has now. Admin keys only."""
        team = await services.access.team(admin, team_id)
        return One(data=_balance_body(await services.tokens.grant(team, Decimal(str(body.amount)), body.reason)))

    _ = list_plans, list_teams, create_team, get_team, change_team, grant_tokens
    _add_usage_route(router, services)


def _add_usage_route(router: APIRouter, services: AdminServices) -> None:
    @router.get("/usage", operation_id="listUsage", summary="What bots cost, entry by entry", responses=answers(404))
    async def list_usage(
        team: TeamDep,
        page: PageDep,
        since: Annotated[AwareDatetime | None, Query(description="Entries from then on.")] = None,
    ) -> Many[EntryBody]:
        """Newest first: grants, what was set aside and given back, and every charge with its seconds and rate."""
        return many(await services.tokens.page(team, since, page), _entry_body)

    _ = list_usage


def _team_body(team: TeamRow, balance: Balance) -> WholeTeamBody:
    return WholeTeamBody(
        id=team.id,
        name=team.name,
        plan=team.plan,
        limits=_limits_body(limits_of_team(team)),
        own_limits=sorted(team.settings.get(OVERRIDES, {})),
        tokens=_balance_body(balance),
        created_at=team.created_at,
    )


def _limits_body(limits: Limits) -> LimitsBody:
    return LimitsBody.model_validate({name: getattr(limits, name) for name in LimitsBody.model_fields})


def _balance_body(balance: Balance) -> BalanceBody:
    return BalanceBody(
        available=float(balance.available),
        reserved=float(balance.reserved),
        owed=float(balance.owed),
        standing=balance.standing,
    )


def _entry_body(entry: TokenEntryRow) -> EntryBody:
    return EntryBody(
        id=entry.id,
        at=entry.at,
        kind=entry.kind,
        amount=float(entry.amount),
        bot_id=entry.bot_id,
        seconds=None if entry.seconds is None else float(entry.seconds),
        rate=None if entry.rate is None else float(entry.rate),
        reason=entry.reason,
    )
