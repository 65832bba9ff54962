"""What all tables share: the metadata, column types, naming of constraints."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

_NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy declares it as an instance-less mapping
        datetime: DateTime(timezone=True),
        int: BigInteger,
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
    }


def choice(values: type[StrEnum]) -> Enum:
    """A column that holds a member of a StrEnum as its text, so that a new member needs no migration."""
    return Enum(values, native_enum=False, length=40, values_callable=_values, validate_strings=True)


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


def utc_now() -> datetime:
    return datetime.now(UTC)
