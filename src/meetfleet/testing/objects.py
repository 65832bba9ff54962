"""Object storage in memory, for tests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from meetfleet.domain.errors import ProviderError
from meetfleet.storage.objects import ObjectInfo, ObjectNotFound, checked_key

PIECE_BYTES = 64 * 1024


class MemoryObjects:
    """An `ObjectStore` that keeps all in a dictionary.

    Attributes:
        contents: What is stored, by key.
        capacity_bytes: When the sum would exceed it, `put` fails as a full disk does; None for no limit.
    """

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.contents: dict[str, bytes] = {}
        self.capacity_bytes = capacity_bytes
        self._modified: dict[str, datetime] = {}

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        checked_key(key)
        data = await _read(content, key)
        others = sum(len(kept) for name, kept in self.contents.items() if name != key)
        if self.capacity_bytes is not None and others + len(data) > self.capacity_bytes:
            raise ProviderError("Object storage failed: no space left", code="disk_full", retryable=True)
        self.contents[key] = data
        self._modified[key] = datetime.now(UTC)
        return await self.head(key)

    async def get(self, key: str) -> bytes:
        return self._content(key)

    async def get_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        wanted = self._content(key)[start:end]
        for at in range(0, len(wanted), PIECE_BYTES):
            yield wanted[at : at + PIECE_BYTES]

    async def head(self, key: str) -> ObjectInfo:
        data = self._content(key)
        return ObjectInfo(key, len(data), hashlib.sha256(data).hexdigest()[:32], self._modified[key])

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        for key in sorted(self.contents):
            if key.startswith(checked_key(prefix) + "/"):
                yield await self.head(key)

    async def delete(self, key: str) -> None:
        self.contents.pop(checked_key(key), None)

    async def delete_prefix(self, prefix: str) -> int:
        keys = [info.key async for info in self.list(prefix)]
        for key in keys:
            await self.delete(key)
        return len(keys)

    def _content(self, key: str) -> bytes:
        try:
            return self.contents[checked_key(key)]
        except KeyError:
            raise ObjectNotFound(key) from None


async def _read(content: bytes | Path | AsyncIterator[bytes], key: str) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, Path):
        try:
            return await asyncio.to_thread(content.read_bytes)
        except FileNotFoundError as error:
            raise ProviderError(f"The file to store as '{key}' is gone.", code="source_missing") from error
    return b"".join([piece async for piece in content])
