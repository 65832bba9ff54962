"""Between the meeting clock (UTC nanoseconds) and the database's datetimes."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(at_ns: int) -> datetime:
    """To the microsecond, which is what PostgreSQL keeps."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def to_ns(at: datetime) -> int:
    return ((at - _EPOCH) // timedelta(microseconds=1)) * 1000
