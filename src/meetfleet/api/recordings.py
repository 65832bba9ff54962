"""Finds the file behind a signed link: finished in object storage, growing on this machine, or not begun yet."""

from uuid import UUID

from meetfleet.api.files import GrowingArtifact, StoredArtifact, StoredArtifacts
from meetfleet.api.growing import GrowingFile, Growth
from meetfleet.control.rendering import VIDEO_NAME, Rendering
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import NotFound
from meetfleet.storage.objects import ObjectStore
from meetfleet.store.tables.recordings import ArtifactStatus

FIRST_BYTE_S = 300.0
"""A video may have to wait for its turn before its first byte is there."""


class RecordingSource:
    """An `ArtifactSource`. Opening a video that was left for later starts its rendering."""

    def __init__(self, objects: ObjectStore, rendering: Rendering, clock: Clock) -> None:
        self._stored = StoredArtifacts(objects)
        self._rendering = rendering
        self._clock = clock

    async def open(self, bot_id: str, name: str) -> StoredArtifact | GrowingArtifact:
        try:
            return await self._stored.open(bot_id, name)
        except NotFound:
            if name != VIDEO_NAME:
                raise
        bot = UUID(bot_id)
        state = await self._rendering.state(bot)
        if state is None or state.status is ArtifactStatus.FAILED:
            raise NotFound("This recording has no video.", code="no_video")
        if state.status is ArtifactStatus.PENDING:
            await self._rendering.demand(bot)
        return GrowingFile(
            self._rendering.growing_file(bot), lambda: self._growth(bot), self._clock, stall_s=FIRST_BYTE_S
        )

    async def _growth(self, bot: UUID) -> Growth:
        state = await self._rendering.state(bot)
        if state is None or state.status is ArtifactStatus.FAILED:
            return Growth.FAILED
        return Growth.FINISHED if state.status is ArtifactStatus.READY else Growth.UNDER_WAY
