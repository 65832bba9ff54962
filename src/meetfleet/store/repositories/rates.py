"""Counts requests, for all servers together."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

# One statement, so that it is right under any number of servers. The second begins with its first request. A window
# that lies ahead of the clock was left by a clock that has been set back since.
_COUNT = text(
    """
    INSERT INTO rate_windows AS present (team_id, began_at, used)
    VALUES (:team_id, coalesce(:now, clock_timestamp()), 1)
    ON CONFLICT (team_id) DO UPDATE SET
        began_at = CASE WHEN excluded.began_at - present.began_at BETWEEN interval '-1 second' AND interval '999999 us'
            THEN present.began_at ELSE excluded.began_at END,
        used = CASE WHEN excluded.began_at - present.began_at BETWEEN interval '-1 second' AND interval '999999 us'
            THEN present.used + 1 ELSE 1 END
    RETURNING used
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


class RateRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, team_id: UUID, now: datetime | None) -> int:
        """Counts one request of a team; says how many there were in its present second, this one included.

        Args:
            now: None for the database's own clock, which is one for all servers.
        """
        return (await self._session.execute(_COUNT, {"team_id": team_id, "now": now})).scalar_one()
