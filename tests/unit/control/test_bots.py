import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from meetfleet.control.keys import Keys
from meetfleet.control.teams import Teams
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CommandType
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.bots import BotFilter, BotRepository
from meetfleet.store.tables import Permissions
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control_plane import ControlPlane
from meetfleet.testing.postgres import TestServer


async def put(plane: ControlPlane, bot_id: UUID, *states: BotState) -> None:
    for state in states:
        async with plane.database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, lock=True)
            assert bot is not None
            await plane.lifecycle.advance(session, bot, state, at=bot.created_at, cause="link")


async def test_a_new_bot_is_queued_with_its_dispatch_job_and_its_first_notice(plane: ControlPlane):
    bot = await plane.new_bot(extra={"order": 7})

    found = await plane.bots.get(plane.team, bot.id)
    assert found.state is BotState.QUEUED
    assert found.extra == {"order": 7}
    assert found.number >= 1
    assert len(plane.queue.of(Job.DISPATCH, bot.id)) == 1
    assert plane.notices.of(bot.id) == ["queued"]


async def test_a_foreign_bot_is_as_unknown_as_one_that_does_not_exist(plane: ControlPlane):
    bot = await plane.new_bot()
    stranger = await plane.new_team()
    for team, bot_id in ((stranger, bot.id), (plane.team, uuid4())):
        with pytest.raises(NotFound) as caught:
            await plane.bots.get(team, bot_id)
        assert caught.value.code == "bot_not_found"


async def test_of_two_bots_that_must_be_alone_only_the_first_is_created(plane: ControlPlane):
    async def try_one() -> str:
        try:
            await plane.new_bot(allow_multiple_bots=False)
        except Conflict as error:
            return error.code
        return "created"

    tries = await asyncio.gather(*(try_one() for _ in range(4)))
    assert sorted(tries) == ["bot_already_exists"] * 3 + ["created"]
    await plane.new_bot()
    await plane.clock.advance(301)
    assert await try_one() == "created"


async def test_the_list_pages_forwards_and_back_without_gap_or_repetition(plane: ControlPlane):
    made = []
    for _ in range(7):
        made.append((await plane.new_bot()).id)
        await plane.clock.advance(1)
    newest_first = list(reversed(made))

    pages, request = [], PageRequest(limit=3)
    while True:
        page = await plane.bots.list(plane.team, BotFilter(), request)
        pages.append([b.id for b in page.items])
        if page.next is None:
            break
        request = PageRequest(limit=3, after=page.next)
    assert [i for p in pages for i in p] == newest_first

    back = await plane.bots.list(plane.team, BotFilter(), PageRequest(limit=3, after=page.previous, backwards=True))
    assert [b.id for b in back.items] == pages[1]
    first = await plane.bots.list(plane.team, BotFilter(), PageRequest(limit=3, after=back.previous, backwards=True))
    assert [b.id for b in first.items] == pages[0]
    assert first.previous is None


async def test_the_list_is_narrowed_by_each_filter(plane: ControlPlane):
    wanted = await plane.new_bot(bot_name="100% Note_taker", extra={"a": "1", "b": "x"})
    await plane.clock.advance(10)
    await plane.new_bot(bot_name="other", extra={"a": "2"})
    middle = wanted.created_at + timedelta(seconds=5)

    for one in (
        BotFilter(bot_name="100% NOTE_"),
        BotFilter(bot_id=str(wanted.id)[3:]),
        BotFilter(extra={"a": "1", "b": "x"}),
        BotFilter(created_before=middle),
    ):
        assert [b.id for b in (await plane.bots.list(plane.team, one, PageRequest())).items] == [wanted.id], one
    for none in (BotFilter(bot_name="%other%"), BotFilter(extra={"a": "1", "b": "y"}), BotFilter(meeting_url="zoom")):
        assert (await plane.bots.list(plane.team, none, PageRequest())).items == [], none
    assert len((await plane.bots.list(plane.team, BotFilter(created_after=middle), PageRequest())).items) == 1
    states = BotFilter(states=frozenset({BotState.RECORDING}))
    assert (await plane.bots.list(plane.team, states, PageRequest())).items == []


