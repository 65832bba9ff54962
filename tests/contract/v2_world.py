"""The v2 API over its real services and a real database; jobs are remembered, bots are moved by hand."""

import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from v2_schemas import V2Schemas

from meetfleet.api.auth import KEY_HEADER, KeyGate
from meetfleet.api.docs_page import docs_router
from meetfleet.api.edge import Edge
from meetfleet.api.errors import install_errors
from meetfleet.api.files import StoredArtifacts, files_router
from meetfleet.api.v2.router import v2_router
from meetfleet.api.v2.services import Accounts, V2Services
from meetfleet.control.admission import Admission
from meetfleet.control.bots import Bots
from meetfleet.control.keys import Keys
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.logins import Logins
from meetfleet.control.orders import Orders
from meetfleet.control.rate_limit import RateLimiter
from meetfleet.control.recordings import Recordings
from meetfleet.control.schedules import Schedules
from meetfleet.control.spawning import Spawner
from meetfleet.control.storage_configs import StorageConfigs
from meetfleet.control.stores import Stores
from meetfleet.control.transcriptions import Transcriptions
from meetfleet.control.workspaces import Workspaces
from meetfleet.control.zoom_api import ZoomApi
from meetfleet.control.zoom_credentials import ZoomCredentials
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.notify.bell import Bell
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.redelivery import Redelivery
from meetfleet.outside.addresses import AddressGuard
from meetfleet.outside.guarded_http import GuardedHttp
from meetfleet.storage.objects import artifact_key
from meetfleet.storage.presign import UrlSigner
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import ArtifactRow, ArtifactStatus, BotRow, Permissions, TeamRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import Wakeups
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.objects import MemoryObjects

MEET = "https://meet.google.com/abc-defg-hij"
ABSENT = "0190a0b0-0000-7000-8000-000000000001"
LOGIN_SESSIONS = 4
BASE_URL = "http://bots.test"
TO_RECORDING = (BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM, BotState.IN_CALL, BotState.RECORDING)
_IDS = {
    "bots": "bot_id",
    "zoom-credentials": "id",
    "meet-workspaces": "workspace_id",
    "teams-workspaces": "workspace_id",
    "meet-logins": "credential_id",
    "teams-logins": "credential_id",
}
_WORDS = frozenset({"batch", "scheduled", "utilization"})


def document() -> dict[str, Any]:
    """Our OpenAPI document, which needs no service to be made."""
    nothing: Any = None
    names = [field.name for field in dataclasses.fields(V2Services)]
    app = FastAPI(openapi_url=None)
    app.include_router(v2_router(V2Services(**dict.fromkeys(names, nothing))))
    return TestClient(app).get("/v2/openapi.json").json()


def template_of(path: str) -> str:
    """The path as the specification writes it: `/v2/bots/{bot_id}/leave`."""
    parts = path.split("?")[0].split("/")
    at = 4 if parts[3:4] == ["scheduled"] else 3
    if len(parts) > at and parts[2] in _IDS and parts[at] not in _WORDS:
        parts[at] = f"{{{_IDS[parts[2]]}}}"
    return "/".join(parts)


