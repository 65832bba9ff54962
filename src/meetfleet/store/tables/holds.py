"""What keeps a recording from being deleted when its time is over."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, utc_now


class HoldRow(Base):
    """Protects one bot's recording from retention until `released_at`."""

    __tablename__ = "holds"
    __table_args__ = (Index("ix_holds_in_force", "bot_id", postgresql_where=text("released_at IS NULL")),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"))
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    released_at: Mapped[datetime | None]
