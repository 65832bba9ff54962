"""Says that there is something to deliver, once it is committed."""

from collections.abc import Callable, Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.after_commit import after_commit


class Bell:
    """Heard inside this process only. What other processes write, a server's next look finds within a second.

    Attributes:
        heard: Who listens; gets a lane's key.
    """

    def __init__(self) -> None:
        self.heard: Callable[[str], None] | None = None

    def ring(self, session: AsyncSession, lanes: Iterable[str]) -> None:
        """At the end of this transaction, if it is committed."""
        keys = list(lanes)
        if keys:
            after_commit(session, lambda: self._ring(keys))

    def _ring(self, keys: list[str]) -> None:
        if self.heard is not None:
            for key in keys:
                self.heard(key)
