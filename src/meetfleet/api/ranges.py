"""HTTP byte ranges. Source: RFC 9110 sections 13 and 14."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to before `end`."""

    start: int
    end: int

    def header(self, size_bytes: int) -> str:
        return f"bytes {self.start}-{self.end - 1}/{size_bytes}"


class RangeUnsatisfiable(Exception):
    """The range lies wholly behind the end."""


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The part that a `Range` header asks for.

    Returns:
        None if the whole is to be sent: no header, several ranges, or one that we cannot read.

    Raises:
        RangeUnsatisfiable: there is no such part.
    """
    found = _ONE_RANGE.match(header.replace(" ", "")) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        suffix = int(last)
        if suffix == 0 or size_bytes == 0:
            raise RangeUnsatisfiable
        return ByteRange(max(0, size_bytes - suffix), size_bytes)
    start = int(first)
    if last != "" and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeUnsatisfiable
    return ByteRange(start, size_bytes if last == "" else min(int(last) + 1, size_bytes))


def lists_etag(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header names this entity tag (weak comparison)."""
    if not header:
        return False
    names = [name.strip().removeprefix("W/") for name in header.split(",")]
    return "*" in names or f'"{etag}"' in names
