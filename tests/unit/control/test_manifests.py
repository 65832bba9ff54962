"""A stored manifest that several change at once."""

import asyncio

from meetfleet.artifacts.manifest import FileEntry, Manifest
from meetfleet.control.manifests import add_to_manifest
from meetfleet.storage.objects import artifact_key
from meetfleet.testing.control_plane import ControlPlane
from meetfleet.testing.objects import MemoryObjects


class FarObjects(MemoryObjects):
    """Others come to their turn between a question and its answer."""

    async def get(self, key: str) -> bytes:
        content = await super().get(key)
        await asyncio.sleep(0.02)
        return content


async def test_no_file_is_lost_when_several_are_added_at_once(plane: ControlPlane) -> None:
    bot, objects = await plane.new_bot(), FarObjects()
    key = artifact_key(str(bot.id), "manifest.json")
    empty = Manifest(str(bot.id), "google_meet", "Notes", "1", 1, 1, None, 0.0)
    await objects.put(key, empty.to_json().encode())

    async def add(number: int) -> None:
        entry = FileEntry(f"file-{number}", "file", "text/plain", 1, "")
        async with plane.database.transaction() as session:
            await add_to_manifest(session, objects, bot.id, [entry])

    await asyncio.gather(*(add(number) for number in range(4)))
    manifest = Manifest.from_json(await objects.get(key))
    assert {entry.name for entry in manifest.files} == {f"file-{n}" for n in range(4)}
