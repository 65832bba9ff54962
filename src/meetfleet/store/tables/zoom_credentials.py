"""Zoom apps that a team entrusted to us, and the Zoom users who authorised them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class CredentialState(StrEnum):
    """`invalid`: the other side refuses it, so it is not tried again until somebody renews it."""

    ACTIVE = "active"
    INVALID = "invalid"


class ZoomCredentialType(StrEnum):
    """`app` is an app alone; `user` has a Zoom user's tokens, too. Source: contract.md section 3."""

    APP = "app"
    USER = "user"


class ZoomCredentialRow(Base):
    """A Zoom app's id and secret, and perhaps a user's tokens. All of these are sealed, and gone once it is deleted.

    Attributes:
        scopes: Comma-separated.
        access_until: When the access token expires.
        renewing_until: One process at a time may spend the refresh token, which is good for one use; until then.
    """

    __tablename__ = "zoom_credentials"
    __table_args__ = (Index("ix_zoom_credentials_team_id", "team_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    name: Mapped[str]
    client_id: Mapped[str | None]
    client_secret: Mapped[str | None]
    credential_type: Mapped[ZoomCredentialType] = mapped_column(choice(ZoomCredentialType))
    access_token: Mapped[str | None]
    access_until: Mapped[datetime | None]
    refresh_token: Mapped[str | None]
    renewing_until: Mapped[datetime | None]
    zoom_user_id: Mapped[str | None]
    zoom_account_id: Mapped[str | None]
    zoom_email: Mapped[str | None]
    zoom_display_name: Mapped[str | None]
    scopes: Mapped[str | None]
    state: Mapped[CredentialState] = mapped_column(choice(CredentialState), default=CredentialState.ACTIVE)
    last_error_message: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
