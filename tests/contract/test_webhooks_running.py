"""Deliveries as a server runs them, in real time: ordered for the healthy, undisturbed by the dead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.notify.bell import Bell
from meetfleet.notify.deliveries import Deliveries
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.owners import OwnerNotices
from meetfleet.notify.packing import Packing
from meetfleet.notify.sender import HttpSender
from meetfleet.notify.settlement import Settlement
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import TeamRow
from meetfleet.store.times import utc
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.objects import MemoryObjects

STEPS = (BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM, BotState.IN_CALL, BotState.RECORDING)
TOLD = [
    "queued",
    "joining_call",
    "in_waiting_room",
    "in_call_not_recording",
    "in_call_recording",
    "meeting_error",
    "recording_failed",
    "failed",
]


class World:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()
        self.box = SecretBox("k" * 40)
        guard = AddressGuard(allow_private=True)
        self.sender = HttpSender(guard, timeout_s=5)
        self.bell = Bell()
        self.endpoints = Endpoints(database, self.box, guard, self.clock)
        self.lifecycle = Lifecycle(WebhookNotices(self.bell, self.clock))
        self.bots = Bots(database, self.lifecycle, RememberingQueue(), MemoryObjects(), self.clock)
        self.deliveries = self.another_server()
        self.bell.heard = self.deliveries.ring
        self.team = TeamRow(name="people")

    def another_server(self) -> Deliveries:
        packing = Packing(self.database, self.box, lambda bot_id, name: "", self.clock)
        settlement = Settlement(self.database, OwnerNotices(self.database, self.clock))
        return Deliveries(self.database, self.sender, packing, settlement, self.clock)

    async def live_and_fail(self) -> UUID:
        """One bot's whole life, as fast as the database allows."""
        meeting = parse_meeting_url("https://meet.google.com/abc-defg-hij")
        bot_id = (await self.bots.create(self.team, NewBot(meeting=meeting, bot_name="Notes"))).id
        for state in (*STEPS, BotState.PROCESSING, BotState.FAILED):
            async with self.database.transaction() as session:
                bot = await BotRepository(session).get(bot_id, lock=True)
                assert bot is not None
                reason = EndReason.BROWSER_CRASHED if state not in STEPS else None
                at = utc(self.clock.now_ns())
                await self.lifecycle.advance(session, bot, state, at=at, cause="link", reason=reason)
        return bot_id


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = World(database)
    async with database.transaction() as session:
        session.add(world.team)
    worker = asyncio.create_task(world.deliveries.run())
    yield world
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
    await world.sender.close()


async def test_each_bots_steps_arrive_in_order_while_another_endpoint_is_dead(world: World) -> None:
    hanging = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    with WebhookInbox() as inbox:
        for _ in range(2):
            await world.endpoints.add(world.team, f"http://127.0.0.1:{port}/")
        await world.endpoints.add(world.team, inbox.url)
        bots = await asyncio.gather(*(world.live_and_fail() for _ in range(6)))
        for bot_id in bots:
            await asyncio.to_thread(
                inbox.wait_for,
                lambda d, wanted=str(bot_id): d.event == "bot.failed" and d.json["data"]["bot_id"] == wanted,
                60,
            )
        for bot_id in bots:
            mine = [d for d in inbox.deliveries if d.json["data"]["bot_id"] == str(bot_id)]
            assert [d.json["data"]["status"]["code"] for d in mine[:-1]] == TOLD
            assert mine[-1].event == "bot.failed"
        assert len({d.headers["svix-id"] for d in inbox.deliveries}) == len(inbox.deliveries)
    hanging.close()


async def test_a_failed_delivery_is_tried_again_by_itself(world: World) -> None:
    answers = iter([500, 200])
    with WebhookInbox(lambda path: next(answers)) as inbox:
        await world.endpoints.add(world.team, inbox.url, events=["bot.failed"])
        await world.live_and_fail()
        delivered = await asyncio.to_thread(inbox.wait_for, lambda d: d.answered == 200, 60)
        first, second = inbox.deliveries
        assert first.headers["svix-id"] == delivered.headers["svix-id"] == second.headers["svix-id"]
        assert first.json["data"]["bot_id"] == second.json["data"]["bot_id"]


async def test_two_servers_share_the_work_and_deliver_nothing_twice(world: World) -> None:
    other = asyncio.create_task(world.another_server().run())
    with WebhookInbox() as one, WebhookInbox() as two:
        for inbox in (one, two):
            await world.endpoints.add(world.team, inbox.url)
        bots = await asyncio.gather(*(world.live_and_fail() for _ in range(4)))
        for inbox in (one, two):
            for bot_id in bots:
                await asyncio.to_thread(
                    inbox.wait_for,
                    lambda d, wanted=str(bot_id): d.event == "bot.failed" and d.json["data"]["bot_id"] == wanted,
                    60,
                )
            assert len({d.headers["svix-id"] for d in inbox.deliveries}) == len(inbox.deliveries) == 4 * 9
    other.cancel()
    await asyncio.wait([other])


async def test_a_server_takes_over_the_lanes_of_one_that_died(world: World) -> None:
    held = asyncio.Event()
    with WebhookInbox(lambda path: 200 if held.is_set() else 500) as inbox:
        await world.endpoints.add(world.team, inbox.url, events=["bot.failed"])
        first = asyncio.create_task(world.another_server().run())
        await world.live_and_fail()
        await asyncio.to_thread(inbox.wait_for, lambda d: True, 30)
        first.cancel()
        await asyncio.wait([first])
        held.set()
        await asyncio.to_thread(inbox.wait_for, lambda d: d.answered == 200, 60)
