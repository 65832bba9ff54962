"""How many requests teams have made just now."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.store.tables.base import Base


class RateWindowRow(Base):
    """One team's present second. Unlogged: it is written often, and may be lost with a crash."""

    __tablename__ = "rate_windows"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy declares it as an instance-less mapping

    team_id: Mapped[UUID] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
    used: Mapped[int] = mapped_column(Integer)
