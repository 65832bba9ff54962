"""How often a team may call per second. Source: contract.md 1.7."""

from dataclasses import dataclass

from meetfleet.control.team_limits import limits_of_team
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import TooManyRequests
from meetfleet.store.database import Database
from meetfleet.store.repositories.rates import RateRepository
from meetfleet.store.tables import TeamRow
from meetfleet.store.times import utc

WINDOW_S = 1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a team's present second.

    Attributes:
        used: Requests in it, the present one included.
    """

    limit: int
    used: int
    reset_s: int = WINDOW_S

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def check(self) -> None:
        """Raises TooManyRequests if the present request is one too many."""
        if self.used > self.limit:
            message = f"Rate limit exceeded: {self.limit} requests per second. Retry in {self.reset_s} second."
            raise TooManyRequests(message, retry_after_s=self.reset_s)


class RateLimiter:
    """Shared by all servers through the database; a team without a limit costs nothing.

    Args:
        clock: None for the database's clock.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock

    async def count(self, team: TeamRow) -> Allowance | None:
        """Counts a request; None if the team may call as often as it likes."""
        limit = limits_of_team(team).requests_per_second
        if limit is None:
            return None
        async with self._database.transaction() as session:
            now = None if self._clock is None else utc(self._clock.now_ns())
            return Allowance(limit, await RateRepository(session).count(team.id, now))
