"""Queries on transcriptions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.tables import TranscriptionRow


class TranscriptionRepository:
    """The runs over one bot's recording."""

    def __init__(self, session: AsyncSession, bot_id: UUID) -> None:
        self._session = session
        self._bot_id = bot_id

    async def add(self, run: TranscriptionRow) -> TranscriptionRow:
        """Stores the next run; its number is set here. The caller holds the bot's row lock."""
        query = select(func.max(TranscriptionRow.n)).where(TranscriptionRow.bot_id == self._bot_id)
        run.n = (await self._session.scalar(query) or 0) + 1
        self._session.add(run)
        await self._session.flush()
        return run

    async def newest(self, *, lock: bool = False) -> TranscriptionRow | None:
        query = select(TranscriptionRow).where(TranscriptionRow.bot_id == self._bot_id)
        query = query.order_by(TranscriptionRow.n.desc()).limit(1)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def unforgotten(self, *, lock: bool = False) -> Sequence[TranscriptionRow]:
        """Runs of which a provider may still keep something, oldest first."""
        query = select(TranscriptionRow).where(
            TranscriptionRow.bot_id == self._bot_id,
            TranscriptionRow.forgotten_at.is_(None),
            func.jsonb_array_length(TranscriptionRow.provider_ids) > 0,
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self._session.scalars(query.order_by(TranscriptionRow.n))).all()
