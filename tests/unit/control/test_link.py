import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetfleet.control.link import BotEnded
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import InvalidRequest, ProviderError, Unauthenticated
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import LEASE_S, CommandType, EventType
from meetfleet.store.jobs import Job
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.testing.control_plane import BotOnLink, ControlPlane

SEGMENT = "t01-000001.mcap"


async def chats(plane: ControlPlane, one: BotOnLink) -> list[str]:
    async with plane.database.transaction() as session:
        return [m.text for m in await RecordingRepository(session, one.id).chat_messages()]


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.booleans()), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_reports_are_taken_in_once_and_in_order_however_they_are_cut_repeated_and_turned_round(
    plane: ControlPlane, count: int, cuts: list[tuple[int, int, bool]]
):
    one = await plane.started_bot()
    for i in range(count):
        one.event(EventType.CHAT, {"message_id": f"m{i}", "name": "Ada", "text": str(i)})

    acked = 0
    for start, length, turned in cuts:
        batch = one.said[start : start + length]
        answer = await one.send(*(reversed(batch) if turned else batch))
        reached = max(acked, start + len(batch)) if batch and start <= acked else acked
        assert answer.acked == reached
        acked = answer.acked
    assert (await one.send(*one.said)).acked == count
    told = [what for what in plane.notices.of(one.id) if what.startswith("chat")]
    assert told == [f"chat: {i}" for i in range(count)]
    assert sorted(await chats(plane, one), key=int) == [str(i) for i in range(count)]


async def test_nothing_behind_a_hole_is_taken_in(plane: ControlPlane):
    one = await plane.started_bot()
    first, missing, later = (one.event(EventType.STATE, {"state": s}) for s in ("joining", "in_call", "recording"))
    assert (await one.send(first, later)).acked == 1
    assert (await plane.row(one.id)).state is BotState.JOINING
    assert (await one.send(missing, later)).acked == 3
    assert (await plane.row(one.id)).state is BotState.RECORDING


async def test_what_nobody_understands_is_acknowledged_and_stops_nothing(plane: ControlPlane):
    one = await plane.started_bot()
    strange = [
        one.event(EventType.LOG, {}),
        one.event(EventType.STATE, {"state": "flying"}),
        one.event(EventType.SEGMENT, {"name": SEGMENT, "size_bytes": "x", "sha256": 1, "first_ns": [], "last_ns": 0}),
        one.event(EventType.CHAT, {"message_id": "1", "name": "\x00", "text": "a\x00b"}),
        one.event(EventType.SCREEN, {"name": "a\x00b"}),
        one.event(EventType.COMMAND_DONE, {"seq": 10**30, "ok": True}),
        one.event(EventType.PARTICIPANTS, {"participants": "nobody"}),
        one.event(EventType.HEARTBEAT, {"cpu_s": -1, "memory_bytes": "much"}),
        one.event(EventType.STATE, {"state": "joining"}),
    ]
    strange[7]["at_ns"] = 10**40
    strange.insert(0, {**one.event(EventType.LOG, {"level": "info", "text": "x"}), "type": "unheard-of"})
    assert (await one.send(*strange)).acked == len(strange)
    assert (await plane.row(one.id)).state is BotState.JOINING
    assert await chats(plane, one) == ["ab"]


