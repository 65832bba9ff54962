"""Tokens: what a team has, and every entry that made it so."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now

_AMOUNT = Numeric(16, 4)


class EntryKind(StrEnum):
    """Why tokens came or went.

    `waiver` gives back what a team that is not billed was charged; `overdraft` lends what a team that is billed lacks,
    and `repayment` takes that back as soon as there is something.
    """

    GRANT = "grant"
    RESERVE = "reserve"
    RELEASE = "release"
    RECORDING = "recording"
    TRANSCRIPTION = "transcription"
    BYOK_TRANSCRIPTION = "byok_transcription"
    STREAMING_INPUT = "streaming_input"
    STREAMING_OUTPUT = "streaming_output"
    WAIVER = "waiver"
    OVERDRAFT = "overdraft"
    REPAYMENT = "repayment"


class TokenAccountRow(Base):
    """What one team has; made with its first entry.

    Attributes:
        available: The sum of all its entries; never below zero.
        owed: What was used beyond that; as long as there is any, nothing is available.
        reserved: What of the team's tokens is set aside for bots under way.
    """

    __tablename__ = "token_accounts"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    available: Mapped[Decimal] = mapped_column(_AMOUNT, default=Decimal(0))
    reserved: Mapped[Decimal] = mapped_column(_AMOUNT, default=Decimal(0))
    owed: Mapped[Decimal] = mapped_column(_AMOUNT, default=Decimal(0))
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class TokenEntryRow(Base):
    """One line of a team's account. Never changed, never deleted.

    Attributes:
        amount: What the entry adds to `available`; negative for what it takes.
        turn: Number of the bot's event that it belongs to, so that no event is ever charged twice; 0 before any.
        seconds, rate: What was charged for, and tokens per hour.
        reason: The same in words.
    """

    __tablename__ = "token_entries"
    __table_args__ = (
        UniqueConstraint("bot_id", "kind", "turn"),
        Index("ix_token_entries_team_id_at", "team_id", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    bot_id: Mapped[UUID | None] = mapped_column(ForeignKey("bots.id"))
    turn: Mapped[int] = mapped_column(Integer, default=0)
    kind: Mapped[EntryKind] = mapped_column(choice(EntryKind))
    amount: Mapped[Decimal] = mapped_column(_AMOUNT)
    seconds: Mapped[Decimal | None] = mapped_column(Numeric(14, 3))
    rate: Mapped[Decimal | None] = mapped_column(Numeric(8, 4))
    reason: Mapped[str]
    at: Mapped[datetime]
