"""Teams: who owns bots, keys and endpoints."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.keys import Keys
from meetfleet.control.team_limits import OVERRIDES
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound
from meetfleet.domain.plans import Plan, checked_override, checked_plan
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import TeamRow

DEFAULT_TEAM_NAME = "default"
NAME_MAX_CHARS = 100


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a new database was given.

    Attributes:
        api_key: The text of the first key, shown this once; None on a later start.
    """

    team: TeamRow
    api_key: str | None = field(repr=False)


class Teams:
    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def ensure_first(self, chosen_key: str | None = None) -> FirstStart:
        """Makes the default team and its first key in a new database; finds the team in any other."""
        async with self._database.transaction() as session:
            teams = TeamRepository(session)
            await teams.lock_creation()
            team = await teams.first()
            if team is not None:
                return FirstStart(team, None)
            team = await teams.add(TeamRow(name=DEFAULT_TEAM_NAME, plan=Plan.SELF_HOSTED.value))
            _, text = await self._keys.add(session, team, "first key", chosen=chosen_key)
            return FirstStart(team, text)

    async def get(self, team_id: UUID) -> TeamRow | None:
        async with self._database.transaction() as session:
            return await TeamRepository(session).get(team_id)

    async def default(self) -> TeamRow:
        """The team that the command line works for."""
        return (await self.ensure_first()).team

    async def all(self) -> Sequence[TeamRow]:
        """The oldest first."""
        async with self._database.transaction() as session:
            return await TeamRepository(session).all()

    async def page(self, request: PageRequest) -> Page[TeamRow]:
        """The newest first."""
        async with self._database.transaction() as session:
            return await TeamRepository(session).page(request)

    async def named(self, name_or_id: str) -> TeamRow:
        """Raises NotFound (`team_not_found`), or Conflict (`team_ambiguous`) if several teams have the name."""
        found = [team for team in await self.all() if name_or_id in (team.name, str(team.id))]
        if not found:
            raise NotFound(f"There is no team '{name_or_id}'.", code="team_not_found")
        if len(found) > 1:
            raise Conflict(f"{len(found)} teams have the name '{name_or_id}'; use the id.", code="team_ambiguous")
        return found[0]

    async def create(self, name: str, plan: str = Plan.SELF_HOSTED) -> TeamRow:
        """A team without any key. Raises InvalidRequest (`invalid_team_name`, `invalid_plan`)."""
        row = TeamRow(name=_checked_name(name), plan=checked_plan(plan).value)
        async with self._database.transaction() as session:
            return await TeamRepository(session).add(row)

    async def change(
        self,
        team_id: UUID,
        *,
        name: str | None = None,
        plan: str | None = None,
        limits: Mapping[str, object] | None = None,
        reset: Iterable[str] = (),
    ) -> TeamRow:
        """Changes what is given; it counts from the next request on.

        Args:
            limits: Overrides of the plan's limits by their names; None as value takes a limit away.
            reset: Limits that shall follow the plan again.

        Raises:
            NotFound: `team_not_found`. InvalidRequest: `invalid_team_name`, `invalid_plan`, `invalid_limit`.
        """
        given = {limit: checked_override(limit, value) for limit, value in (limits or {}).items()}
        async with self._database.transaction() as session:
            team = await _locked(session, team_id)
            team.name = team.name if name is None else _checked_name(name)
            team.plan = team.plan if plan is None else checked_plan(plan).value
            kept = {key: value for key, value in team.settings.get(OVERRIDES, {}).items() if key not in set(reset)}
            team.settings = {**team.settings, OVERRIDES: {**kept, **given}}
            return team


async def _locked(session: AsyncSession, team_id: UUID) -> TeamRow:
    team = await TeamRepository(session).get(team_id, lock=True)
    if team is None:
        raise NotFound(f"Team '{team_id}' not found", code="team_not_found")
    return team


def _checked_name(name: str) -> str:
    if not 0 < len(name.strip()) <= NAME_MAX_CHARS:
        raise InvalidRequest(f"A team's name has 1 to {NAME_MAX_CHARS} characters.", code="invalid_team_name")
    return name.strip()
