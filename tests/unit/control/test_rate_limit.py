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
    """On the database's own clock, so that a second may end on the way: then counting begins anew."""
    team = await plane.new_team(plan="pro")
    limiter = RateLimiter(plane.database)
    counted = await asyncio.gather(*(limiter.count(team) for _ in range(20)))
    found = sorted(allowance.used for allowance in counted if allowance)
    assert len(found) == 20
    windows = found.count(1)
    assert found == sorted(n for size in _sizes(found, windows) for n in range(1, size + 1))


def _sizes(found: list[int], windows: int) -> list[int]:
    """How many requests each window took, if none was counted twice or lost."""
    return [sum(1 for n in range(1, max(found) + 1) if found.count(n) > w) for w in range(windows)]
