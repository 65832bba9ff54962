"""A team's own buckets: checked before they are taken, tested on request. Source: contract.md 2.16."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.stores import storage_of
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest, NotFound, ProviderError
from meetfleet.outside.addresses import AddressGuard
from meetfleet.storage.customer_objects import CustomerObjects, CustomerStorage
from meetfleet.store.database import Database
from meetfleet.store.repositories.storage_configs import StorageConfigRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import StorageConfigRow, TeamRow
from meetfleet.store.times import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStorageConfig:
    storage: CustomerStorage = field(repr=False)
    allow_transient_spill: bool = False


class StorageConfigs:
    """All methods but `set` raise NotFound (`storage_config_not_found`) for a team that never chose."""

    def __init__(self, database: Database, box: SecretBox, guard: AddressGuard, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._guard = guard
        self._clock = clock

    async def get(self, team: TeamRow) -> StorageConfigRow:
        async with self._database.transaction() as session:
            return await _found(session, team)

    async def set(self, team: TeamRow, new: NewStorageConfig) -> StorageConfigRow:
        """From now on bots that start store there. Recordings that were begun elsewhere stay where they are.

        Raises:
            InvalidRequest: `storage_check_failed`, if writing, reading or deleting a marker fails; nothing is changed.
        """
        await self._check_address(new.storage)
        try:
            await CustomerObjects(new.storage).verify()
        except ProviderError as error:
            raise InvalidRequest(error.message, code="storage_check_failed") from error
        wanted = self._row(team, new)
        async with self._database.transaction() as session:
            configs = StorageConfigRepository(session)
            await configs.lock_choice(team.id)
            present = await configs.present(team.id, lock=True)
            kept = await configs.same_place(wanted)
            if present is not None and (kept is None or kept.id != present.id):
                present.enabled, present.replaced_at = False, self._now()
                await session.flush()
            if kept is None:
                return await configs.add(wanted)
            self._renew(kept, wanted)
            return kept

    async def disable(self, team: TeamRow) -> StorageConfigRow:
        """Bots that start from now on store with the server; what lies in the buckets stays there, and readable."""
        async with self._database.transaction() as session:
            row = await _found(session, team, lock=True)
            row.enabled, row.updated_at = False, self._now()
            return row

    async def test(self, team: TeamRow) -> str | None:
        """What is wrong with the stored choice; None if nothing is."""
        row = await self.get(team)
        storage = storage_of(row, self._box)
        error: str | None = None
        try:
            await self._check_address(storage)
            await CustomerObjects(storage).verify()
        except (InvalidRequest, ProviderError) as failed:
            error = failed.message
        async with self._database.transaction() as session:
            current = await StorageConfigRepository(session).get(row.id, lock=True)
            if current is not None and current.revision == row.revision:
                note_check(current, error, self._now())
        return error

    async def _check_address(self, storage: CustomerStorage) -> None:
        for bucket in dict.fromkeys((storage.artifacts, storage.tapes, storage.logs)):
            await self._guard.check_url(storage.place.endpoint_of(bucket))

    def _row(self, team: TeamRow, new: NewStorageConfig) -> StorageConfigRow:
        storage = new.storage
        return StorageConfigRow(
            team_id=team.id,
            endpoint=_plain(storage.place.endpoint),
            region=storage.place.region,
            force_path_style=storage.place.force_path_style,
            artifacts_bucket=storage.artifacts,
            audio_chunks_bucket=storage.tapes,
            logs_bucket=storage.logs,
            allow_transient_spill=new.allow_transient_spill,
            ingest_access_key_id=storage.ingest.access_key_id,
            ingest_secret_access_key=self._box.seal(storage.ingest.secret_access_key),
            service_access_key_id=storage.service.access_key_id,
            service_secret_access_key=self._box.seal(storage.service.secret_access_key),
            last_verified_at=self._now(),
            created_at=self._now(),
            updated_at=self._now(),
        )

    def _renew(self, kept: StorageConfigRow, wanted: StorageConfigRow) -> None:
        """The same buckets with other keys: recordings of before are reached with the new ones, too."""
        for name in (
            "region",
            "force_path_style",
            "allow_transient_spill",
            "ingest_access_key_id",
            "ingest_secret_access_key",
            "service_access_key_id",
            "service_secret_access_key",
        ):
            setattr(kept, name, getattr(wanted, name))
        kept.enabled, kept.replaced_at = True, None
        kept.revision += 1
        note_check(kept, None, self._now())

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def note_check(row: StorageConfigRow, error: str | None, now: datetime) -> None:
    """Remembers how a check went."""
    row.updated_at = now
    if error is None:
        row.last_verified_at, row.last_error_message, row.last_error_at = now, None, None
    else:
        row.last_error_message, row.last_error_at = error, now


async def _found(session: AsyncSession, team: TeamRow, *, lock: bool = False) -> StorageConfigRow:
    row = await StorageConfigRepository(session).present(team.id, lock=lock)
    if row is None:
        raise NotFound("No storage of your own is configured.", code="storage_config_not_found")
    return row


def _plain(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
