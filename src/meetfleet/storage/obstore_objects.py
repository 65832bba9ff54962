"""Object storage through obstore: a local folder, or any S3."""

import re
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from obstore.store import ObjectStore as Backend

from meetfleet.domain.errors import InvalidRequest, ProviderError
from meetfleet.storage.objects import ObjectInfo, ObjectNotFound, checked_key

if TYPE_CHECKING:
    from obstore import Attributes
    from obstore.store import S3Credential

READ_PIECE_BYTES = 256 * 1024
_S3_OPTIONS = frozenset({"endpoint", "region", "access_key_id", "secret_access_key", "session_token"})


_BUCKET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


def checked_bucket(name: str) -> str:
    """The name itself, if it cannot change which host or path it is put into. Raises ValueError."""
    if not _BUCKET.match(name) or ".." in name:
        raise ValueError("must be a bucket name: letters, digits, dots, hyphens and underscores")
    return name


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where buckets are.

    Attributes:
        endpoint: Without the bucket.
        force_path_style: The bucket stands in the path, not in the host name.
    """

    endpoint: str
    region: str
    force_path_style: bool

    def endpoint_of(self, bucket: str) -> str:
        """As obstore wants it: with the bucket in the host name unless that stands in the path."""
        parts = urlsplit(self.endpoint)
        host = parts.netloc if self.force_path_style else f"{bucket}.{parts.netloc}"
        return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class S3Keys:
    access_key_id: str
    secret_access_key: str = field(repr=False)


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

    @classmethod
    def in_bucket(cls, bucket: str, place: S3Place, keys: S3Keys) -> Self:
        """Objects in somebody else's bucket, with nothing of our own environment: no variable names a key, no token
        of ours is sent along. Gives up after some seconds rather than minutes.
        """
        credential: S3Credential = {
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
            "expires_at": None,
        }
        return cls(
            S3Store(
                bucket,
                config={"endpoint": place.endpoint_of(bucket), "region": place.region},
                virtual_hosted_style_request=not place.force_path_style,
                client_options={
                    "allow_http": place.endpoint.startswith("http://"),
                    "connect_timeout": "5s",
                    "timeout": "60s",
                },
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
                credential_provider=lambda: credential,
            )
        )

    async def put(self, key: str, content: bytes | Path | AsyncIterator[bytes]) -> ObjectInfo:
        await self.write(key, content)
        return await self.head(key)

    async def write(
        self, key: str, content: bytes | Path | AsyncIterator[bytes], *, content_type: str | None = None
    ) -> None:
        """As `put`, for keys that may write and not read."""
        attributes: Attributes | None = None if content_type is None else {"Content-Type": content_type}
        try:
            with _translated(key):
                await obstore.put_async(self._backend, checked_key(key), content, attributes=attributes)
        except ObjectNotFound as error:
            text = f"'{key}' could not be stored: its source file or the bucket is missing."
            raise ProviderError(text, code="source_missing") from error

    async def signed_url(self, key: str, method: Literal["GET", "HEAD"], ttl_s: int) -> str:
        """A link that leads to the object itself, past us. Only in a bucket."""
        assert isinstance(self._backend, S3Store)
        with _translated(key):
            return await obstore.sign_async(self._backend, method, checked_key(key), timedelta(seconds=ttl_s))

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
