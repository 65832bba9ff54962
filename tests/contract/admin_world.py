"""The admin API over its real services and a real database, below the same edge as in the server."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from meetfleet.api.admin.app import PREFIX, admin_app
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.edge import Edge
from meetfleet.control.access import Access
from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.keys import Keys
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.retention import Retention
from meetfleet.control.teams import Teams
from meetfleet.control.tokens import Tokens
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.notify.bell import Bell
from meetfleet.notify.deliveries import Deliveries
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.history import History
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.owners import OwnerNotices
from meetfleet.notify.packing import Packing
from meetfleet.notify.sender import HttpSender
from meetfleet.notify.settlement import Settlement
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import MessageRow, MessageStatus, Permissions, TeamRow
from meetfleet.store.times import utc
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.objects import MemoryObjects

MEETING = parse_meeting_url("https://meet.google.com/abc-defg-hij")
OPERATOR_KEY = "chosen-by-the-operator"
ABSENT = "0190a0b0-0000-7000-8000-000000000001"


class AdminWorld:
    """One fresh team with a key of each kind, and an admin key."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()
        self.keys = Keys(database, self.clock)
        self.teams = Teams(database, self.keys)
        self.tokens = Tokens(database, self.clock)
        self.queue = RememberingQueue()
        self.box = SecretBox("k" * 40)
        guard = AddressGuard(allow_private=True)
        self.sender = HttpSender(guard, timeout_s=5)
        bell = Bell()
        self.endpoints = Endpoints(database, self.box, guard, self.clock)
        self.history = History(database, bell, self.clock)
        self.owners = OwnerNotices(database, self.clock)
        packing = Packing(database, self.box, self._link, self.clock)
        self.deliveries = Deliveries(database, self.sender, packing, Settlement(database, self.owners), self.clock)
        self.lifecycle = Lifecycle(WebhookNotices(bell, self.clock))
        self.bots = Bots(database, self.lifecycle, self.queue, MemoryObjects(), self.clock)
        self.team = TeamRow(name="people")
        self.key = self.sending_key = self.admin_key = ""
        self.app = self._app()
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://bots.test"
        )

    def services(self) -> AdminServices:
        return AdminServices(
            access=Access(self.keys, self.teams, OPERATOR_KEY),
            keys=self.keys,
            teams=self.teams,
            tokens=self.tokens,
            retention=Retention(self.database, self.bots, self.queue, self.clock),
            endpoints=self.endpoints,
            history=self.history,
            notices=self.owners,
        )

    def _link(self, bot_id: str, name: str) -> str:
        return f"https://bots.example.org/files/{bot_id}/{name}?at={self.clock.now_ns()}"

    async def failed_bot(self, team: TeamRow | None = None) -> UUID:
        """A bot that never found a place: told as `queued`, `failed`, and `bot.failed`."""
        bot = await self.bots.create(team or self.team, NewBot(meeting=MEETING, bot_name="Notes"))
        async with self.database.transaction() as session:
            row = await BotRepository(session).get(bot.id, lock=True)
            assert row is not None
            reason = EndReason.DISPATCH_TIMEOUT
            at = utc(self.clock.now_ns())
            await self.lifecycle.advance(session, row, BotState.FAILED, at=at, cause="dispatch", reason=reason)
        return bot.id

    async def start(self) -> "AdminWorld":
        async with self.database.transaction() as session:
            # What earlier tests left unsaid is not ours to say.
            await session.execute(update(MessageRow).values(status=MessageStatus.FAILED, next_attempt_at=None))
        self.team, self.key = await self.new_team()
        _, self.sending_key = await self.keys.create(self.team, "sending", Permissions.SENDING)
        _, self.admin_key = await self.keys.create(None, "admin", Permissions.ADMIN)
        return self

    async def new_team(self) -> tuple[TeamRow, str]:
        team = TeamRow(name="people")
        async with self.database.transaction() as session:
            session.add(team)
        _, key = await self.keys.create(team, "full")
        return team, key

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx2.Response:
        """A request with the team's full key."""
        headers = {"authorization": f"Bearer {self.key if key is None else key}", **more.pop("headers", {})}
        return await self.client.request(method, PREFIX + path, headers=headers, **more)

    async def data(self, method: str, path: str, **more: Any) -> Any:
        """The data of an answer that must be a success."""
        answer = await self.call(method, path, **more)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    async def refused(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Status and code of an answer that must be a failure in our envelope."""
        answer = await self.call(method, path, **more)
        body = answer.json()
        assert body["success"] is False
        assert body["statusCode"] == answer.status_code
        assert body["message"]
        return answer.status_code, body["code"]

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.mount(PREFIX, admin_app(self.services()))
        app.add_middleware(Edge)
        return app


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[AdminWorld]:
    world = await AdminWorld(database).start()
    yield world
    await world.client.aclose()
    await world.sender.close()
