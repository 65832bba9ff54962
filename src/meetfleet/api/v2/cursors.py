"""Page marks: base64 of `<ISO date>::<id>`, with `-` in front to read backwards. Source: contract.md 1.6."""

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from meetfleet.domain.errors import InvalidRequest
from meetfleet.store.paging import PageRequest, Position

_MAX_CHARS = 400


def encode(position: Position | None, *, backwards: bool = False) -> str | None:
    """The mark of a position; None stays None."""
    if position is None:
        return None
    text = f"{position.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}::{position.id}"
    return ("-" if backwards else "") + base64.urlsafe_b64encode(text.encode()).decode()


def page_request(cursor: str | None, limit: int) -> PageRequest:
    """Which page a caller asks for.

    Raises:
        InvalidRequest: the cursor is none of ours.
    """
    if not cursor:
        return PageRequest(limit)
    text, backwards = decode(cursor)
    at, separator, row_id = text.partition("::")
    try:
        if not separator:
            raise ValueError
        moment = datetime.fromisoformat(at)
        known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return PageRequest(limit, Position(known.astimezone(UTC), UUID(row_id)), backwards)
    except (ValueError, OverflowError):
        raise _bad() from None


def decode(cursor: str) -> tuple[str, bool]:
    """The text in a mark, and whether it reads backwards; the minus may stand inside the base64, too (C4)."""
    if len(cursor) > _MAX_CHARS:
        raise _bad()
    text = _unwrapped(cursor.removeprefix("-"))
    if text.startswith("-") and "::" not in text:
        return _unwrapped(text[1:]), True
    return text.removeprefix("-"), cursor.startswith("-") or text.startswith("-")


def _unwrapped(text: str) -> str:
    plain = text.replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4)).decode()
    except (binascii.Error, ValueError):
        raise _bad() from None


def _bad() -> InvalidRequest:
    return InvalidRequest("The cursor is not one that this API gave.", code="invalid_cursor")
