"""What a bot brought home: tape segments, people, chat, artifacts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class SegmentRow(Base):
    """One tape segment. Announced by the bot, `stored_at` once its bytes are in object storage."""

    __tablename__ = "segments"

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    take: Mapped[int] = mapped_column(Integer)
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    first_ns: Mapped[int | None]
    last_ns: Mapped[int | None]
    stored_at: Mapped[datetime | None]


class ParticipantRow(Base):
    """A person seen in the meeting. `number` counts them in order of appearance, from 1."""

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("bot_id", "number"),)

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    participant_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    is_self: Mapped[bool] = mapped_column(default=False)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class ChatMessageRow(Base):
    __tablename__ = "chat_messages"
    __table_args__ = (UniqueConstraint("bot_id", "message_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"))
    message_id: Mapped[str]
    participant_id: Mapped[str | None]
    name: Mapped[str]
    text: Mapped[str]
    is_self: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]


class ArtifactStatus(StrEnum):
    PENDING = "pending"
    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"


class ArtifactRow(Base):
    """A file made from the tape. `object_key` is where it lies in object storage, once `ready`."""

    __tablename__ = "artifacts"

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    status: Mapped[ArtifactStatus] = mapped_column(choice(ArtifactStatus), default=ArtifactStatus.PENDING)
    content_type: Mapped[str] = mapped_column(default="application/octet-stream")
    size_bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    duration_s: Mapped[float | None]
    object_key: Mapped[str | None]
    progress: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
