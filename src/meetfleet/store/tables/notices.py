"""Notices out: an Event goes to Endpoints (or a bot's callback) as Messages, in Attempts."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class EndpointRow(Base):
    """An address that a team wants to be told at.

    Attributes:
        secret: Signing secret, sealed.
        events: Event names it wants; None for all.
        previous_secret: The one before a rotation, sealed; signs too until `previous_secret_until`.
        failing_since: The first failure after its last success; None while it works.
        disabled_reason: Why it was switched off; None if somebody did it by hand.
    """

    __tablename__ = "endpoints"
    __table_args__ = (Index("ix_endpoints_team_id", "team_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    url: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    events: Mapped[list[str] | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    deleted_at: Mapped[datetime | None]


class MessageStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class MessageRow(Base):
    """One event on its way to one receiver; its id is the same in every attempt.

    Attributes:
        number: Rises with every message, so that a bot's are sent in the order they were written.
        lane: The queue it stands in: its endpoint's id, or `callback:` and the host that is called.
        bot_id: None for a test message.
        endpoint_id: None for a bot's callback.
        context: What the payload is rendered from besides the bot's present row; a callback's address, too.
        attempt_count: All attempts ever.
        tries: Those on the present ladder, which a replay begins anew.
        next_attempt_at: Not before; only pending messages have one.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_bot_id", "bot_id"),
        Index("ix_messages_endpoint_id_created_at", "endpoint_id", "created_at"),
        Index(
            "ix_messages_pending_in_lane",
            "lane",
            "next_attempt_at",
            "number",
            postgresql_where=text("status = 'pending'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    number: Mapped[int] = mapped_column(BigInteger, Identity())
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    bot_id: Mapped[UUID | None] = mapped_column(ForeignKey("bots.id"))
    endpoint_id: Mapped[UUID | None] = mapped_column(ForeignKey("endpoints.id"))
    lane: Mapped[str]
    event: Mapped[str]
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[MessageStatus] = mapped_column(choice(MessageStatus), default=MessageStatus.PENDING)
    attempt_count: Mapped[int] = mapped_column(Integer, default=0)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    delivered_at: Mapped[datetime | None]


class AttemptRow(Base):
    """One HTTP request of one message."""

    __tablename__ = "attempts"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    url: Mapped[str]
    status_code: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None]
    response: Mapped[str | None]
    duration_ms: Mapped[int | None]


class OwnerNoticeRow(Base):
    """Something that the people behind a team should know.

    Attributes:
        kind: A stable word, such as `endpoint_disabled`.
        subject_id: What it is about.
        read_at: When somebody said that they had seen it.
    """

    __tablename__ = "owner_notices"
    __table_args__ = (Index("ix_owner_notices_team_id_created_at_id", "team_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    kind: Mapped[str]
    message: Mapped[str]
    subject_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    read_at: Mapped[datetime | None]
