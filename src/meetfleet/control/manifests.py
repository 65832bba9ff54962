"""Adds files to a stored manifest; several may do so at once."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest
from meetfleet.storage.objects import ObjectStore, artifact_key
from meetfleet.store.repositories.recordings import RecordingRepository


async def add_to_manifest(
    session: AsyncSession, objects: ObjectStore, bot_id: UUID, entries: Iterable[FileEntry]
) -> Manifest:
    """Names further files in a bot's `manifest.json`. Others wait until the session's transaction ends.

    Raises:
        ObjectNotFound: there is none.
    """
    await RecordingRepository(session, bot_id).lock_manifest()
    key = artifact_key(str(bot_id), MANIFEST_NAME)
    manifest = Manifest.from_json(await objects.get(key))
    for entry in entries:
        manifest = manifest.with_file(entry)
    await objects.put(key, manifest.to_json().encode())
    return manifest