async def test_a_step_back_is_ignored(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording", "waiting_room", "joining")
    assert (await plane.row(one.id)).state is BotState.RECORDING


async def test_a_bot_that_says_it_is_done_is_finalised_once_and_judged_later(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    await one.be("completed", reason="meeting_ended")
    await one.be("failed", reason="internal_error")
    row = await plane.row(one.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.MEETING_ENDED)
    assert len(plane.queue.of(Job.FINALISE, one.id)) == 1


async def test_a_reason_that_we_do_not_know_is_an_internal_error(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining")
    await one.be("processing", reason="mercury_in_retrograde")
    assert (await plane.row(one.id)).end_reason is EndReason.INTERNAL_ERROR


async def test_every_report_renews_the_lease(plane: ControlPlane):
    one = await plane.started_bot()
    await plane.clock.advance(300)
    await one.beat()
    expires = (await plane.row(one.id)).lease_expires_at
    assert expires is not None
    assert (expires.timestamp() * 1e9 - plane.clock.now_ns()) == pytest.approx(LEASE_S * 1e9, abs=1e6)


async def test_heartbeats_tell_what_a_bot_costs(plane: ControlPlane):
    one = await plane.started_bot()
    for i in range(20):
        await one.beat(cpu_s=1 + 0.5 * 3 * i, memory_bytes=200_000_000)
        await plane.clock.advance(3)
    row = await plane.row(one.id)
    assert row.cpu_cores == pytest.approx(0.5, rel=0.01)
    assert (row.cpu_s, row.memory_bytes) == (29.5, 200_000_000)


async def test_people_are_numbered_in_order_of_appearance(plane: ControlPlane):
    one = await plane.started_bot()
    ada, bob = (
        {"participant_id": i, "name": n, "is_self": False, "present": True} for i, n in (("a", "Ada"), ("b", ""))
    )
    await one.tell(EventType.PARTICIPANTS, participants=[ada])
    await one.tell(EventType.PARTICIPANTS, participants=[bob, ada])
    await one.tell(EventType.PARTICIPANTS, participants=[{**bob, "name": "Bob"}, {**ada, "name": ""}])
    async with plane.database.transaction() as session:
        people = await RecordingRepository(session, one.id).participants()
    assert [(p.number, p.name) for p in people] == [(1, "Ada"), (2, "Bob")]


async def test_only_the_present_process_of_a_bot_is_heard(plane: ControlPlane):
    one, other = await plane.started_bot(), await plane.started_bot()
    with pytest.raises(Unauthenticated):
        await plane.link.report(one.id, other.spec.token, 1, [])
    with pytest.raises(Unauthenticated):
        await plane.link.commands(one.id, "", 0, 0)
    with pytest.raises(BotEnded):
        await plane.link.report(one.id, one.spec.token, 2, [])


async def test_a_process_whose_bot_has_ended_is_told_to_leave_and_nothing_else(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining")
    await one.be("processing", reason="bot_not_accepted")
    await plane.finaliser.finalise(one.id)
    with pytest.raises(BotEnded):
        await one.beat()
    with pytest.raises(BotEnded):
        await one.put(SEGMENT, b"late")
    assert [c.type for c in await plane.link.commands(one.id, one.spec.token, 4, 0)] == [CommandType.LEAVE]


async def test_commands_come_in_order_and_once_over_reconnects(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining", "in_call", "recording")
    inside = frozenset({BotState.RECORDING})
    for text in ("one", "two", "three"):
        await plane.bots.order(plane.team, one.id, CommandType.CHAT, {"message": text}, inside)

    async def poll(after: int) -> list[tuple[int, str]]:
        found = await plane.link.commands(one.id, one.spec.token, after, 0)
        return [(c.seq, c.data["message"]) for c in found]

    assert await poll(0) == [(1, "one"), (2, "two"), (3, "three")]
    await one.tell(EventType.COMMAND_DONE, seq=1, ok=True)
    # The answer to the poll was lost: the bot asks again from where it was.
    assert await poll(0) == [(2, "two"), (3, "three")]
    assert await poll(2) == [(3, "three")]
    assert (await one.tell(EventType.COMMAND_DONE, seq=2, ok=False, detail="chat is off")).known_commands == 3
    async with plane.database.transaction() as session:
        second = await BotRepository(session).command(one.id, 2)
    assert second is not None
    assert (second.ok, second.detail) == (False, "chat is off")


async def test_a_waiting_bot_is_woken_by_a_command(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining")
    listening = asyncio.create_task(plane.wakeups.run())
    poll = asyncio.create_task(plane.link.commands(one.id, one.spec.token, 0, 20))
    await asyncio.sleep(0.05)
    assert not poll.done()
    await plane.bots.request_leave(plane.team, one.id)
    assert [c.type for c in await poll] == [CommandType.LEAVE]
    listening.cancel()


async def test_a_command_is_found_by_polling_when_no_notification_arrives(plane: ControlPlane):
    one = await plane.started_bot()
    await one.be("joining")
    poll = asyncio.create_task(plane.link.commands(one.id, one.spec.token, 0, 20))
    await asyncio.sleep(0.05)
    await plane.bots.request_leave(plane.team, one.id)
    assert len(await poll) == 1


async def test_a_segment_is_stored_whole_and_announced_to_the_assembler(plane: ControlPlane):
    one = await plane.started_bot()
    for _ in range(2):
        await one.put(SEGMENT, b"frames and more")
    await one.tell(EventType.SEGMENT, name=SEGMENT, size_bytes=15, sha256="0" * 64, first_ns=5, last_ns=9)
    assert plane.objects.contents[f"bots/{one.id}/tape/{SEGMENT}"] == b"frames and more"
    assert plane.assembler.segments[one.id] == [SEGMENT]
    (row,) = await plane.segments(one.id)
    assert (row.size_bytes, row.first_ns, row.last_ns, row.take) == (15, 5, 9, 1)
    assert row.sha256 != "0" * 64


async def test_damaged_misnamed_and_foreign_segments_are_refused(plane: ControlPlane):
    one = await plane.started_bot()
    with pytest.raises(InvalidRequest):
        await one.put(SEGMENT, b"frames", sha256="0" * 64)
    for name in ("t01-000001.mcap.open", "../t01-000001.mcap", "x", "t1-1.mcap"):
        with pytest.raises(InvalidRequest):
            await one.put(name, b"frames")
    with pytest.raises(BotEnded):
        await one.put("t02-000001.mcap", b"frames")
    assert plane.objects.contents == {}
    assert plane.assembler.segments == {}


async def test_a_full_disk_refuses_a_segment_and_takes_it_later(plane: ControlPlane):
    one = await plane.started_bot()
    plane.objects.capacity_bytes = 3
    with pytest.raises(ProviderError) as caught:
        await one.put(SEGMENT, b"frames")
    assert caught.value.code == "disk_full"
    assert list(await plane.segments(one.id)) == []
    plane.objects.capacity_bytes = None
    await one.put(SEGMENT, b"frames")
    assert [s.name for s in await plane.segments(one.id)] == [SEGMENT]
