"""Teams: who owns bots, keys and endpoints."""

from dataclasses import dataclass, field
from uuid import UUID

from meetfleet.control.keys import Keys
from meetfleet.store.database import Database
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.tables import TeamRow

DEFAULT_TEAM_NAME = "default"
SELF_HOSTED_PLAN = "self-hosted"


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
            team = await teams.add(TeamRow(name=DEFAULT_TEAM_NAME, plan=SELF_HOSTED_PLAN))
            _, text = await self._keys.add(session, team, "first key", chosen=chosen_key)
            return FirstStart(team, text)

    async def get(self, team_id: UUID) -> TeamRow | None:
        async with self._database.transaction() as session:
            return await TeamRepository(session).get(team_id)

    async def default(self) -> TeamRow:
        """The team that the command line works for."""
        return (await self.ensure_first()).team
