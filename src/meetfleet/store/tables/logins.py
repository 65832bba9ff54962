"""Accounts that bots sign in with, and the organisations they belong to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.domain.meeting_url import Platform
from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now
from meetfleet.store.tables.zoom_credentials import CredentialState


class WorkspaceRow(Base):
    """A Google Workspace or a Microsoft tenant.

    Attributes:
        platform: Google Meet or Teams.
        cert_pem: What the Workspace checks our sign-ins with; Google Meet only.
        private_key: Sealed; gone once the workspace is deleted.
        failure_data: What is known of the last failure, for programs.
    """

    __tablename__ = "workspaces"
    __table_args__ = (Index("ix_workspaces_team_id", "team_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    platform: Mapped[Platform] = mapped_column(choice(Platform))
    name: Mapped[str]
    domain: Mapped[str]
    cert_pem: Mapped[str | None]
    private_key: Mapped[str | None]
    state: Mapped[CredentialState] = mapped_column(choice(CredentialState), default=CredentialState.ACTIVE)
    failure_data: Mapped[dict[str, Any] | None]
    last_error_message: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]


class LoginRow(Base):
    """One account of a workspace. How many meetings it is in is counted from the bots that hold it.

    Attributes:
        email_group: Logins of one group stand in for each other.
        password: Sealed; Teams only; gone once the login is deleted.
    """

    __tablename__ = "logins"
    __table_args__ = (
        Index("ix_logins_team_id", "team_id"),
        Index(
            "ix_logins_workspace_id_email",
            "workspace_id",
            text("lower(email)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    platform: Mapped[Platform] = mapped_column(choice(Platform))
    name: Mapped[str]
    email: Mapped[str]
    email_group: Mapped[str | None]
    password: Mapped[str | None]
    state: Mapped[CredentialState] = mapped_column(choice(CredentialState), default=CredentialState.ACTIVE)
    failure_data: Mapped[dict[str, Any] | None]
    last_error_message: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    extra: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
