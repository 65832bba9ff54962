"""Logins for bots: chosen fairly, never over capacity, free again when the bot has left."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetfleet.control.dispatch import Dispatcher, Site
from meetfleet.control.login_desk import LoginDesk
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform, parse_meeting_url
from meetfleet.fleet.launcher import RunnerState, RunnerStatus
from meetfleet.store.database import Database
from meetfleet.store.repositories.logins import LoginRepository
from meetfleet.store.tables import BotRow, CredentialState, LoginRow, WorkspaceRow
from meetfleet.store.times import utc
from meetfleet.testing.control import StubLauncher
from meetfleet.testing.control_plane import ROOMY, ControlPlane

MEET = Platform.GOOGLE_MEET
TEAMS_MEETING = parse_meeting_url("https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0")
ANY = {"email_group": ""}


def asking(**config: Any) -> dict[str, Any]:
    return {"options": {"meet_config": config}}


async def add_logins(
    plane: ControlPlane, count: int, group: str | None = None, platform: Platform = MEET
) -> list[UUID]:
    workspace = WorkspaceRow(team_id=plane.team.id, platform=platform, name="W", domain="example.org")
    async with plane.database.transaction() as session:
        session.add(workspace)
        await session.flush()
        rows = [
            LoginRow(
                team_id=plane.team.id,
                workspace_id=workspace.id,
                platform=platform,
                name=f"L{n}",
                email=f"l{n}@example.org",
                email_group=group,
            )
            for n in range(count)
        ]
        session.add_all(rows)
    return [row.id for row in rows]


async def sessions(plane: ControlPlane) -> dict[UUID, int]:
    async with plane.database.transaction() as session:
        return {one.login.id: one.sessions for one in await LoginRepository(session).list(plane.team.id, MEET)}


async def placed(plane: ControlPlane, **options: Any) -> BotRow:
    """A bot that was queued and then dispatched, whatever came of it."""
    bot = await plane.new_bot(**options)
    await plane.dispatcher.place_waiting()
    return await plane.row(bot.id)


async def step(plane: ControlPlane, bot_id: UUID, state: BotState) -> None:
    async with plane.database.transaction() as session:
        bot = await session.get(BotRow, bot_id, with_for_update=True)
        assert bot is not None
        await plane.lifecycle.advance(session, bot, state, at=utc(plane.clock.now_ns()), cause="link")


async def test_a_bot_that_asks_for_none_gets_none(plane: ControlPlane) -> None:
    await add_logins(plane, 1)
    for options in (
        {},
        {"options": {"meet_config": None}},
        asking(fallback="fail"),
        {"options": {"teams_config": ANY}},
    ):
        bot = await placed(plane, **options)
        assert (bot.state, bot.login_id) == (BotState.STARTING, None)


async def test_the_login_in_the_fewest_meetings_comes_first_and_then_the_one_that_rested_longest(
    plane: ControlPlane,
) -> None:
    first, second = await add_logins(plane, 2)
    taken: list[UUID | None] = []
    for _ in range(4):
        taken.append((await placed(plane, **asking(**ANY))).login_id)
        await plane.clock.advance(1)
    assert taken == [first, second, first, second]


async def test_none_free_ends_the_bot_with_a_reason_and_a_notice(plane: ControlPlane) -> None:
    await add_logins(plane, 1)
    for _ in range(2):
        await placed(plane, **asking(**ANY))
    bot = await placed(plane, **asking(**ANY))
    assert (bot.state, bot.end_reason) == (BotState.FAILED, EndReason.MEET_LOGIN_UNAVAILABLE)
    assert plane.notices.of(bot.id) == ["queued", "failed", "bot.failed"]
    assert bot.end_reason.projection.v2_code == "MEET_LOGIN_UNAVAILABLE"


async def test_with_leave_to_the_bot_goes_on_as_nobody(plane: ControlPlane) -> None:
    bot = await placed(plane, **asking(email_group="", fallback="anonymous"))
    assert (bot.state, bot.login_id) == (BotState.STARTING, None)


async def test_a_bot_behind_one_that_ends_is_started_all_the_same(plane: ControlPlane) -> None:
    doomed = await plane.new_bot(**asking(**ANY))
    healthy = await plane.new_bot()
    assert await plane.dispatcher.place_waiting() == 1
    assert (await plane.row(doomed.id)).state is BotState.FAILED
    assert (await plane.row(healthy.id)).state is BotState.STARTING


async def test_the_group_wins_over_the_one_login_and_only_its_members_count(plane: ControlPlane) -> None:
    (alone,) = await add_logins(plane, 1)
    (member,) = await add_logins(plane, 1, "Notes@example.org")
    config = {"email_group": "notes@EXAMPLE.org", "credential_id": str(alone)}
    assert (await placed(plane, **asking(**config))).login_id == member
    assert (await placed(plane, **asking(credential_id=str(alone)))).login_id == alone
    assert (await placed(plane, **asking(email_group="other@example.org"))).state is BotState.FAILED


@pytest.mark.parametrize("spoil", ["login invalid", "workspace invalid", "login deleted", "foreign"])
async def test_a_login_that_is_not_to_be_had_is_not_given(plane: ControlPlane, spoil: str) -> None:
    (login_id,) = await add_logins(plane, 1)
    async with plane.database.transaction() as session:
        login = await session.get(LoginRow, login_id)
        assert login is not None
        workspace = await session.get(WorkspaceRow, login.workspace_id)
        assert workspace is not None
        if spoil == "login invalid":
            login.state = CredentialState.INVALID
        elif spoil == "workspace invalid":
            workspace.state = CredentialState.INVALID
        elif spoil == "login deleted":
            login.deleted_at = utc(plane.clock.now_ns())
    if spoil == "foreign":
        plane.team = await plane.new_team()
    bot = await placed(plane, **asking(credential_id=str(login_id)))
    assert bot.end_reason is EndReason.MEET_LOGIN_UNAVAILABLE


async def test_where_bots_cannot_sign_in_a_free_login_is_no_help_and_the_bot_says_so(plane: ControlPlane) -> None:
    await add_logins(plane, 1, platform=Platform.TEAMS)
    bot = await placed(plane, meeting=TEAMS_MEETING, options={"teams_config": ANY})
    assert bot.end_reason is EndReason.TEAMS_SIGN_IN_NOT_SUPPORTED
    assert "cannot sign in" in bot.end_reason.projection.text
    allowed = {"email_group": "", "fallback": "anonymous"}
    bot = await placed(plane, meeting=TEAMS_MEETING, options={"teams_config": allowed})
    assert (bot.state, bot.login_id) == (BotState.STARTING, None)
    plane.team = await plane.new_team()
    bot = await placed(plane, meeting=TEAMS_MEETING, options={"teams_config": ANY})
    assert bot.end_reason is EndReason.TEAMS_LOGIN_UNAVAILABLE


async def test_a_bot_whose_process_never_spoke_gives_its_login_back_and_is_given_one_again(plane: ControlPlane) -> None:
    (login_id,) = await add_logins(plane, 1)
    bot = await placed(plane, **asking(**ANY))
    plane.launcher.end(bot.id, RunnerStatus(RunnerState.EXITED, exit_code=1))
    await plane.supervisor.examine(bot.id)
    assert (await plane.row(bot.id)).state is BotState.QUEUED
    assert await sessions(plane) == {login_id: 0}
    await plane.dispatcher.place_waiting()
    assert (await plane.row(bot.id)).login_id == login_id
    assert await sessions(plane) == {login_id: 1}


async def _alone(url: str, logins: int, capacity: int, rounds: list[tuple[int, int]]) -> None:
    database = Database(url, pool_size=8)
    try:
        with tempfile.TemporaryDirectory() as folder:
            await _rounds(ControlPlane(database, Path(folder)), Path(folder), logins, capacity, rounds)
    finally:
        await database.close()


async def _rounds(plane: ControlPlane, folder: Path, logins: int, capacity: int, rounds: list[tuple[int, int]]) -> None:
    """Each round sends bots and lets some end; three servers place them at the same time."""
    plane.team = await plane.new_team()
    await add_logins(plane, logins)
    dispatchers = [
        Dispatcher(
            plane.database,
            plane.lifecycle,
            plane.queue,
            StubLauncher(folder, f"host-{n}"),
            lambda: ROOMY,
            Site("x"),
            plane.clock,
            LoginDesk(capacity=capacity, signs_in=[MEET]),
        )
        for n in range(3)
    ]
    living: list[UUID] = []
    for sent, ending in rounds:
        bots = [await plane.new_bot(**asking(**ANY)) for _ in range(sent)]
        free = logins * capacity - len(living)
        await asyncio.gather(*(dispatcher.place_waiting() for dispatcher in dispatchers))
        rows = [await plane.row(bot.id) for bot in bots]
        seated = [row.id for row in rows if row.state is BotState.STARTING]
        assert len(seated) == min(sent, free)
        assert all(row.login_id is not None for row in rows if row.id in seated)
        assert {row.end_reason for row in rows if row.id not in seated} <= {EndReason.MEET_LOGIN_UNAVAILABLE}
        living += seated
        held = await sessions(plane)
        assert max(held.values()) <= capacity
        assert sum(held.values()) == len(living)
        for bot_id in living[:ending]:
            await step(plane, bot_id, BotState.PROCESSING)
        living = living[ending:]
    for bot_id in living:
        await step(plane, bot_id, BotState.FAILED)
    assert set((await sessions(plane)).values()) == {0}


@given(
    logins=st.integers(1, 3),
    capacity=st.integers(1, 3),
    rounds=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_many_servers_claim_at_once_no_login_is_over_capacity_and_all_are_released(
    database_url: str, logins: int, capacity: int, rounds: list[tuple[int, int]]
) -> None:
    asyncio.run(_alone(database_url, logins, capacity, rounds))
