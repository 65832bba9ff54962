"""Opens what a command needs, and closes it again."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from meetfleet.domain.errors import RunnerError
from meetfleet.foundation import Foundation
from meetfleet.logs import configure_logging
from meetfleet.settings import Settings
from meetfleet.store.embedded import DatabaseInUse
from meetfleet.store.tables import TeamRow

Result = TypeVar("Result")


def run(work: Callable[[Foundation, TeamRow], Awaitable[Result]]) -> Result:
    """Does something for the first team: on a running server's database, else on one started for the moment.

    Raises:
        MeetfleetError: the database is not to be had, or the work refuses.
    """
    configure_logging(json_lines=False, level="error")
    return asyncio.run(_run(work))


async def _run(work: Callable[[Foundation, TeamRow], Awaitable[Result]]) -> Result:
    async with _opened(Settings.from_environ()) as (foundation, team):
        return await work(foundation, team)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[tuple[Foundation, TeamRow]]:
    if settings.database_url is None and not settings.postgres_dir.exists():
        hint = "Start it with `meetfleet server`, or set MEETFLEET_DATA to the folder of yours."
        raise RunnerError(f"There is no server's data in {settings.data.resolve()}.", code="no_data", hint=hint)
    foundation = Foundation(settings)
    try:
        try:
            team = (await foundation.open()).team
        except DatabaseInUse:
            team = await foundation.teams.default()
        yield foundation, team
    finally:
        await foundation.close()


async def chosen_team(foundation: Foundation, default: TeamRow, name_or_id: str | None) -> TeamRow:
    """The team that a command was given, else the first. Raises NotFound or Conflict as `Teams.named` does."""
    return await foundation.teams.named(name_or_id) if name_or_id else default