async def test_a_queued_bot_that_is_asked_to_leave_fails_without_ever_starting(plane: ControlPlane):
    bot = await plane.new_bot()
    await plane.bots.request_leave(plane.team, bot.id)
    found = await plane.bots.get(plane.team, bot.id)
    assert (found.state, found.end_reason) == (BotState.FAILED, EndReason.STOPPED_BEFORE_RECORD)
    assert plane.notices.of(bot.id) == ["queued", "failed", "bot.failed"]
    with pytest.raises(Conflict) as caught:
        await plane.bots.request_leave(plane.team, bot.id)
    assert caught.value.code == "bot_status"


async def test_a_live_bot_gets_one_leave_command_however_often_it_is_asked(plane: ControlPlane):
    bot = await plane.new_bot()
    await put(plane, bot.id, BotState.STARTING, BotState.JOINING, BotState.IN_CALL, BotState.RECORDING)
    await plane.bots.request_leave(plane.team, bot.id)
    await plane.bots.request_leave(plane.team, bot.id)
    async with plane.database.transaction() as session:
        commands = await BotRepository(session).commands(bot.id, after=0)
    assert [(c.seq, c.type) for c in commands] == [(1, CommandType.LEAVE)]


async def test_data_of_a_finished_bot_can_be_deleted_twice_but_not_of_a_running_one(plane: ControlPlane):
    bot = await plane.new_bot()
    with pytest.raises(Conflict):
        await plane.bots.delete_data(plane.team, bot.id)
    await plane.bots.request_leave(plane.team, bot.id)
    await plane.objects.put(f"bots/{bot.id}/artifacts/output.flac", b"sound")
    first = await plane.bots.delete_data(plane.team, bot.id)
    again = await plane.bots.delete_data(plane.team, bot.id)
    assert first.artifacts_deleted_at == again.artifacts_deleted_at is not None
    assert plane.objects.contents == {}


async def test_a_key_is_known_until_it_is_revoked(plane: ControlPlane):
    row, text = await plane.keys.create(plane.team, "ci", Permissions.SENDING)
    assert text.startswith("mf_live_")
    assert text not in (row.sha256, row.prefix)
    caller = await plane.keys.authenticate(text)
    assert (caller.team.id, caller.may_read) == (plane.team.id, False)
    await plane.keys.revoke(plane.team, row.prefix)
    for refused in (text, "mf_live_unknown", "", None):
        with pytest.raises(Unauthenticated):
            await plane.keys.authenticate(refused)
    with pytest.raises(InvalidRequest):
        await plane.keys.create(plane.team, "x" * 51)


async def test_servers_that_start_together_make_one_team_and_show_one_key(postgres_server: TestServer):
    url = postgres_server.new_database()
    servers = [Database(url, pool_size=1) for _ in range(3)]
    clock = ManualClock()
    starts = await asyncio.gather(*(Teams(d, Keys(d, clock)).ensure_first() for d in servers))
    shown = [s.api_key for s in starts if s.api_key is not None]
    assert len({s.team.id for s in starts}) == 1
    assert len(shown) == 1
    assert (await Keys(servers[0], clock).authenticate(shown[0])).team.id == starts[0].team.id
    await asyncio.gather(*(server.close() for server in servers))
    postgres_server.drop(url)


async def test_the_operator_may_choose_the_first_key_but_no_short_one(postgres_server: TestServer):
    url = postgres_server.new_database()
    database = Database(url, pool_size=1)
    teams = Teams(database, Keys(database, ManualClock()))
    with pytest.raises(InvalidRequest):
        await teams.ensure_first("short")
    assert (await teams.ensure_first("a-key-that-i-chose-myself")).api_key == "a-key-that-i-chose-myself"
    await database.close()
    postgres_server.drop(url)
