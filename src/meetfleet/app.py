"""Puts the server together. With `foundation.py` the only place that names concrete adapters."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from fastapi import FastAPI

from meetfleet.api.admin.app import PREFIX as ADMIN_PREFIX
from meetfleet.api.admin.app import admin_app
from meetfleet.api.admin.services import AdminServices
from meetfleet.api.auth import KeyGate
from meetfleet.api.docs_page import docs_router
from meetfleet.api.edge import Edge
from meetfleet.api.errors import install_errors
from meetfleet.api.files import files_router
from meetfleet.api.health import health_router
from meetfleet.api.link.router import link_router
from meetfleet.api.recordings import RecordingSource
from meetfleet.api.v2.router import v2_router
from meetfleet.api.v2.services import Accounts, V2Services
from meetfleet.background import Background
from meetfleet.control.access import Access
from meetfleet.control.assembler import Assembler
from meetfleet.control.assembly import Assembly
from meetfleet.control.dispatch import Dispatcher, Site
from meetfleet.control.finaliser import Finaliser
from meetfleet.control.forgetting import Forgetting
from meetfleet.control.link import LinkService
from meetfleet.control.link_events import LinkEvents
from meetfleet.control.login_desk import LoginDesk
from meetfleet.control.logins import Logins
from meetfleet.control.orders import Orders
from meetfleet.control.pictures import Pictures
from meetfleet.control.playground import Playground
from meetfleet.control.rate_limit import RateLimiter
from meetfleet.control.recordings import Recordings
from meetfleet.control.rejoin import NeverRejoin
from meetfleet.control.rendering import Rendering
from meetfleet.control.spawning import Spawner
from meetfleet.control.speech_source import SpeechSource
from meetfleet.control.storage_configs import StorageConfigs
from meetfleet.control.supervision import Supervisor
from meetfleet.control.teams import FirstStart
from meetfleet.control.transcribing import Transcriber
from meetfleet.control.transcript_files import TranscriptFiles
from meetfleet.control.transcription_providers import ServerTranscription, TranscriptionProviders, unknown_names
from meetfleet.control.workspaces import Workspaces
from meetfleet.domain.link import BrowserSpec
from meetfleet.domain.meeting_url import Platform
from meetfleet.fleet.capacity import Capacity
from meetfleet.fleet.host import measure
from meetfleet.fleet.launcher import RunnerHandle, RunnerStatus
from meetfleet.fleet.limits import raise_open_files
from meetfleet.fleet.process import ProcessLauncher
from meetfleet.foundation import Foundation
from meetfleet.jobs.worker import Handler, JobWorker
from meetfleet.notify.deliveries import Deliveries
from meetfleet.notify.packing import Packing
from meetfleet.notify.redelivery import Redelivery
from meetfleet.notify.sender import HttpSender
from meetfleet.notify.settlement import Settlement
from meetfleet.outside.guarded_fetch import GuardedFetch
from meetfleet.sandbox.lab_process import LabProcess
from meetfleet.settings import Settings, bot_environ
from meetfleet.store.jobs import Job
from meetfleet.store.wakeups import Wakeups
from meetfleet.transcription.registry import Providers

log = structlog.get_logger()

_PATIENCE_S = 5.0


class App(Foundation):
    """One server process.

    Attributes:
        api: The ASGI application, to be served inside `running`.
        background: What runs beside requests.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.background = Background()
        self.wakeups = Wakeups(self.database.url)
        self.rendering = Rendering(
            self.database,
            self.queue,
            self.objects,
            settings.work_dir,
            mode=settings.video,
            slots=max(1, (os.cpu_count() or 1) // 2),
        )
        self.assembly = Assembly(self.database, self.objects, settings.work_dir, self.rendering)
        self.assembler: Assembler = self.assembly
        self.sender = HttpSender(self.guard)
        self.deliveries = self._deliveries()
        self.launcher = self._launcher()
        self._build_control()
        self.api = self._api()

    def _deliveries(self) -> Deliveries:
        packing = Packing(self.database, self.secrets, self.signer.sign, self.clock)
        settlement = Settlement(self.database, self.owner_notices)
        deliveries = Deliveries(self.database, self.sender, packing, settlement, self.clock)
        self.bell.heard = deliveries.ring
        return deliveries

    def _launcher(self) -> ProcessLauncher:
        return ProcessLauncher(
            self.settings.work_dir,
            bot_environ(),
            self._runner_ended,
            browser=self._browser,
            warm_spares=self.settings.warm_spares,
        )

    def _build_control(self) -> None:
        events = LinkEvents(self.lifecycle, self.notices, self.queue)
        self.link = LinkService(self.database, events, self.objects, self.assembler, self.wakeups, self.clock)
        self.fetch = GuardedFetch(self.guard)
        schemes = ("https", "http") if self.settings.allow_private_webhooks else ("https",)
        self.pictures = Pictures(self.database, self.lifecycle, self.link, self.fetch, self.clock, schemes=schemes)
        site = Site(f"{self.settings.local_url}/link", self._browser, self.settings.dispatch_timeout_s)
        desk = LoginDesk(capacity=self.settings.login_sessions)
        lab = LabProcess(self.settings.work_dir / "sandbox", bot_environ(), self._browser)
        self.playground = Playground(self.database, lab, self._place_waiting)
        self.dispatcher = Dispatcher(
            self.database,
            self.lifecycle,
            self.queue,
            self.launcher,
            self._room,
            site,
            self.clock,
            desk,
            playground=self.playground,
        )
        self.spawner = Spawner(
            self.database,
            self.lifecycle,
            self.queue,
            self.admission,
            self.wakeups,
            self.clock,
            grace_s=self.settings.schedule_grace_s,
        )
        self.finaliser = Finaliser(
            self.database,
            self.lifecycle,
            self.launcher,
            self.link,
            self.objects,
            self.assembler,
            self.transcriptions,
            self.clock,
        )
        self._build_transcription()
        self.supervisor = Supervisor(
            self.database,
            self.lifecycle,
            self.queue,
            self.launcher,
            self.dispatcher,
            self.link,
            NeverRejoin(),
            self.clock,
        )
        self.worker = JobWorker(
            self.job_app,
            {
                Job.DISPATCH: Handler(self._dispatch),
                Job.FINALISE: Handler(self.finaliser.finalise, self.finaliser.give_up),
                Job.PURGE: Handler(self.bots.purge),
                Job.RENDER: Handler(self.rendering.attempt, self.rendering.give_up),
                Job.RETAIN: Handler(self.retention.sweep),
                Job.TRANSCRIBE: Handler(self.transcriber.transcribe, self.transcriber.give_up),
                Job.FORGET: Handler(self.forgetting.forget),
            },
            alone=self.postgres is not None,
        )

    def _build_transcription(self) -> None:
        settings, installed = self.settings, Providers()
        server = ServerTranscription(
            settings.transcription, dict(settings.transcription_keys), dict(settings.transcription_urls)
        )
        for name in unknown_names(installed, server):
            log.error("transcription_provider_not_installed", provider=name)
        providers = TranscriptionProviders(installed, server, self.secrets)
        self.transcriber = Transcriber(
            self.database,
            self.lifecycle,
            self.queue,
            providers,
            SpeechSource(self.objects, settings.work_dir),
            TranscriptFiles(self.objects),
            self.clock,
        )
        self.forgetting = Forgetting(self.database, self.queue, providers, self.clock)

    @property
    def _browser(self) -> BrowserSpec:
        return BrowserSpec(self.settings.chromium, self.settings.browser_args)

    def _api(self) -> FastAPI:
        api = FastAPI(title="Meetfleet", docs_url=None, redoc_url=None, openapi_url=None)
        install_errors(api)
        api.add_middleware(Edge)
        api.include_router(health_router(self._trouble))
        api.include_router(docs_router())
        api.include_router(link_router(self.link, self.pictures))
        api.include_router(v2_router(self._v2_services()))
        api.mount(ADMIN_PREFIX, admin_app(self._admin_services()))
        recordings = RecordingSource(self.objects, self.rendering, self.clock)
        api.include_router(files_router(recordings, self.objects, self.signer, self.objects))
        return api

    def _v2_services(self) -> V2Services:
        return V2Services(
            gate=KeyGate(self.keys, RateLimiter(self.database)),
            bots=self.bots,
            orders=Orders(self.database, self.bots, self.clock),
            schedules=self.schedules,
            recordings=Recordings(self.database),
            redelivery=Redelivery(self.database, self.notices),
            zoom_credentials=self.zoom_credentials,
            transcriptions=self.transcriptions,
            storage_configs=StorageConfigs(self.database, self.secrets, self.guard, self.clock),
            meet=self._accounts(Platform.GOOGLE_MEET),
            teams=self._accounts(Platform.TEAMS),
            link=self.signer.sign,
            box=self.secrets,
            clock=self.clock,
            plain_http=self.settings.allow_private_webhooks,
        )

    def _admin_services(self) -> AdminServices:
        return AdminServices(
            access=Access(self.keys, self.teams, self.settings.admin_key),
            keys=self.keys,
            teams=self.teams,
            tokens=self.tokens,
            retention=self.retention,
            endpoints=self.endpoints,
            history=self.history,
            notices=self.owner_notices,
        )

    def _accounts(self, platform: Platform) -> Accounts:
        kept = (self.database, self.secrets, self.clock, platform)
        return Accounts(Workspaces(*kept), Logins(*kept, capacity=self.settings.login_sessions))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[FirstStart]:
        """The server lives inside this block; bots that run go on after it."""
        raise_open_files()
        _make_folders(self.settings)
        first = await self.open(patience_s=_PATIENCE_S)
        try:
            self.background.start("database", self.watch_postgres)
            self.background.start("wakeups", self.wakeups.run)
            self.background.start("assembly", self.assembly.run)
            self.background.start("jobs", self.worker.run)
            self.background.start("fleet", self.launcher.run)
            self.background.start("sandbox", self.playground.run)
            self.background.start("supervisor", self._supervise)
            self.background.start("schedules", self.spawner.run)
            self.background.start("deliveries", self.deliveries.run)
            self.background.start("retention", self.retention.run)
            yield first
        finally:
            await self.background.stop()
            await self.sender.close()
            await self.fetch.close()
            await self.close()

    async def _supervise(self) -> None:
        await self.finaliser.clear_leftovers()
        await self.supervisor.run()

    async def _place_waiting(self) -> None:
        await self.dispatcher.place_waiting()

    async def _dispatch(self, bot_id: UUID) -> None:
        """Whoever has waited longest comes first, which need not be this bot."""
        await self.dispatcher.place_waiting()

    def _room(self) -> Capacity:
        """What bots may use now."""
        room = measure(self.settings.capacity_cores, self.settings.capacity_memory_mb)
        return room.beside_renderers(self.rendering.running)

    async def _runner_ended(self, handle: RunnerHandle, status: RunnerStatus) -> None:
        await self.supervisor.runner_ended(handle, status)

    async def _trouble(self) -> list[str]:
        database = [] if await self.database.is_up() else ["database"]
        return [*database, *(name for name in self.background.ailing if name not in database)]


def _make_folders(settings: Settings) -> None:
    """The data folder can be passed through (the database's user must), everything in it is ours alone."""
    private = (settings.objects_dir, settings.work_dir, settings.secrets_dir)
    for folder, mode in ((settings.data, 0o711), *((folder, 0o700) for folder in private)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
