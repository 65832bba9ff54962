"""A team's second, as the database counts it."""

import asyncio

from meetfleet.control.rate_limit import RateLimiter
from meetfleet.store.database import Database
from meetfleet.store.tables import TeamRow
from meetfleet.testing.clock import START_NS, ManualClock
from meetfleet.testing.control_plane import ControlPlane

SECOND_NS = 1_000_000_000


async def used(database: Database, team: TeamRow, clock: ManualClock) -> int:
    allowance = await RateLimiter(database, clock).count(team)
    assert allowance is not None
    return allowance.used


async def test_the_second_begins_with_its_first_request(plane: ControlPlane):
    team, clock = await plane.new_team(plan="pro"), ManualClock()
    found: list[int] = []
    for wait_s in (0.0, 0.9, 0.09, 0.02, 0.97, 0.02):
        await clock.advance(wait_s)
        found.append(await used(plane.database, team, clock))
    assert found == [1, 2, 3, 1, 2, 3]


async def test_a_clock_that_is_set_back_locks_nobody_out(plane: ControlPlane):
    team = await plane.new_team(plan="pro")
    for _ in range(3):
        await used(plane.database, team, ManualClock(START_NS + 3600 * SECOND_NS))
    assert await used(plane.database, team, ManualClock(START_NS)) == 1


async def test_no_request_is_lost_however_many_count_at_once(plane: ControlPlane):
    team, clock = await plane.new_team(plan="pro"), ManualClock()
    found = await asyncio.gather(*(used(plane.database, team, clock) for _ in range(20)))
    assert sorted(found) == list(range(1, 21))


async def test_without_a_clock_of_its_own_the_database_tells_the_time(plane: ControlPlane):
    allowance = await RateLimiter(plane.database).count(await plane.new_team(plan="payg"))
    assert allowance is not None
    assert (allowance.limit, allowance.remaining) == (5, 4)
