"""A customer's own buckets: one key pair writes, the other reads, lists, signs and deletes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import uuid4

from meetfleet.domain.errors import NotFound, ProviderError
from meetfleet.storage.content_types import content_type_of
from meetfleet.storage.objects import ObjectInfo, checked_key
from meetfleet.storage.obstore_objects import ObstoreObjects, S3Keys, S3Place

CHECK_S = 30.0
CHECK_FOLDER = "meetfleet-check"
_MARKER = b"Meetfleet can write here."
_REASON_MAX_CHARS = 300


@dataclass(frozen=True, slots=True)
class CustomerStorage:
    """Where a customer's recordings go.

    Attributes:
        tapes: Bucket of the tape's segments.
        ingest: Key pair that writes.
        service: Key pair that does everything else.
    """

    place: S3Place
    artifacts: str
    tapes: str
    logs: str
    ingest: S3Keys = field(repr=False)
    service: S3Keys = field(repr=False)


class CustomerObjects:
    """An `ObjectStore` over the buckets of one customer; which one, the key says (`bots/<id>/tape|logs|...`)."""

    def __init__(self, storage: CustomerStorage) -> None:
        self._storage = storage
        buckets = dict.fromkeys((storage.artifacts, storage.tapes, storage.logs))
        self._writing = {b: ObstoreObjects.in_bucket(b, storage.place, storage.ingest) for b in buckets}
        self._reading = {b: ObstoreObjects.in_bucket(b, storage.place, storage.service) for b in buckets}

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        bucket = self._bucket(key)
        await self._writing[bucket].write(key, content, content_type=content_type_of(key))
        return await self._reading[bucket].head(key)

    async def get(self, key: str) -> bytes:
        return await self._reading[self._bucket(key)].get(key)

    async def get_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        async for piece in self._reading[self._bucket(key)].get_range(key, start, end):
            yield piece

    async def head(self, key: str) -> ObjectInfo:
        return await self._reading[self._bucket(key)].head(key)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        for bucket in self._buckets_below(prefix):
            async for info in self._reading[bucket].list(prefix):
                yield info

    async def delete(self, key: str) -> None:
        await self._reading[self._bucket(key)].delete(key)

    async def delete_prefix(self, prefix: str) -> int:
        return sum([await self._reading[bucket].delete_prefix(prefix) for bucket in self._buckets_below(prefix)])

    async def signed_url(self, key: str, method: Literal["GET", "HEAD"], ttl_s: int) -> str:
        """A link to the object in its bucket."""
        return await self._reading[self._bucket(key)].signed_url(key, method, ttl_s)

    async def verify(self) -> None:
        """Writes a marker to each bucket with one key pair; finds, reads and deletes it with the other.

        Raises:
            ProviderError: `storage_check_failed`; the message says which bucket, which key pair and what it cannot do.
        """
        for bucket in self._writing:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._verify(bucket)
            except TimeoutError:
                text = f"Bucket '{bucket}' did not answer within {CHECK_S:.0f} s."
                raise ProviderError(text, code="storage_check_failed", retryable=True) from None

    async def _verify(self, bucket: str) -> None:
        folder = f"{CHECK_FOLDER}/{uuid4()}"
        key = f"{folder}/marker.txt"
        writing, reading = self._writing[bucket], self._reading[bucket]
        try:
            await writing.write(key, _MARKER, content_type="text/plain")
        except (ProviderError, NotFound) as error:
            raise _failed(bucket, "ingest", "write to", error) from error
        try:
            found = await reading.get(key)
        except (ProviderError, NotFound) as error:
            raise _failed(bucket, "service", "read from", error) from error
        if found != _MARKER:
            text = f"Bucket '{bucket}' gave back something else than what was written."
            raise ProviderError(text, code="storage_check_failed")
        try:
            listed = [info.key async for info in reading.list(folder)]
        except (ProviderError, NotFound) as error:
            raise _failed(bucket, "service", "list", error) from error
        try:
            await reading.delete(key)
        except (ProviderError, NotFound) as error:
            raise _failed(bucket, "service", "delete from", error) from error
        if listed != [key]:
            text = f"Bucket '{bucket}' does not list what was written to it."
            raise ProviderError(text, code="storage_check_failed")

    def _bucket(self, key: str) -> str:
        match checked_key(key).split("/"):
            case ["bots", _, "tape", *_]:
                return self._storage.tapes
            case ["bots", _, "logs", *_]:
                return self._storage.logs
            case _:
                return self._storage.artifacts

    def _buckets_below(self, prefix: str) -> Sequence[str]:
        deep = prefix.count("/") >= 2
        return [self._bucket(prefix)] if deep else list(self._reading)


def _failed(bucket: str, keys: str, deed: str, error: ProviderError | NotFound) -> ProviderError:
    missing = isinstance(error, NotFound) or error.code == "source_missing"
    told = error.message.removeprefix("Object storage failed: ").split(" for path ")[0]
    why = "it is not there." if missing else told[:_REASON_MAX_CHARS]
    return ProviderError(f"The {keys} key pair cannot {deed} bucket '{bucket}': {why}", code="storage_check_failed")
