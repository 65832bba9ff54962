"""Deliveries as real jobs on PostgreSQL: ordered for the healthy, undisturbed by the dead."""

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
from meetfleet.jobs.queue import ProcrastinateQueue, job_app
from meetfleet.jobs.worker import Handler, JobWorker
from meetfleet.notify.delivery import Delivery
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.sender import HttpSender
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import TeamRow
from meetfleet.store.times import utc
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
        self.app = job_app(database.url)
        queue, box = ProcrastinateQueue(self.app), SecretBox("k" * 40)
        guard = AddressGuard(allow_private=True)
        self.sender = HttpSender(guard, timeout_s=5)
        self.endpoints = Endpoints(database, box, guard, self.clock)
        self.lifecycle = Lifecycle(WebhookNotices(queue, self.clock))
        self.bots = Bots(database, self.lifecycle, queue, MemoryObjects(), self.clock)
        self.delivery = Delivery(database, queue, self.sender, box, lambda bot_id, name: "", self.clock)
        self.team = TeamRow(name="people")

    async def work(self) -> None:
        async def nothing(subject: UUID) -> None: ...

        handlers = {job: Handler(nothing) for job in Job} | {Job.DELIVER: Handler(self.delivery.deliver)}
        await JobWorker(self.app, handlers, alone=True).run()

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
    worker = asyncio.create_task(world.work())
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
