"""Object storage through obstore: a local folder, or any S3."""

from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from obstore.store import ObjectStore as Backend

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.storage.objects import ObjectInfo, ObjectNotFound, checked_key

READ_PIECE_BYTES = 256 * 1024
_S3_OPTIONS = frozenset({"endpoint", "region", "access_key_id", "secret_access_key", "session_token"})


class ObstoreObjects:
    """An `ObjectStore` over one of obstore's backends. Use `open_objects`, `in_folder` or `in_s3`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Objects as plain files below `folder`, which is made if it is missing."""
        return cls(LocalStore(prefix=folder.resolve(), mkdir=True, automatic_cleanup=True))

    @classmethod
    def in_s3(cls, url: str) -> Self:
        """Objects in a bucket.

        Args:
            url: `s3://bucket/prefix?endpoint=https://host&region=eu-west-1&access_key_id=..&secret_access_key=..`; all
                after the bucket is optional. Without keys the usual AWS sources (variables, instance role) are asked.

        Raises:
            InvalidRequest: the URL names no bucket, or an option that we do not know.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        if unknown := set(options) - _S3_OPTIONS:
            raise InvalidRequest(f"Unknown storage option: {', '.join(sorted(unknown))}.", code="invalid_storage_url")
        if parts.scheme != "s3" or not parts.netloc:
            raise InvalidRequest("A storage URL looks like s3://bucket/prefix.", code="invalid_storage_url")
        plain_http = options.get("endpoint", "").startswith("http://")
        return cls(
            S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                config=options,  # pyright: ignore[reportArgumentType]
                client_options={"allow_http": plain_http},
            )
        )

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        try:
            with _translated(key):
                await obstore.put_async(self._backend, checked_key(key), content)
        except ObjectNotFound as error:
            text = f"'{key}' could not be stored: its source file or the bucket is missing."
            raise ProviderError(text, code="source_missing") from error
        return await self.head(key)

    async def get(self, key: str) -> bytes:
        with _translated(key):
            result = await obstore.get_async(self._backend, checked_key(key))
            return bytes(await result.bytes_async())

    async def get_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if end is not None and end <= start:
            return
        wanted = (start, end) if end is not None else {"offset": start}
        with _translated(key):
            whole = start == 0 and end is None
            options = None if whole else {"range": wanted}
            result = await obstore.get_async(self._backend, checked_key(key), options=options)  # pyright: ignore[reportArgumentType]
            async for piece in result.stream(min_chunk_size=READ_PIECE_BYTES):
                yield bytes(piece)

    async def head(self, key: str) -> ObjectInfo:
        with _translated(key):
            return _info(await obstore.head_async(self._backend, checked_key(key)))

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        with _translated(prefix):
            batches = obstore.list(self._backend, prefix=checked_key(prefix))  # pyright: ignore[reportUnknownMemberType]
            async for batch in batches:
                for meta in batch:
                    yield _info(meta)

    async def delete(self, key: str) -> None:
        await self._delete([checked_key(key)])

    async def delete_prefix(self, prefix: str) -> int:
        keys = [info.key async for info in self.list(prefix)]
        await self._delete(keys)
        return len(keys)

    async def _delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            try:
                with _translated(key):
                    await obstore.delete_async(self._backend, key)
            except ObjectNotFound:
                continue


def open_objects(url: str | None, folder: Path) -> ObstoreObjects:
    """The storage an operator asked for.

    Args:
        url: `s3://...` (see `in_s3`), or None for the local folder.
        folder: Where objects lie without a URL.
    """
    return ObstoreObjects.in_s3(url) if url else ObstoreObjects.in_folder(folder)


def _info(meta: "obstore.ObjectMeta") -> ObjectInfo:
    etag = (meta["e_tag"] or f"{meta['size']}-{meta['last_modified'].timestamp()}").strip('"')
    return ObjectInfo(meta["path"], meta["size"], etag, meta["last_modified"])


@contextmanager
def _translated(key: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFound(key) from error
    except (BaseError, OSError) as error:
        # obstore's messages carry debug dumps; the first line says it all, and holds no credential.
        text = str(error).split("\n", 1)[0]
        full = "no space left" in str(error).lower()
        raise ProviderError(
            f"Object storage failed: {text}", code="disk_full" if full else "storage_failed", retryable=True
        ) from error
