"""Who owns bots: teams and their API keys."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class Permissions(StrEnum):
    """What a key may do. `sending` may only create bots; `admin` is no team's key and manages the server.

    Source: contract.md 1.2 for the first two.
    """

    FULL = "full"
    SENDING = "sending"
    ADMIN = "admin"


class TeamRow(Base):
    __tablename__ = "teams"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    plan: Mapped[str] = mapped_column(default="self-hosted")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ApiKeyRow(Base):
    """Only the SHA-256 of a key is kept: keys are 32 random bytes, so a slow hash would add nothing.

    Attributes:
        team_id: None for an admin key.
        is_sandbox: Its bots play in the lab.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_team_id", "team_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    name: Mapped[str]
    prefix: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    permissions: Mapped[Permissions] = mapped_column(choice(Permissions), default=Permissions.FULL)
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
