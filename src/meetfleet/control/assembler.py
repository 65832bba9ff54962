"""The seam to those who make recordings out of tapes."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID


class Assembler(Protocol):
    """Computes a bot's artifacts from its stored segments, stores them and registers their rows."""

    async def segment_stored(self, bot_id: UUID, name: str) -> None:
        """A further segment lies in object storage. Returns at once; a lost call costs time only."""
        ...

    async def finish(self, bot_id: UUID) -> Mapping[str, Any]:
        """Makes everything that must be there before the final notice; no further segment will come.

        May be called again after a crash, and then gives the same result.

        Returns:
            The manifest.
        """
        ...
