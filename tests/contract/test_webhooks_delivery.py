"""Webhooks from a step of a bot to a receiver: real database, real HTTP, official signature libraries, manual clock."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import svix.webhooks
import time_machine
from sqlalchemy import update
from v2_schemas import V2Schemas

from meetfleet.control.bots import Bots, Callback, NewBot
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.notify.bell import Bell
from meetfleet.notify.deliveries import Deliveries
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.ladder import Outcome
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.owners import OwnerNotices
from meetfleet.notify.packing import Packing
from meetfleet.notify.redelivery import Redelivery
from meetfleet.notify.sender import HttpSender, Parcel, Sender
from meetfleet.notify.settlement import Settlement
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.messages import MessageRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import (
    ArtifactRow,
    ArtifactStatus,
    AttemptRow,
    BotRow,
    ChatMessageRow,
    EndpointRow,
    MessageRow,
    MessageStatus,
    TeamRow,
)
from meetfleet.store.times import utc
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.inbox import Delivery as Arrived
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.objects import MemoryObjects

MEETING = parse_meeting_url("https://meet.google.com/abc-defg-hij")
TO_RECORDING = (BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM, BotState.IN_CALL, BotState.RECORDING)


class World:
    """One fresh team; what is enqueued runs when the test says so."""

    def __init__(self, database: Database, *, allow_private: bool = True) -> None:
        self.database = database
        self.clock = ManualClock()
        self.queue = RememberingQueue()
        self.box = SecretBox("k" * 40)
        self.guard = AddressGuard(allow_private=allow_private)
        self.sender = HttpSender(self.guard, timeout_s=5)
        self.bell = Bell()
        self.notices = WebhookNotices(self.bell, self.clock)
        self.lifecycle = Lifecycle(self.notices)
        self.bots = Bots(database, self.lifecycle, self.queue, MemoryObjects(), self.clock)
        self.endpoints = Endpoints(database, self.box, self.guard, self.clock)
        self.redelivery = Redelivery(database, self.notices)
        self.owners = OwnerNotices(database, self.clock)
        self.deliveries = self.deliveries_by(self.sender)
        self.team = TeamRow(name="people")
        self._done = 0

    def link(self, bot_id: str, name: str) -> str:
        return f"https://bots.example.org/files/{bot_id}/{name}?at={self.clock.now_ns()}"

    async def start(self) -> "World":
        async with self.database.transaction() as session:
            # What earlier tests left unsaid is not ours to say.
            await session.execute(update(MessageRow).values(status=MessageStatus.FAILED, next_attempt_at=None))
            session.add(self.team)
        return self

    def deliveries_by(self, sender: Sender) -> Deliveries:
        packing = Packing(self.database, self.box, self.link, self.clock)
        settlement = Settlement(self.database, self.owners)
        return Deliveries(self.database, sender, packing, settlement, self.clock, chance=lambda: 0.5)

    async def run_due(self) -> None:
        """Delivers what is due now."""
        await self.deliveries.deliver_due()

    async def due_in_s(self, bot: BotRow) -> list[float]:
        """When pending messages of the bot are tried next, from now."""
        now = utc(self.clock.now_ns())
        return [(m.next_attempt_at - now).total_seconds() for m in await self.messages(bot) if m.next_attempt_at]

    async def new_bot(self, **options: Any) -> BotRow:
        return await self.bots.create(self.team, NewBot(meeting=MEETING, bot_name="Notes", **options))

    async def step(self, bot: BotRow, *states: BotState, reason: EndReason | None = None) -> None:
        for state in states:
            await self.clock.advance(1)
            async with self.database.transaction() as session:
                row = await BotRepository(session).get(bot.id, lock=True)
                assert row is not None
                if state.is_final:
                    row.duration_s = 61.6
                await self.lifecycle.advance(
                    session, row, state, at=utc(self.clock.now_ns()), cause="link", reason=reason
                )

    async def record(self, bot: BotRow, files: Mapping[str, ArtifactStatus]) -> None:
        async with self.database.transaction() as session:
            row = await BotRepository(session).get(bot.id, lock=True)
            assert row is not None
            row.manifest = {
                "participants": [
                    {"name": "Ann", "user_id": 1, "speaking_s": 12.5},
                    {"name": "Ben", "user_id": 2, "speaking_s": 0.0},
                ]
            }
            for name, status in files.items():
                artifact = ArtifactRow(bot_id=bot.id, name=name, kind="x", status=status)
                await RecordingRepository(session, bot.id).save_artifact(artifact)

    async def messages(self, bot: BotRow) -> list[MessageRow]:
        async with self.database.transaction() as session:
            return list(await MessageRepository(session).of_bot(bot.id))

    async def attempts(self, message: MessageRow) -> list[AttemptRow]:
        async with self.database.transaction() as session:
            return list(await MessageRepository(session).attempts(message.id))


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = await World(database).start()
    # The receivers' libraries judge timestamps by the wall clock.
    with time_machine.travel(world.clock.now_ns() / 1e9, tick=True):
        yield world
    await world.sender.close()


@pytest.fixture
def inbox() -> Iterator[WebhookInbox]:
    with WebhookInbox() as inbox:
        yield inbox


def codes(arrived: list[Arrived]) -> list[str]:
    return [a.json["data"]["status"]["code"] for a in arrived if a.event == "bot.status_change"]


async def test_a_whole_life_arrives_in_order_signed_and_as_the_schema_says(
    world: World,
    inbox: WebhookInbox,
    v2_schemas: V2Schemas,
) -> None:
    endpoint = await world.endpoints.add(world.team, inbox.url)
    bot = await world.new_bot(extra={"order": 7})
    await world.step(bot, *TO_RECORDING)
    await world.step(bot, BotState.LEAVING, BotState.PROCESSING, reason=EndReason.API_REQUEST)
    await world.record(bot, dict.fromkeys(["output.flac", "video.mp4", "diarization.jsonl"], ArtifactStatus.READY))
    await world.step(bot, BotState.COMPLETED)
    await world.run_due()

    assert codes(inbox.deliveries) == [
        "queued",
        "joining_call",
        "in_waiting_room",
        "in_call_not_recording",
        "in_call_recording",
        "api_request_stop",
        "call_ended",
        "recording_succeeded",
        "completed",
    ]
    assert inbox.deliveries[-1].event == "bot.completed"
    assert len({a.headers["svix-id"] for a in inbox.deliveries}) == len(inbox.deliveries)
    for arrived in inbox.deliveries:
        svix.webhooks.Webhook(endpoint.secret).verify(arrived.body, dict(arrived.headers))
        assert arrived.headers["content-type"] == "application/json"
        assert arrived.json["extra"] == {"order": 7}
        v2_schemas.check_webhook(arrived.json)
    recording = next(a for a in inbox.deliveries if codes([a]) == ["in_call_recording"])
    assert recording.json["data"]["status"]["start_time"] == world.clock.now_ns() // 10**9 - 3


async def test_the_final_webhook_tells_who_was_there_and_where_the_files_are(world: World, inbox: WebhookInbox) -> None:
    await world.endpoints.add(world.team, inbox.url, events=["bot.completed"])
    bot = await world.new_bot()
    await world.step(bot, *TO_RECORDING)
    await world.step(bot, BotState.PROCESSING, reason=EndReason.NO_ATTENDEES)
    files = {
        "output.flac": ArtifactStatus.READY,
        "video.mp4": ArtifactStatus.RENDERING,
        "diarization.jsonl": ArtifactStatus.FAILED,
    }
    await world.record(bot, files)
    await world.step(bot, BotState.COMPLETED)
    await world.run_due()

    (arrived,) = inbox.deliveries
    data = arrived.json["data"]
    assert data["participants"] == [{"name": "Ann", "id": 1}, {"name": "Ben", "id": 2}]
    assert data["speakers"] == [{"name": "Ann", "id": 1}]
    assert data["duration_seconds"] == 62
    assert data["audio"].startswith(f"https://bots.example.org/files/{bot.id}/output.flac?")
    assert data["video"].startswith(f"https://bots.example.org/files/{bot.id}/video.mp4?")
    assert (data["diarization"], data["chat_messages"], data["transcription"]) == (None, None, None)
    assert data["data_deleted"] is False


async def test_a_failure_tells_its_code_and_why(
    world: World,
    inbox: WebhookInbox,
    v2_schemas: V2Schemas,
) -> None:
    await world.endpoints.add(world.team, inbox.url)
    bot = await world.new_bot()
    await world.step(bot, *TO_RECORDING[:3])
    await world.step(bot, BotState.FAILED, reason=EndReason.BOT_NOT_ACCEPTED)
    await world.run_due()

    assert codes(inbox.deliveries)[-3:] == ["bot_rejected", "recording_failed", "failed"]
    lost = next(a for a in inbox.deliveries if codes([a]) == ["recording_failed"])
    assert "denied" in lost.json["data"]["status"]["error_message"]
    final = inbox.deliveries[-1]
    assert final.event == "bot.failed"
    assert final.json["data"]["error_code"] == "BOT_NOT_ACCEPTED"
    assert "denied" in final.json["data"]["error_message"]
    for arrived in inbox.deliveries:
        v2_schemas.check_webhook(arrived.json)


async def test_chat_is_told_but_not_the_bots_own(
    world: World,
    inbox: WebhookInbox,
    v2_schemas: V2Schemas,
) -> None:
    await world.endpoints.add(world.team, inbox.url, events=["bot.chat_message"])
    bot = await world.new_bot()
    async with world.database.transaction() as session:
        now = utc(world.clock.now_ns())
        await RecordingRepository(session, bot.id).see_participant("devices/1", "Ann", False, now)
        for mine in (False, True):
            message = ChatMessageRow(
                bot_id=bot.id, message_id=f"m{mine}", participant_id="devices/1", name="Ann", text="Hallo 你", at=now
            )
            message.is_self = mine
            row = await BotRepository(session).get(bot.id)
            assert row is not None
            await world.notices.chat_message(session, row, message)
    await world.run_due()

    (arrived,) = inbox.deliveries
    v2_schemas.check_webhook(arrived.json)
    data = arrived.json["data"]
    assert (data["message_id"], data["sender_name"], data["sender_id"], data["text"]) == (
        "mFalse",
        "Ann",
        1,
        "Hallo 你",
    )


async def test_a_retry_carries_the_same_id_a_new_timestamp_and_climbs_the_ladder(world: World) -> None:
    answers = iter([500, 302, 404, 200])
    with WebhookInbox(lambda path: next(answers)) as inbox:
        endpoint = await world.endpoints.add(world.team, inbox.url, events=["bot.failed"])
        bot = await world.new_bot()
        await world.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
        await world.run_due()
        for delay_s in (5, 10, 300):
            assert await world.due_in_s(bot) == [pytest.approx(delay_s)]
            await world.clock.advance(delay_s)
            with time_machine.travel(world.clock.now_ns() / 1e9, tick=True):
                await world.run_due()
                svix.webhooks.Webhook(endpoint.secret).verify(
                    inbox.deliveries[-1].body, dict(inbox.deliveries[-1].headers)
                )
        assert len({a.headers["svix-id"] for a in inbox.deliveries}) == 1
        assert len({a.headers["svix-timestamp"] for a in inbox.deliveries}) == 4
    assert await world.due_in_s(bot) == []
    (message,) = await world.messages(bot)
    assert (message.status, message.attempt_count) == (MessageStatus.DELIVERED, 4)
    assert [a.status_code for a in await world.attempts(message)] == [500, 302, 404, 200]


async def test_after_the_last_try_the_message_has_failed_and_its_history_says_why(world: World) -> None:
    with WebhookInbox() as inbox:
        url = inbox.url
    await world.endpoints.add(world.team, url, events=["bot.failed"])
    bot = await world.new_bot()
    await world.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
    for delay_s in (0, 5, 10, 300, 900, 1800, 7200):
        await world.clock.advance(delay_s)
        await world.run_due()
    (message,) = await world.messages(bot)
    attempts = await world.attempts(message)
    assert (message.status, len(attempts), await world.due_in_s(bot)) == (MessageStatus.FAILED, 7, [])
    assert {(a.status_code, a.url) for a in attempts} == {(None, url)}
    assert all("Connect call failed" in (a.error or "") for a in attempts)


async def test_a_dead_endpoint_costs_the_others_nothing(world: World, inbox: WebhookInbox) -> None:
    with WebhookInbox() as dead:
        dead_url = dead.url
    await world.endpoints.add(world.team, dead_url)
    await world.endpoints.add(world.team, inbox.url)
    bot = await world.new_bot()
    await world.step(bot, BotState.STARTING, BotState.JOINING)
    await world.run_due()
    assert codes(inbox.deliveries) == ["queued", "joining_call"]


class Held:
    """A sender whose attempts stay under way until the test lets them go, but for those to some paths.

    Attributes:
        events: What was sent, as (path, bot id, status code of the bot).
    """

    def __init__(self, *free: str) -> None:
        self._free = free
        self.events: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.released = asyncio.Event()

    async def send(self, parcel: Parcel) -> Outcome:
        path, data = urlsplit(parcel.url).path, json.loads(parcel.body)["data"]
        self.events.append((path, data["bot_id"], data["status"]["code"]))
        self.ids.append(parcel.headers["svix-id"])
        if path not in self._free:
            await self.released.wait()
        return Outcome(200)

    def told(self, path: str) -> list[str]:
        return [code for at, _, code in self.events if at == path]


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("It never happened.")


async def test_an_endpoint_that_hangs_holds_up_no_other(world: World) -> None:
    for path in ("hangs", "works"):
        await world.endpoints.add(world.team, f"http://127.0.0.1/{path}", events=["bot.status_change"])
    held = Held("/works")
    bot = await world.new_bot()
    await world.step(bot, BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM)
    delivering = asyncio.create_task(world.deliveries_by(held).deliver_due())
    await until(lambda: len(held.told("/works")) == 3)
    assert held.told("/hangs") == ["queued"]
    held.released.set()
    await delivering
    assert held.told("/hangs") == held.told("/works") == ["queued", "joining_call", "in_waiting_room"]
    assert len(set(held.ids)) == 6


async def test_a_bots_second_message_waits_for_its_first_but_not_for_another_bots(world: World) -> None:
    await world.endpoints.add(world.team, "http://127.0.0.1/in", events=["bot.status_change"])
    held = Held()
    one, other = await world.new_bot(), await world.new_bot()
    await world.step(one, BotState.STARTING, BotState.JOINING)
    delivering = asyncio.create_task(world.deliveries_by(held).deliver_due())
    await until(lambda: len(held.events) == 2)
    await asyncio.sleep(0.05)
    assert sorted(bot for _, bot, _ in held.events) == sorted([str(one.id), str(other.id)])
    held.released.set()
    await delivering
    assert [code for _, bot, code in held.events if bot == str(one.id)] == ["queued", "joining_call"]


async def test_an_attempt_that_got_lost_with_its_server_is_made_again(world: World, inbox: WebhookInbox) -> None:
    await world.endpoints.add(world.team, inbox.url, events=["bot.status_change"])
    await world.new_bot()
    held = Held()
    lost = asyncio.create_task(world.deliveries_by(held).deliver_due())
    await until(lambda: len(held.events) == 1)
    lost.cancel()
    await asyncio.wait([lost])
    await world.run_due()
    assert codes(inbox.deliveries) == ["queued"]
    assert inbox.deliveries[0].headers["svix-id"] == held.ids[0]


async def test_a_disabled_or_removed_endpoint_gets_nothing_not_even_what_was_on_its_way(
    world: World, inbox: WebhookInbox
) -> None:
    disabled = (await world.endpoints.add(world.team, inbox.url)).endpoint
    removed = (await world.endpoints.add(world.team, inbox.url)).endpoint
    bot = await world.new_bot()
    await world.endpoints.disable(world.team, disabled.id, reason="because")
    await world.endpoints.remove(world.team, removed.id)
    await world.run_due()
    assert inbox.deliveries == []
    assert {m.status for m in await world.messages(bot)} == {MessageStatus.FAILED}
    await world.endpoints.enable(world.team, disabled.id)
    await world.step(bot, BotState.STARTING, BotState.JOINING)
    await world.run_due()
    assert codes(inbox.deliveries) == ["joining_call"]


async def test_another_team_is_told_nothing_and_may_touch_nothing(world: World, inbox: WebhookInbox) -> None:
    endpoint = (await world.endpoints.add(world.team, inbox.url)).endpoint
    stranger = TeamRow(name="strangers")
    async with world.database.transaction() as session:
        session.add(stranger)
    await world.bots.create(stranger, NewBot(meeting=MEETING, bot_name="Notes"))
    await world.run_due()
    assert inbox.deliveries == []
    assert await world.endpoints.list(stranger) == []
    for action in (world.endpoints.remove, world.endpoints.enable, world.endpoints.rotate, world.endpoints.reveal):
        with pytest.raises(NotFound):
            await action(stranger, endpoint.id)


async def test_after_a_rotation_both_secrets_verify_until_the_overlap_ends(world: World, inbox: WebhookInbox) -> None:
    first = await world.endpoints.add(world.team, inbox.url, events=["bot.status_change"])
    second = await world.endpoints.rotate(world.team, first.endpoint.id, overlap=timedelta(hours=1))
    assert await world.endpoints.reveal(world.team, first.endpoint.id) == second.secret != first.secret
    await world.new_bot()
    await world.run_due()
    (during,) = inbox.deliveries
    for secret in (first.secret, second.secret):
        svix.webhooks.Webhook(secret).verify(during.body, dict(during.headers))

    await world.clock.advance(3600)
    await world.new_bot()
    with time_machine.travel(world.clock.now_ns() / 1e9, tick=True):
        await world.run_due()
        after = inbox.deliveries[-1]
        svix.webhooks.Webhook(second.secret).verify(after.body, dict(after.headers))
        with pytest.raises(svix.webhooks.WebhookVerificationError):
            svix.webhooks.Webhook(first.secret).verify(after.body, dict(after.headers))


async def test_secrets_are_not_stored_in_clear(world: World, inbox: WebhookInbox) -> None:
    new = await world.endpoints.add(world.team, inbox.url)
    async with world.database.transaction() as session:
        row = await session.get(EndpointRow, new.endpoint.id)
        assert row is not None
        assert new.secret not in row.secret
        assert new.secret.removeprefix("whsec_") not in row.secret
    assert new.secret not in repr(new)


@pytest.mark.parametrize("events", [[], ["bot.dances"], ["bot.failed", "nope"]])
async def test_an_endpoint_for_unknown_events_is_refused(world: World, inbox: WebhookInbox, events: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await world.endpoints.add(world.team, inbox.url, events=events)


async def test_a_private_endpoint_is_refused_unless_the_operator_allows_it(
    database: Database, inbox: WebhookInbox
) -> None:
    strict = await World(database, allow_private=False).start()
    with pytest.raises(InvalidRequest, match="MEETFLEET_ALLOW_PRIVATE_WEBHOOKS"):
        await strict.endpoints.add(strict.team, inbox.url)
    await strict.sender.close()


async def test_a_callback_that_leads_into_a_private_network_is_not_called(
    database: Database, inbox: WebhookInbox
) -> None:
    strict = await World(database, allow_private=False).start()
    bot = await strict.new_bot(callback=Callback(url=inbox.url))
    await strict.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
    await strict.run_due()
    assert inbox.deliveries == []
    (message,) = await strict.messages(bot)
    (attempt,) = await strict.attempts(message)
    assert "private address" in (attempt.error or "")
    await strict.sender.close()


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_callback_gets_only_the_end_with_its_secret_in_plain(
    world: World,
    inbox: WebhookInbox,
    method: str,
    v2_schemas: V2Schemas,
) -> None:
    callback = Callback(url=inbox.url, method=method, secret=world.box.seal("schlüssel"))
    bot = await world.new_bot(callback=callback, extra=None)
    await world.step(bot, *TO_RECORDING)
    await world.step(bot, BotState.PROCESSING, BotState.COMPLETED, reason=EndReason.NO_SPEAKER)
    await world.run_due()

    (arrived,) = inbox.deliveries
    assert arrived.method == method
    assert arrived.headers["x-mb-secret"].encode("latin-1").decode() == "schlüssel"
    assert "svix-signature" not in arrived.headers
    assert arrived.json["event"] == "bot.completed"
    assert arrived.json["extra"] is None
    v2_schemas.check_callback(arrived.json)


async def test_a_callback_is_tried_again_after_1_5_and_15_seconds_on_server_errors(world: World) -> None:
    with WebhookInbox(lambda path: 503) as inbox:
        bot = await world.new_bot(callback=Callback(url=inbox.url))
        await world.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
        for delay_s in (0, 1, 5, 15):
            await world.clock.advance(delay_s)
            await world.run_due()
        assert len(inbox.deliveries) == 4
    (message,) = await world.messages(bot)
    assert (message.status, await world.due_in_s(bot)) == (MessageStatus.FAILED, [])


async def test_a_callback_that_is_refused_is_not_tried_again(world: World) -> None:
    with WebhookInbox(lambda path: 400) as inbox:
        bot = await world.new_bot(callback=Callback(url=inbox.url))
        await world.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
        await world.run_due()
        assert len(inbox.deliveries) == 1
    assert await world.due_in_s(bot) == []


async def test_a_resent_webhook_has_a_new_id_and_fresh_links_and_spares_the_callback(
    world: World, inbox: WebhookInbox
) -> None:
    await world.endpoints.add(world.team, inbox.url + "in", events=["bot.completed"])
    bot = await world.new_bot(callback=Callback(url=inbox.url + "callback"))
    with pytest.raises(Conflict):
        await world.redelivery.resend_webhook(world.team, bot.id)
    await world.step(bot, *TO_RECORDING)
    await world.step(bot, BotState.PROCESSING, reason=EndReason.NO_ATTENDEES)
    await world.record(bot, {"output.flac": ArtifactStatus.READY})
    await world.step(bot, BotState.COMPLETED)
    await world.run_due()
    await world.clock.advance(3600)
    await world.redelivery.resend_webhook(world.team, bot.id)
    await world.run_due()

    first, again = [a for a in inbox.deliveries if a.path == "/in"]
    assert first.headers["svix-id"] != again.headers["svix-id"]
    assert first.json["data"]["audio"] != again.json["data"]["audio"]
    assert first.json["data"]["sent_at"] != again.json["data"]["sent_at"]
    assert len([a for a in inbox.deliveries if a.path == "/callback"]) == 1


async def test_a_callback_can_be_retried_and_redirected(world: World, inbox: WebhookInbox) -> None:
    bot = await world.new_bot()
    await world.step(bot, BotState.FAILED, reason=EndReason.DISPATCH_TIMEOUT)
    with pytest.raises(Conflict) as caught:
        await world.redelivery.retry_callback(world.team, bot.id, None)
    assert caught.value.code == "callback_not_configured"
    override = {"url": inbox.url + "other", "method": "PUT", "secret": world.box.seal("s3")}
    await world.redelivery.retry_callback(world.team, bot.id, override)
    await world.run_due()
    (arrived,) = inbox.deliveries
    assert (arrived.method, arrived.path, arrived.headers["x-mb-secret"]) == ("PUT", "/other", "s3")


async def test_a_message_that_was_delivered_is_delivered_once(world: World, inbox: WebhookInbox) -> None:
    await world.endpoints.add(world.team, inbox.url, events=["bot.status_change"])
    await world.new_bot()
    await world.run_due()
    await world.run_due()
    assert len(inbox.deliveries) == 1


async def test_what_is_rolled_back_is_told_to_nobody(world: World, inbox: WebhookInbox) -> None:
    await world.endpoints.add(world.team, inbox.url)
    bot = await world.new_bot()
    await world.run_due()
    heard: list[str] = []
    world.bell.heard = heard.append
    async with world.database.transaction() as session:
        row = await BotRepository(session).get(bot.id, lock=True)
        assert row is not None
        at = utc(world.clock.now_ns())
        await world.lifecycle.advance(session, row, BotState.STARTING, at=at, cause="link")
        await world.lifecycle.advance(session, row, BotState.JOINING, at=at, cause="link")
        await session.rollback()
    await world.run_due()
    assert (heard, codes(inbox.deliveries)) == ([], ["queued"])


class AfterFiveDays:
    """An endpoint that was told something a day ago and has been failing since."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.url = url

    async def fail_for(self, days: float) -> EndpointRow:
        """A bot each half day, whose messages all fail, until the days have passed."""
        endpoint = (await self.world.endpoints.add(self.world.team, self.url, events=["bot.status_change"])).endpoint
        for _ in range(int(days * 2) + 1):
            await self.world.new_bot()
            await self.world.run_due()
            await self.world.clock.advance(12 * 3600)
        return endpoint

    async def row(self, endpoint: EndpointRow) -> EndpointRow:
        (found,) = [one for one in await self.world.endpoints.list(self.world.team) if one.id == endpoint.id]
        return found


