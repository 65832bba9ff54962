"""Buckets of their own that teams keep their recordings in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, utc_now


class StorageConfigRow(Base):
    """One place. Never deleted: recordings that lie there are still read and deleted through it.

    Attributes:
        audio_chunks_bucket: Of the tape's segments.
        ingest_secret_access_key, service_secret_access_key: Sealed.
        enabled: Whether bots that start now store there.
        replaced_at: When the team chose another place.
        revision: Rises with every change, so that servers notice new keys.
    """

    __tablename__ = "storage_configs"
    __table_args__ = (
        Index(
            "ix_storage_configs_team_id",
            "team_id",
            unique=True,
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    enabled: Mapped[bool] = mapped_column(default=True)
    endpoint: Mapped[str]
    region: Mapped[str]
    force_path_style: Mapped[bool] = mapped_column(default=False)
    artifacts_bucket: Mapped[str]
    audio_chunks_bucket: Mapped[str]
    logs_bucket: Mapped[str]
    allow_transient_spill: Mapped[bool] = mapped_column(default=False)
    ingest_access_key_id: Mapped[str]
    ingest_secret_access_key: Mapped[str]
    service_access_key_id: Mapped[str]
    service_secret_access_key: Mapped[str]
    revision: Mapped[int] = mapped_column(default=1)
    last_verified_at: Mapped[datetime | None]
    last_error_message: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    replaced_at: Mapped[datetime | None]
