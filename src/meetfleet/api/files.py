"""Signed links to artifacts: `GET`/`HEAD /files/{bot_id}/{name}`, whole, in part, or while they still grow."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from pathlib import PurePosixPath
from typing import Literal, Protocol
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from meetfleet.api.errors import envelope
from meetfleet.api.ranges import ByteRange, RangeUnsatisfiable, lists_etag, parse_range
from meetfleet.domain.errors import MediaError
from meetfleet.storage.content_types import content_type_of
from meetfleet.storage.objects import ObjectInfo, ObjectStore, artifact_key
from meetfleet.storage.presign import UrlSigner

log = structlog.get_logger()

DIRECT_LINK_S = 3600
"""How long a link into somebody else's bucket is good; ours, which leads to it, gives a fresh one each time."""


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A finished file in object storage."""

    info: ObjectInfo


class GrowingArtifact(Protocol):
    """A file that is still being made."""

    def stream(self) -> AsyncGenerator[bytes]:
        """What there is and what comes, until it is finished. Waits a bounded time for each next piece.

        Raises:
            MediaError: it will never be finished; `file_moved` if it was finished and now lies elsewhere.
        """
        ...


class ArtifactSource(Protocol):
    """Finds the file behind a link."""

    async def open(self, bot_id: str, name: str) -> StoredArtifact | GrowingArtifact:
        """Raises NotFound if there is no such artifact, or no more."""
        ...


class DirectLinks(Protocol):
    """Who can say where clients fetch an object themselves."""

    async def signed_url(self, key: str, method: Literal["GET", "HEAD"], ttl_s: int) -> str | None:
        """None if it has to pass through us."""
        ...


class StoredArtifacts:
    """The plain source: what lies in object storage."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def open(self, bot_id: str, name: str) -> StoredArtifact | GrowingArtifact:
        return StoredArtifact(await self._objects.head(artifact_key(bot_id, name)))


def files_router(
    source: ArtifactSource, objects: ObjectStore, signer: UrlSigner, links: DirectLinks | None = None
) -> APIRouter:
    """The route that answers what `UrlSigner.sign` wrote.

    Args:
        links: Where finished files lie that clients fetch themselves; None if all pass through us.
    """
    router = APIRouter(include_in_schema=False)

    @router.api_route("/files/{bot_id}/{name:path}", methods=["GET", "HEAD"])
    async def read_file(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        bot_id: str,
        name: str,
        expires: str | None = Query(None),
        signature: str | None = Query(None),
        download: str | None = Query(None),
    ) -> Response:
        signer.verify(bot_id, name, expires, signature)
        artifact = await source.open(bot_id, name)
        headers = _headers(name, download=download not in (None, "", "0", "false"))
        if isinstance(artifact, StoredArtifact):
            elsewhere = await _elsewhere(request, artifact.info, links)
            return elsewhere or _stored(request, artifact.info, objects, headers)
        try:
            return await _growing(request, artifact, headers)
        except MediaError as error:
            # Finished between the two questions: now it is a stored one.
            moved = await source.open(bot_id, name) if error.code == "file_moved" else None
            if not isinstance(moved, StoredArtifact):
                raise
            return await _elsewhere(request, moved.info, links) or _stored(request, moved.info, objects, headers)

    return router


async def _elsewhere(request: Request, info: ObjectInfo, links: DirectLinks | None) -> Response | None:
    """A customer's recording goes from the customer's bucket to the client, and not through us."""
    method = "HEAD" if request.method == "HEAD" else "GET"
    url = await links.signed_url(info.key, method, DIRECT_LINK_S) if links else None
    return RedirectResponse(url, 307, headers={"cache-control": "no-store"}) if url else None


def _headers(name: str, *, download: bool) -> dict[str, str]:
    filename = PurePosixPath(name).name
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return {
        "content-type": content_type_of(name),
        "content-disposition": f'{"attachment" if download else "inline"}; filename="{plain}"{extended}',
        "x-content-type-options": "nosniff",
        # Whoever may hold the link may hold the file, but no shared cache may.
        "cache-control": "private, no-cache",
    }


def _stored(request: Request, info: ObjectInfo, objects: ObjectStore, headers: Mapping[str, str]) -> Response:
    modified = format_datetime(info.modified_at.astimezone(UTC), usegmt=True)
    known = {**headers, "etag": f'"{info.etag}"', "last-modified": modified, "accept-ranges": "bytes"}
    if lists_etag(request.headers.get("if-none-match"), info.etag):
        return Response(status_code=304, headers=known)
    try:
        part = _wanted_part(request, info, modified)
    except RangeUnsatisfiable:
        body = envelope(416, "The range lies behind the end of the file.")
        return JSONResponse(body, 416, headers={"content-range": f"bytes */{info.size_bytes}"})
    start, end = (part.start, part.end) if part else (0, info.size_bytes)
    known["content-length"] = str(end - start)
    if part:
        known["content-range"] = part.header(info.size_bytes)
    if request.method == "HEAD":
        return Response(headers=known)
    content = objects.get_range(info.key, start, end if part else None)
    return StreamingResponse(content, 206 if part else 200, known)


def _wanted_part(request: Request, info: ObjectInfo, modified: str) -> ByteRange | None:
    condition = request.headers.get("if-range")
    if request.method == "HEAD" or (condition is not None and condition not in (f'"{info.etag}"', modified)):
        return None
    return parse_range(request.headers.get("range"), info.size_bytes)


async def _growing(request: Request, artifact: GrowingArtifact, headers: Mapping[str, str]) -> Response:
    known = {**headers, "accept-ranges": "none", "cache-control": "no-store"}
    if request.method == "HEAD":
        return Response(headers=known)
    pieces = artifact.stream()
    # Only with the first bytes at hand is 200 the truth.
    first = await anext(pieces, b"")
    return StreamingResponse(_followed(first, pieces), 200, known)


async def _followed(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    try:
        async with contextlib.aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece
    except MediaError as error:
        # Too late for a status: the broken-off body is how the client learns of it.
        log.warning("growing_file_broken_off", error=error.message)
        raise
