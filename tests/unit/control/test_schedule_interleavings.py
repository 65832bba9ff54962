"""Whatever happens to scheduled bots in whatever order, each is sent at most once, and never after it was cancelled."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from meetfleet.control.bots import NewBot
from meetfleet.domain.errors import Conflict
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.schedule import LOCKED, ScheduleStatus, schedule_status
from meetfleet.store.database import Database
from meetfleet.store.paging import PageRequest, Position
from meetfleet.store.repositories.schedules import ScheduleFilter
from meetfleet.store.times import utc
from meetfleet.testing.control_plane import GRACE_S, MEETING, ControlPlane

S = ScheduleStatus
MAY_FOLLOW = {S.SCHEDULED: {S.SENT, S.CANCELLED, S.FAILED}, S.SENT: set(), S.CANCELLED: set(), S.FAILED: set()}

minutes = st.integers(0, 40)
deeds = st.one_of(
    st.tuples(st.just("create"), minutes),
    st.tuples(st.just("move"), st.integers(0, 5), minutes),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("wait"), minutes),
    st.tuples(st.just("send")),
    st.tuples(st.just("send twice at once")),
    st.tuples(st.just("send and cancel at once"), st.integers(0, 5)),
    st.tuples(st.just("send and move at once"), st.integers(0, 5), minutes),
)


class World:
    """Schedules, and what a reader of their documentation expects of them."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.bots: list[UUID] = []
        self.seen: dict[UUID, ScheduleStatus] = {}

    async def act(self, deed: tuple[Any, ...]) -> None:
        match deed:
            case ("create", in_minutes):
                await self.create(in_minutes)
            case ("wait", for_minutes):
                await self.plane.clock.advance(60 * for_minutes)
            case ("send",):
                await self.plane.spawner.send_due()
            case ("send twice at once",):
                await asyncio.gather(self.plane.spawner.send_due(), self.plane.spawner.send_due())
            case ("cancel" | "send and cancel at once", which):
                await self._with_sending(deed[0], which, self._cancel)
            case (_, which, in_minutes):
                await self._with_sending(deed[0], which, lambda bot_id: self._move(bot_id, in_minutes))
            case _:
                raise AssertionError(deed)
        await self.check()

    async def create(self, in_minutes: int) -> None:
        new = NewBot(meeting=MEETING, bot_name="Notetaker")
        bot = await self.plane.schedules.create(self.plane.team, new, self.after(in_minutes))
        self.bots.append(bot.id)

    async def _with_sending(self, name: str, which: int, deed: Any) -> None:
        if not self.bots:
            return
        calls: list[Coroutine[Any, Any, Any]] = [deed(self.bots[which % len(self.bots)])]
        if name.startswith("send"):
            calls.append(self.plane.spawner.send_due())
        await asyncio.gather(*calls)

    async def _cancel(self, bot_id: UUID) -> None:
        before = await self.plane.row(bot_id)
        try:
            after = await self.plane.schedules.cancel(self.plane.team, bot_id)
        except Conflict:
            # The spawner may have been first; then the bot was asked to leave, or had failed.
            assert (await self.plane.row(bot_id)).state.is_final
            return
        assert after.state is (BotState.CANCELLED if after.spawned_at is None else BotState.FAILED)
        assert before.state is not BotState.CANCELLED

    async def _move(self, bot_id: UUID, in_minutes: int) -> None:
        due, before = self.after(in_minutes), await self.plane.row(bot_id)
        try:
            await self.plane.schedules.update(self.plane.team, bot_id, join_at=due)
        except Conflict:
            assert before.join_at is not None
            too_close = min(due, before.join_at) < self.after(0) + LOCKED
            assert too_close or (await self.plane.row(bot_id)).state is not BotState.SCHEDULED
        else:
            assert (await self.plane.row(bot_id)).join_at == due

    async def check(self) -> None:
        for bot_id in self.bots:
            bot = await self.plane.row(bot_id)
            steps = [step.state for step in await self.plane.steps(bot_id)]
            status = schedule_status(bot.state, bot.spawned_at)
            before = self.seen.get(bot_id, S.SCHEDULED)
            assert status is before or status in MAY_FOLLOW[before]
            assert steps[0] is BotState.SCHEDULED
            assert steps.count(BotState.QUEUED) == (status is S.SENT)
            assert bot.join_at is not None
            if bot.spawned_at is not None:
                assert timedelta(0) <= bot.spawned_at - bot.join_at <= timedelta(seconds=GRACE_S)
            self.seen[bot_id] = status

    def after(self, in_minutes: float) -> Any:
        return utc(self.plane.clock.now_ns()) + timedelta(minutes=in_minutes)


async def _in_a_world(database_url: str, body: Any) -> None:
    database = Database(database_url, pool_size=5)
    try:
        async with database.transaction() as session:
            await session.execute(text("UPDATE bots SET state = 'cancelled' WHERE state = 'scheduled'"))
        with TemporaryDirectory() as folder:
            plane = ControlPlane(database, Path(folder))
            plane.team = await plane.new_team()
            await body(World(plane))
    finally:
        await database.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(deeds, max_size=10))
def test_any_order_of_deeds_sends_each_bot_at_most_once_and_none_that_was_cancelled(
    database_url: str, order: list[tuple[Any, ...]]
) -> None:
    async def body(world: World) -> None:
        for deed in order:
            await world.act(deed)

    asyncio.run(_in_a_world(database_url, body))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 4),
    before=st.lists(minutes, max_size=12),
    during=st.lists(st.lists(minutes, max_size=2), max_size=6),
    backwards=st.booleans(),
)
def test_each_scheduled_bot_is_listed_exactly_once_while_others_are_added(
    database_url: str, limit: int, before: list[int], during: list[list[int]], backwards: bool
) -> None:
    async def body(world: World) -> None:
        for in_minutes in before:
            await world.create(in_minutes)
        old = (await page_of(world, PageRequest(100))).items
        request: PageRequest | None = PageRequest(limit)
        if backwards:
            # From behind the last one.
            await world.create(50)
            end = (await page_of(world, PageRequest(100))).items[-1]
            request = PageRequest(limit, position(end), backwards=True)
        seen: list[UUID] = []
        additions = list(during)
        while request is not None:
            page = await page_of(world, request)
            ids = [bot.id for bot in page.items]
            seen = [*ids, *seen] if backwards else [*seen, *ids]
            for in_minutes in additions.pop() if additions else ():
                await world.create(in_minutes)
            following = page.previous if backwards else page.next
            request = following and PageRequest(limit, following, backwards=backwards)
        assert [bot_id for bot_id in seen if bot_id in {bot.id for bot in old}] == [bot.id for bot in old]
        assert len(seen) == len(set(seen))

    asyncio.run(_in_a_world(database_url, body))


async def page_of(world: World, request: PageRequest) -> Any:
    return await world.plane.schedules.list(world.plane.team, ScheduleFilter(), request)


def position(bot: Any) -> Position:
    return Position(bot.join_at, bot.id)
