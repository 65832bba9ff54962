"""Things to do when a transaction has become true, and not otherwise."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session


def after_commit(session: AsyncSession, do: Callable[[], None]) -> None:
    """Calls `do` once the session's transaction is committed; never, if it is rolled back.

    Args:
        do: Quick, must not raise.
    """

    def committed(_: Session) -> None:
        do()

    event.listen(session.sync_session, "after_commit", committed, once=True)