async def test_an_endpoint_that_only_fails_for_five_days_is_switched_off_and_its_owner_told(world: World) -> None:
    with WebhookInbox(lambda path: 500) as inbox:
        failing = AfterFiveDays(world, inbox.url)
        endpoint = await failing.fail_for(4.5)
        assert (await failing.row(endpoint)).enabled
        await world.new_bot()
        await world.run_due()
        row = await failing.row(endpoint)
        assert not row.enabled
        assert "every delivery failed since" in (row.disabled_reason or "")
        (notice,) = (await world.owners.page(world.team, PageRequest())).items
        assert (notice.kind, notice.subject_id, notice.read_at) == ("endpoint_disabled", endpoint.id, None)
        assert "switched off" in notice.message
        seen = len(inbox.deliveries)
        await world.new_bot()
        await world.run_due()
        assert len(inbox.deliveries) == seen


async def test_one_success_resets_the_clock_of_failure(world: World) -> None:
    answers = [500]
    with WebhookInbox(lambda path: answers[0]) as inbox:
        failing = AfterFiveDays(world, inbox.url)
        endpoint = await failing.fail_for(4)
        answers[0] = 200
        await world.new_bot()
        await world.run_due()
        assert (await failing.row(endpoint)).failing_since is None
        answers[0] = 500
        await world.clock.advance(2 * 24 * 3600)
        await world.new_bot()
        await world.run_due()
        assert (await failing.row(endpoint)).enabled


async def test_switching_an_endpoint_on_again_gives_it_another_five_days(world: World) -> None:
    with WebhookInbox(lambda path: 500) as inbox:
        failing = AfterFiveDays(world, inbox.url)
        endpoint = await failing.fail_for(6)
        assert not (await failing.row(endpoint)).enabled
        await world.endpoints.enable(world.team, endpoint.id)
        await world.new_bot()
        await world.run_due()
        row = await failing.row(endpoint)
        assert (row.enabled, row.disabled_reason) == (True, None)
