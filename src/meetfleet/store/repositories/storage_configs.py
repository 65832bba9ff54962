"""Queries on teams' own buckets."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.tables import BotRow, StorageConfigRow


class StorageConfigRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, config: StorageConfigRow) -> StorageConfigRow:
        self._session.add(config)
        await self._session.flush()
        return config

    async def present(self, team_id: UUID, *, lock: bool = False) -> StorageConfigRow | None:
        """The team's choice, enabled or not."""
        query = select(StorageConfigRow).where(
            StorageConfigRow.team_id == team_id, StorageConfigRow.replaced_at.is_(None)
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def same_place(self, wanted: StorageConfigRow) -> StorageConfigRow | None:
        """One of the team's that leads to the same buckets, perhaps with other keys; the newest, locked."""
        query = select(StorageConfigRow).where(
            StorageConfigRow.team_id == wanted.team_id,
            StorageConfigRow.endpoint == wanted.endpoint,
            StorageConfigRow.artifacts_bucket == wanted.artifacts_bucket,
            StorageConfigRow.audio_chunks_bucket == wanted.audio_chunks_bucket,
            StorageConfigRow.logs_bucket == wanted.logs_bucket,
        )
        query = query.order_by(StorageConfigRow.created_at.desc()).limit(1).with_for_update()
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def get(self, config_id: UUID, *, lock: bool = False) -> StorageConfigRow | None:
        return await self._session.get(StorageConfigRow, config_id, with_for_update=lock, populate_existing=lock)

    async def of_bot(self, bot_id: UUID) -> StorageConfigRow | None:
        """Where the bot's recording lies; None for the server's own storage."""
        query = select(StorageConfigRow).join(BotRow, BotRow.storage_config_id == StorageConfigRow.id)
        return await self._session.scalar(query.where(BotRow.id == bot_id))

    async def lock_choice(self, team_id: UUID) -> None:
        """Held to the end of the transaction: a team's choices are made one after the other."""
        key = {"key": f"storage {team_id}"}
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 4))"), key)
