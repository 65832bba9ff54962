"""Finds the storage of each recording: the server's own, or the buckets that its team had chosen when the bot started.

To everybody else it is one `ObjectStore`: keys name their bot, and a bot's storage never changes.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import structlog

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.outside.addresses import AddressGuard
from meetfleet.storage.customer_objects import CustomerObjects, CustomerStorage
from meetfleet.storage.objects import ObjectInfo, ObjectStore
from meetfleet.storage.obstore_objects import S3Keys, S3Place
from meetfleet.store.database import Database
from meetfleet.store.repositories.storage_configs import StorageConfigRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import StorageConfigRow
from meetfleet.store.times import utc

KEPT_OPEN = 64
NOTED_EVERY = timedelta(minutes=1)

log = structlog.get_logger()


class Stores:
    """An `ObjectStore` that sends each object where it belongs.

    Args:
        own: The server's.
        guard: Asked again whenever buckets are opened, because names can come to lead elsewhere.
    """

    def __init__(self, own: ObjectStore, database: Database, box: SecretBox, guard: AddressGuard, clock: Clock) -> None:
        self._own = own
        self._database = database
        self._box = box
        self._guard = guard
        self._clock = clock
        self._opened: OrderedDict[tuple[UUID, int], CustomerObjects] = OrderedDict()

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        async with self._store_of(key) as store:
            return await store.put(key, content)

    async def get(self, key: str) -> bytes:
        async with self._store_of(key) as store:
            return await store.get(key)

    async def get_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        async with self._store_of(key) as store:
            async for piece in store.get_range(key, start, end):
                yield piece

    async def head(self, key: str) -> ObjectInfo:
        async with self._store_of(key) as store:
            return await store.head(key)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        async with self._store_of(prefix) as store:
            async for info in store.list(prefix):
                yield info

    async def delete(self, key: str) -> None:
        async with self._store_of(key) as store:
            await store.delete(key)

    async def delete_prefix(self, prefix: str) -> int:
        async with self._store_of(prefix) as store:
            return await store.delete_prefix(prefix)

    async def signed_url(self, key: str, method: Literal["GET", "HEAD"], ttl_s: int) -> str | None:
        """A link that leads past this server; None if the object is in the server's own storage."""
        async with self._store_of(key) as store:
            return await store.signed_url(key, method, ttl_s) if isinstance(store, CustomerObjects) else None

    @asynccontextmanager
    async def _store_of(self, key: str) -> AsyncGenerator[ObjectStore]:
        config = await self._config_of(key)
        if config is None:
            yield self._own
            return
        try:
            yield await self._open(config)
        except ProviderError as error:
            await self._note(config, error)
            raise

    async def _config_of(self, key: str) -> StorageConfigRow | None:
        match key.split("/"):
            case ["bots", text, *_]:
                try:
                    bot_id = UUID(text)
                except ValueError:
                    return None
            case _:
                return None
        async with self._database.transaction() as session:
            return await StorageConfigRepository(session).of_bot(bot_id)

    async def _open(self, config: StorageConfigRow) -> CustomerObjects:
        """Kept open, until the keys change."""
        known = (config.id, config.revision)
        if known not in self._opened:
            storage = storage_of(config, self._box)
            for bucket in dict.fromkeys((storage.artifacts, storage.tapes, storage.logs)):
                await self._check_address(storage.place.endpoint_of(bucket))
            self._opened[known] = CustomerObjects(storage)
            while len(self._opened) > KEPT_OPEN:
                self._opened.popitem(last=False)
        self._opened.move_to_end(known)
        return self._opened[known]

    async def _check_address(self, url: str) -> None:
        try:
            await self._guard.check_url(url)
        except InvalidRequest as error:
            raise ProviderError(error.message, code="address_refused") from error

    async def _note(self, config: StorageConfigRow, error: ProviderError) -> None:
        """The team sees it at its configuration; once a minute is enough."""
        log.warning("customer_storage_failed", storage_config_id=str(config.id), error=error.message)
        if config.last_error_at is not None and self._now() - config.last_error_at < NOTED_EVERY:
            return
        async with self._database.transaction() as session:
            row = await StorageConfigRepository(session).get(config.id, lock=True)
            if row is not None:
                row.last_error_message, row.last_error_at = error.message, self._now()

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def storage_of(row: StorageConfigRow, box: SecretBox) -> CustomerStorage:
    """With its secrets opened."""
    return CustomerStorage(
        place=S3Place(row.endpoint, row.region, row.force_path_style),
        artifacts=row.artifacts_bucket,
        tapes=row.audio_chunks_bucket,
        logs=row.logs_bucket,
        ingest=S3Keys(row.ingest_access_key_id, box.open(row.ingest_secret_access_key)),
        service=S3Keys(row.service_access_key_id, box.open(row.service_secret_access_key)),
    )
