"""Queries on what a bot brought home: segments, participants, chat, artifacts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.tables import ArtifactRow, ChatMessageRow, ParticipantRow, SegmentRow


class RecordingRepository:
    """Everything below belongs to one bot."""

    def __init__(self, session: AsyncSession, bot_id: UUID) -> None:
        self._session = session
        self._bot_id = bot_id

    async def segments(self) -> Sequence[SegmentRow]:
        """In tape order; announced ones too (`stored_at` is None until their bytes arrived)."""
        query = select(SegmentRow).where(SegmentRow.bot_id == self._bot_id).order_by(SegmentRow.name)
        return (await self._session.scalars(query)).all()

    async def segment(self, name: str) -> SegmentRow | None:
        return await self._session.get(SegmentRow, (self._bot_id, name), with_for_update=True)

    async def add_segment(self, segment: SegmentRow) -> SegmentRow:
        self._session.add(segment)
        await self._session.flush()
        return segment

    async def participants(self) -> Sequence[ParticipantRow]:
        query = select(ParticipantRow).where(ParticipantRow.bot_id == self._bot_id).order_by(ParticipantRow.number)
        return (await self._session.scalars(query)).all()

    async def see_participant(self, participant_id: str, name: str, is_self: bool, at: datetime) -> ParticipantRow:
        """Notes that somebody is there; the caller holds the bot's row lock, so numbers stay unique."""
        found = await self._session.get(ParticipantRow, (self._bot_id, participant_id))
        if found is None:
            query = select(func.max(ParticipantRow.number)).where(ParticipantRow.bot_id == self._bot_id)
            number = (await self._session.scalar(query) or 0) + 1
            found = ParticipantRow(
                bot_id=self._bot_id,
                participant_id=participant_id,
                number=number,
                name=name,
                is_self=is_self,
                first_seen_at=at,
                last_seen_at=at,
            )
            self._session.add(found)
            await self._session.flush()
        else:
            found.name = name or found.name
            found.last_seen_at = max(found.last_seen_at, at)
        return found

    async def chat_messages(self) -> Sequence[ChatMessageRow]:
        query = select(ChatMessageRow).where(ChatMessageRow.bot_id == self._bot_id).order_by(ChatMessageRow.at)
        return (await self._session.scalars(query)).all()

    async def add_chat_message(self, message: ChatMessageRow) -> ChatMessageRow | None:
        """None if it was stored before."""
        query = select(ChatMessageRow.id).where(
            ChatMessageRow.bot_id == self._bot_id, ChatMessageRow.message_id == message.message_id
        )
        if await self._session.scalar(query) is not None:
            return None
        self._session.add(message)
        await self._session.flush()
        return message

    async def artifacts(self) -> Sequence[ArtifactRow]:
        query = select(ArtifactRow).where(ArtifactRow.bot_id == self._bot_id).order_by(ArtifactRow.name)
        return (await self._session.scalars(query)).all()

    async def artifact(self, name: str) -> ArtifactRow | None:
        return await self._session.get(ArtifactRow, (self._bot_id, name), populate_existing=True)

    async def save_artifact(self, artifact: ArtifactRow) -> ArtifactRow:
        """Inserts, or replaces the one of the same name."""
        merged = await self._session.merge(artifact)
        await self._session.flush()
        return merged

    async def lock_manifest(self) -> None:
        """Held to the end of the transaction: who changes the stored manifest does it one after the other."""
        await self._session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:bot, 3))"), {"bot": str(self._bot_id)}
        )

    async def forget(self) -> None:
        """Deletes all rows that hold what was said and seen; the bot's own row and events stay."""
        for table in (ArtifactRow, ChatMessageRow, SegmentRow):
            await self._session.execute(delete(table).where(table.bot_id == self._bot_id))
