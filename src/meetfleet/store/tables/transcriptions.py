"""Transcriptions of recordings: each run, what it was asked for, and how it went."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class TranscriptionStatus(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    ERROR = "error"


class TranscriptionRow(Base):
    """One run over one recording. A bot's newest run is the one that counts.

    Attributes:
        n: Counts a bot's runs from 1.
        provider: Who was asked for, as callers are told.
        config: {provider, api_key (sealed), region, custom_params} of the request; an empty one for the server's own.
        engine: Who really does the work, once that is decided.
        is_byok: Whether on the caller's own account.
        back_to, back_reason: How the bot's life ends when this run has succeeded, and why.
        pieces: [{start_s, end_s, job_id or None}, ...] from the first job on.
        provider_ids: All ids that the engine gave us for this run; they are deleted with the data.
        seconds: How much of the recording was transcribed.
        failures: Tries that failed since the last success.
        forgotten_at: When the engine had deleted what it kept.
    """

    __tablename__ = "transcriptions"
    __table_args__ = (UniqueConstraint("bot_id", "n"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"))
    n: Mapped[int] = mapped_column(Integer)
    provider: Mapped[str]
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[TranscriptionStatus] = mapped_column(choice(TranscriptionStatus), default=TranscriptionStatus.QUEUED)
    engine: Mapped[str | None]
    is_byok: Mapped[bool] = mapped_column(default=False)
    back_to: Mapped[BotState] = mapped_column(choice(BotState))
    back_reason: Mapped[EndReason | None] = mapped_column(choice(EndReason))
    pieces: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    provider_ids: Mapped[list[str]] = mapped_column(default=list)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None]
    seconds: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    forget_failures: Mapped[int] = mapped_column(Integer, default=0)
    forgotten_at: Mapped[datetime | None]
