"""What the server and the command line both stand on: database, storage, and the services that need only these.

With `app.py` the only place that names concrete adapters.
"""

import asyncio

import structlog
from sqlalchemy.exc import OperationalError

from meetfleet.control.admission import Admission
from meetfleet.control.bots import Bots
from meetfleet.control.keys import Keys
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.retention import Retention
from meetfleet.control.schedules import Schedules
from meetfleet.control.stores import Stores
from meetfleet.control.teams import FirstStart, Teams
from meetfleet.control.tokens import Tokens
from meetfleet.control.transcriptions import Transcriptions
from meetfleet.control.zoom_api import ZoomApi
from meetfleet.control.zoom_credentials import ZoomCredentials
from meetfleet.control.zoom_tokens import ZoomTokens
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.errors import RunnerError
from meetfleet.jobs.queue import ProcrastinateQueue, job_app
from meetfleet.notify.bell import Bell
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.history import History
from meetfleet.notify.notices import WebhookNotices
from meetfleet.notify.owners import OwnerNotices
from meetfleet.outside.addresses import AddressGuard
from meetfleet.outside.guarded_http import GuardedHttp
from meetfleet.sandbox.needs import lacking
from meetfleet.settings import Settings
from meetfleet.storage.obstore_objects import open_objects
from meetfleet.storage.presign import UrlSigner
from meetfleet.store.database import Database
from meetfleet.store.embedded import EmbeddedPostgres
from meetfleet.store.migrate import migrate
from meetfleet.store.secret_box import SecretBox

log = structlog.get_logger()

_WATCH_S = 0.5


class Foundation:
    """All of it, put together; nothing runs before `open`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.postgres = None if settings.database_url else EmbeddedPostgres(settings.postgres_dir)
        self.database = Database(settings.database_url or self._embedded.url())
        self.secrets = SecretBox.of(settings.secret_key, settings.secrets_dir)
        self.job_app = job_app(self.database.url)
        self.queue = ProcrastinateQueue(self.job_app)
        self.signer = UrlSigner(self.secrets.derive("links to files"), settings.base_url)
        self.guard = AddressGuard(allow_private=settings.allow_private_webhooks)
        own = open_objects(settings.storage_url, settings.objects_dir)
        self.objects = Stores(own, self.database, self.secrets, self.guard, self.clock)
        self.http = GuardedHttp(self.guard)
        self.endpoints = Endpoints(self.database, self.secrets, self.guard, self.clock)
        self.bell = Bell()
        self.notices = WebhookNotices(self.bell, self.clock)
        self.history = History(self.database, self.bell, self.clock)
        self.owner_notices = OwnerNotices(self.database, self.clock)
        self.lifecycle = Lifecycle(self.notices)
        self.keys = Keys(self.database, self.clock)
        self.teams = Teams(self.database, self.keys)
        self.transcriptions = Transcriptions(self.database, self.lifecycle, self.queue, self.clock)
        self.admission = Admission(self.clock)
        self.bots = Bots(self.database, self.lifecycle, self.queue, self.objects, self.clock, sandbox_lacks=lacking)
        zoom = ZoomApi(self.http, self.clock, oauth_url=settings.zoom_oauth_url, api_url=settings.zoom_api_url)
        self.zoom_credentials = ZoomCredentials(self.database, self.secrets, zoom, self.clock)
        self.zoom_tokens = ZoomTokens(self.database, self.secrets, zoom, self.http, self.clock)
        self.tokens = Tokens(self.database, self.clock)
        self.retention = Retention(self.database, self.bots, self.queue, self.clock)
        self.schedules = Schedules(self.database, self.lifecycle, self.bots, self.admission, self.clock)

    @property
    def _embedded(self) -> EmbeddedPostgres:
        assert self.postgres is not None
        return self.postgres

    async def open(self, *, patience_s: float = 0) -> FirstStart:
        """Starts the database if it is ours, and brings it to the present schema.

        Args:
            patience_s: How long to wait while another process (a command) has our database.

        Raises:
            DatabaseInUse: a server runs it already.
            RunnerError: it cannot be started, or not be reached.
        """
        if self.postgres is not None:
            self.postgres.spawn(patience_s=patience_s)
            await asyncio.to_thread(self.postgres.wait_ready)
        try:
            await asyncio.to_thread(migrate, self.database.url)
        except OperationalError as error:
            raise RunnerError(f"The database cannot be reached: {error.orig}", code="database_unreachable") from error
        return await self.teams.ensure_first(self.settings.api_key)

    async def close(self) -> None:
        await self.http.close()
        await self.database.close()
        if self.postgres is not None:
            self.postgres.stop()

    async def watch_postgres(self) -> None:
        """Starts our database again whenever it has died."""
        while self.postgres is not None:
            await asyncio.sleep(_WATCH_S)
            if not self.postgres.is_running:
                log.error("database_died")
                self.postgres.spawn()
                await asyncio.to_thread(self.postgres.wait_ready)
                log.info("database_restarted")
        await asyncio.Event().wait()
