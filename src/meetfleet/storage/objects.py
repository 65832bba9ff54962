"""The seam to object storage: keys in, bytes out. A local folder, any S3 and the in-memory fake pass one test suite."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meetfleet.domain.errors import InvalidRequest, NotFound

KEY_MAX_BYTES = 1024


class ObjectNotFound(NotFound):
    """No object lies under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no object '{key}'.", code="object_not_found")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without reading it.

    Attributes:
        etag: Changes whenever the content does; without quotes.
    """

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


class ObjectStore(Protocol):
    """Keeps immutable pieces of data by key; keys are relative paths with `/` between parts.

    Every method raises `ProviderError` when the storage itself fails, with code `disk_full` if it has no room left.
    """

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        """Stores `content` whole or not at all; an object already under `key` is replaced."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        ...

    def get_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes `start` to before `end` (None: to the last), in pieces. Raises ObjectNotFound at the first step."""
        ...

    async def head(self, key: str) -> ObjectInfo:
        """Raises ObjectNotFound."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Everything below the folder `prefix`, in no promised order; `bots/1` does not match `bots/10`."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the object; nothing happens if there is none."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Removes everything below the folder `prefix` and says how many objects that were."""
        ...


def checked_key(key: str) -> str:
    """The key itself, if every store can keep it under the same name.

    Raises:
        InvalidRequest: empty, absolute, too long, with control characters, or with `.`, `..` or empty parts.
    """
    parts = key.split("/")
    plain = all(part not in {"", ".", ".."} for part in parts) and not any(ord(c) < 32 or c == "\\" for c in key)
    if not plain or len(key.encode()) > KEY_MAX_BYTES:
        raise InvalidRequest(f"'{key[:80]}' is no object key.", code="invalid_key")
    return key


def artifact_key(bot_id: str, name: str) -> str:
    """Where a bot's artifact lies; `name` may hold folders (`screenshots/3.png`)."""
    return checked_key(f"bots/{bot_id}/artifacts/{name}")


def bot_prefix(bot_id: str) -> str:
    """The folder of everything that is kept for one bot."""
    return f"bots/{bot_id}"