class V2World:
    """One fresh team with a key of each kind."""

    def __init__(self, database: Database, schemas: V2Schemas, *, zoom_url: str = "http://127.0.0.1:9") -> None:
        self.database = database
        self.schemas = schemas
        self.clock = SystemClock()
        self.rate_clock = ManualClock()
        self.queue = RememberingQueue()
        self.box = SecretBox("k" * 40)
        self.objects = MemoryObjects()
        guard = AddressGuard(allow_private=True)
        self.stores = Stores(self.objects, database, self.box, guard, self.clock)
        self.storage_configs = StorageConfigs(database, self.box, guard, self.clock)
        self.notices = WebhookNotices(Bell(), self.clock)
        self.lifecycle = Lifecycle(self.notices)
        self.bots = Bots(database, self.lifecycle, self.queue, self.stores, self.clock)
        self.admission = Admission(self.clock)
        self.schedules = Schedules(database, self.lifecycle, self.bots, self.admission, self.clock)
        self.spawner = Spawner(
            database, self.lifecycle, self.queue, self.admission, Wakeups(database.url), self.clock, grace_s=1800
        )
        self.keys = Keys(database, self.clock)
        self.http = GuardedHttp(guard)
        self.zoom = ZoomApi(self.http, self.clock, oauth_url=zoom_url, api_url=zoom_url)
        self.signer = UrlSigner(self.box.derive("links"), BASE_URL)
        self.app = self._app()
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app, raise_app_exceptions=False), base_url=BASE_URL
        )
        self.team = TeamRow(name="people")
        self.key = self.sending_key = ""

    async def start(self, **team: Any) -> "V2World":
        self.team, self.key = await self.new_team(**team)
        _, self.sending_key = await self.keys.create(self.team, "sending", Permissions.SENDING)
        return self

    async def new_team(self, **changes: Any) -> tuple[TeamRow, str]:
        team = TeamRow(name="people", **changes)
        async with self.database.transaction() as session:
            session.add(team)
        _, key = await self.keys.create(team, "full")
        return team, key

    async def call(
        self, method: str, path: str, *, key: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        """A request with the team's full key, whose answer the published specification has judged."""
        own = {KEY_HEADER: self.key if key is None else key, **(headers or {})}
        answer = await self.client.request(method, path, headers=own, **more)
        self.schemas.check_response(method, template_of(path), answer.status_code, answer.json())
        return answer

    async def create(self, **body: Any) -> UUID:
        answer = await self.call("POST", "/v2/bots", json={"bot_name": "Notes", "meeting_url": MEET, **body})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["data"]["bot_id"])

    async def details(self, bot_id: UUID) -> dict[str, Any]:
        answer = await self.call("GET", f"/v2/bots/{bot_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def list(self, **query: Any) -> dict[str, Any]:
        answer = await self.call("GET", "/v2/bots", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def listed(self, **query: Any) -> set[UUID]:
        """The ids on the one page that fits."""
        return {UUID(bot["bot_id"]) for bot in (await self.list(**query))["data"]}

    async def step(self, bot_id: UUID, *states: BotState, reason: EndReason | None = None) -> None:
        for state in states:
            async with self.database.transaction() as session:
                bot = await BotRepository(session).get(bot_id, lock=True)
                assert bot is not None
                at = utc(self.clock.now_ns())
                await self.lifecycle.advance(session, bot, state, at=at, cause="link", reason=reason)

    async def row(self, bot_id: UUID) -> BotRow:
        async with self.database.transaction() as session:
            bot = await BotRepository(session).get(bot_id)
            assert bot is not None
            return bot

    async def finish(self, bot_id: UUID, files: Mapping[str, bytes], reason: EndReason | None = None) -> None:
        """Takes a bot to its completion, with these files recorded."""
        end = reason or EndReason.NO_ATTENDEES
        await self.step(bot_id, *TO_RECORDING)
        await self.step(bot_id, BotState.PROCESSING, reason=end)
        async with self.database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, lock=True)
            assert bot is not None
            bot.duration_s = 61.25
            bot.manifest = {
                "participants": [
                    {"name": "Ann", "user_id": 1, "speaking_s": 12.5},
                    {"name": "Ben", "user_id": 2, "speaking_s": 0.0},
                ]
            }
            for name, content in files.items():
                key = artifact_key(str(bot_id), name)
                await self.stores.put(key, content)
                kind = "screenshot" if name.startswith("screenshots/") else "file"
                row = ArtifactRow(bot_id=bot_id, name=name, kind=kind, status=ArtifactStatus.READY, object_key=key)
                await RecordingRepository(session, bot_id).save_artifact(row)
        await self.step(bot_id, BotState.COMPLETED)

    def _accounts(self, platform: Platform) -> Accounts:
        kept = (self.database, self.box, self.clock, platform)
        return Accounts(Workspaces(*kept), Logins(*kept, capacity=LOGIN_SESSIONS))

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        install_errors(app)
        services = V2Services(
            gate=KeyGate(self.keys, RateLimiter(self.database, self.rate_clock)),
            bots=self.bots,
            orders=Orders(self.database, self.bots, self.clock),
            schedules=self.schedules,
            recordings=Recordings(self.database),
            redelivery=Redelivery(self.database, self.notices),
            storage_configs=self.storage_configs,
            meet=self._accounts(Platform.GOOGLE_MEET),
            teams=self._accounts(Platform.TEAMS),
            zoom_credentials=ZoomCredentials(self.database, self.box, self.zoom, self.clock),
            transcriptions=Transcriptions(self.database, self.lifecycle, self.queue, self.clock),
            link=self.signer.sign,
            box=self.box,
            clock=self.clock,
        )
        app.include_router(docs_router())
        app.include_router(v2_router(services))
        app.include_router(files_router(StoredArtifacts(self.stores), self.stores, self.signer, self.stores))
        app.add_middleware(Edge)
        return app


@pytest.fixture
async def api(database: Database, v2_schemas: V2Schemas) -> AsyncIterator[V2World]:
    world = await V2World(database, v2_schemas).start()
    yield world
    await world.client.aclose()
