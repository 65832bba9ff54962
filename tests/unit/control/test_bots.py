import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.keys import Keys
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.teams import Teams
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CommandType
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.bots import BotFilter, BotRepository
from meetfleet.store.tables import Permissions, TeamRow
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RememberingNotices, RememberingQueue
from meetfleet.testing.objects import MemoryObjects

MEETING = parse_meeting_url("https://meet.google.com/abc-defg-hij")


class World:
    """The bots service of one fresh team, with everything around it faked but the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.queue = RememberingQueue()
        self.notices = RememberingNotices()
        self.lifecycle = Lifecycle(self.notices)
        self.objects = MemoryObjects()
        self.bots = Bots(database, self.lifecycle, self.queue, self.objects, self.clock)
        self.keys = Keys(database, self.clock)
        self.team = TeamRow(name="people")

    async def new_team(self) -> TeamRow:
        team = TeamRow(name="people")
        async with self.database.transaction() as session:
            session.add(team)
        return team

    async def put(self, bot_id, *states: BotState) -> None:
        for state in states:
            async with self.database.transaction() as session:
                bot = await BotRepository(session).get(bot_id, lock=True)
                await self.lifecycle.advance(session, bot, state, at=bot.created_at, cause="link")


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database)
    world.team = await world.new_team()
    return world


def new(**changes) -> NewBot:
    return NewBot(**{"meeting": MEETING, "bot_name": "Notetaker", **changes})


async def test_a_new_bot_is_queued_with_its_dispatch_job_and_its_first_notice(world: World):
    bot = await world.bots.create(world.team, new(extra={"order": 7}))

    found = await world.bots.get(world.team, bot.id)
    assert found.state is BotState.QUEUED
    assert found.extra == {"order": 7}
    assert found.number >= 1
    assert len(world.queue.of(Job.DISPATCH, bot.id)) == 1
    assert world.notices.of(bot.id) == ["queued"]


async def test_a_foreign_bot_is_as_unknown_as_one_that_does_not_exist(world: World):
    bot = await world.bots.create(world.team, new())
    stranger = await world.new_team()
    for team, bot_id in ((stranger, bot.id), (world.team, uuid4())):
        with pytest.raises(NotFound) as caught:
            await world.bots.get(team, bot_id)
        assert caught.value.code == "bot_not_found"


async def test_of_two_bots_that_must_be_alone_only_the_first_is_created(world: World):
    async def try_one() -> str:
        try:
            await world.bots.create(world.team, new(allow_multiple_bots=False))
        except Conflict as error:
            return error.code
        return "created"

    tries = await asyncio.gather(*(try_one() for _ in range(4)))
    assert sorted(tries) == ["bot_already_exists"] * 3 + ["created"]
    await world.bots.create(world.team, new())
    await world.clock.advance(301)
    assert await try_one() == "created"


async def test_the_list_pages_forwards_and_back_without_gap_or_repetition(world: World):
    made = []
    for _ in range(7):
        made.append((await world.bots.create(world.team, new())).id)
        await world.clock.advance(1)
    newest_first = list(reversed(made))

    pages, request = [], PageRequest(limit=3)
    while True:
        page = await world.bots.list(world.team, BotFilter(), request)
        pages.append([b.id for b in page.items])
        if page.next is None:
            break
        request = PageRequest(limit=3, after=page.next)
    assert [i for p in pages for i in p] == newest_first

    back = await world.bots.list(world.team, BotFilter(), PageRequest(limit=3, after=page.previous, backwards=True))
    assert [b.id for b in back.items] == pages[1]
    first = await world.bots.list(world.team, BotFilter(), PageRequest(limit=3, after=back.previous, backwards=True))
    assert [b.id for b in first.items] == pages[0]
    assert first.previous is None


async def test_the_list_is_narrowed_by_each_filter(world: World):
    wanted = await world.bots.create(world.team, new(bot_name="100% Note_taker", extra={"a": "1", "b": "x"}))
    await world.clock.advance(10)
    await world.bots.create(world.team, new(bot_name="other", extra={"a": "2"}))
    middle = wanted.created_at + timedelta(seconds=5)

    for one in (
        BotFilter(bot_name="100% NOTE_"),
        BotFilter(bot_id=str(wanted.id)[3:]),
        BotFilter(extra={"a": "1", "b": "x"}),
        BotFilter(created_before=middle),
    ):
        assert [b.id for b in (await world.bots.list(world.team, one, PageRequest())).items] == [wanted.id], one
    for none in (BotFilter(bot_name="%other%"), BotFilter(extra={"a": "1", "b": "y"}), BotFilter(meeting_url="zoom")):
        assert (await world.bots.list(world.team, none, PageRequest())).items == [], none
    assert len((await world.bots.list(world.team, BotFilter(created_after=middle), PageRequest())).items) == 1
    states = BotFilter(states=frozenset({BotState.RECORDING}))
    assert (await world.bots.list(world.team, states, PageRequest())).items == []


async def test_a_queued_bot_that_is_asked_to_leave_fails_without_ever_starting(world: World):
    bot = await world.bots.create(world.team, new())
    await world.bots.request_leave(world.team, bot.id)
    found = await world.bots.get(world.team, bot.id)
    assert (found.state, found.end_reason) == (BotState.FAILED, EndReason.STOPPED_BEFORE_RECORD)
    assert world.notices.of(bot.id) == ["queued", "failed", "bot.failed"]
    with pytest.raises(Conflict) as caught:
        await world.bots.request_leave(world.team, bot.id)
    assert caught.value.code == "bot_status"


async def test_a_live_bot_gets_one_leave_command_however_often_it_is_asked(world: World):
    bot = await world.bots.create(world.team, new())
    await world.put(bot.id, BotState.STARTING, BotState.JOINING, BotState.IN_CALL, BotState.RECORDING)
    await world.bots.request_leave(world.team, bot.id)
    await world.bots.request_leave(world.team, bot.id)
    async with world.database.transaction() as session:
        commands = await BotRepository(session).commands(bot.id, after=0)
    assert [(c.seq, c.type) for c in commands] == [(1, CommandType.LEAVE)]


async def test_data_of_a_finished_bot_can_be_deleted_twice_but_not_of_a_running_one(world: World):
    bot = await world.bots.create(world.team, new())
    with pytest.raises(Conflict):
        await world.bots.delete_data(world.team, bot.id)
    await world.bots.request_leave(world.team, bot.id)
    await world.objects.put(f"bots/{bot.id}/artifacts/output.flac", b"sound")
    first = await world.bots.delete_data(world.team, bot.id)
    again = await world.bots.delete_data(world.team, bot.id)
    assert first.artifacts_deleted_at == again.artifacts_deleted_at is not None
    assert world.objects.contents == {}


async def test_a_key_is_known_until_it_is_revoked(world: World):
    row, text = await world.keys.create(world.team, "ci", Permissions.SENDING)
    assert text.startswith("mf_live_")
    assert text not in (row.sha256, row.prefix)
    caller = await world.keys.authenticate(text)
    assert (caller.team.id, caller.may_read) == (world.team.id, False)
    await world.keys.revoke(world.team, row.prefix)
    for refused in (text, "mf_live_unknown", "", None):
        with pytest.raises(Unauthenticated):
            await world.keys.authenticate(refused)
    with pytest.raises(InvalidRequest):
        await world.keys.create(world.team, "x" * 51)


async def test_servers_that_start_together_make_one_team_and_show_one_key(world: World):
    async with world.database.transaction() as session:
        await session.delete(world.team)
    starts = await asyncio.gather(*(Teams(world.database, world.keys).ensure_first() for _ in range(3)))
    assert len({s.team.id for s in starts}) == 1
