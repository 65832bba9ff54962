"""Types of single fields that requests and responses share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from meetfleet.domain.dialects.v2 import wire_time
from meetfleet.domain.errors import InvalidRequest
from meetfleet.outside.addresses import url_target

UUID_PATTERN = (
    "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    "|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$"
)
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:.")
_TIME_SCHEMA = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
}


def _url(text: str, schemes: frozenset[str]) -> str:
    try:
        parts = urlsplit(text)
        known = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not text.isprintable() or " " in text or len(text) > 2048:
        raise ValueError(f"must be an absolute {' or '.join(sorted(schemes))} URL")
    return text


def _web(text: str) -> str:
    return _url(text, frozenset({"http", "https"}))


def _socket(text: str) -> str:
    return _url(text, frozenset({"ws", "wss"}))


def _callable(text: str) -> str:
    try:
        url_target(text)
    except InvalidRequest as error:
        raise ValueError(error.message) from None
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _any_uri(text: str) -> str:
    if not _SCHEME.match(text) or not text.isprintable() or " " in text or len(text) > 2048:
        raise ValueError("must be an absolute URI")
    return text


def _moment(text: object) -> datetime:
    """A point in time; which one must not depend on who reads it, so it needs an offset."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        if found is None or found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a date-time such as 2026-01-31T10:00:00Z") from None


_URI = WithJsonSchema({"type": "string", "format": "uri"})
WireTime = Annotated[datetime, PlainSerializer(wire_time, return_type=str), WithJsonSchema(_TIME_SCHEMA)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Uri = Annotated[str, _URI]
AnyUri = Annotated[str, AfterValidator(_any_uri), _URI]
WebUrl = Annotated[str, AfterValidator(_web), _URI]
SocketUrl = Annotated[str, AfterValidator(_socket), _URI]
CallableUrl = Annotated[str, AfterValidator(_callable), _URI]
HeaderText = Annotated[str, AfterValidator(_printable)]
ChatText = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_not_blank)]
Uuid = Annotated[
    str, Field(pattern=UUID_PATTERN), WithJsonSchema({"type": "string", "format": "uuid", "pattern": UUID_PATTERN})
]
Extra = dict[str, Any]
EMAIL = re.compile(r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$")
