"""Gives a bot that asks for one a login when it starts. Source: contract.md 2.1.2.

Nothing has to be given back: a login counts as taken by the bots that hold it and are in their meetings, so it is free
the moment a bot has left, was killed, or went back to the queue.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.repositories.logins import LoginRepository
from meetfleet.store.tables import BotRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Counter:
    """What is special about one platform.

    Attributes:
        option: Where a bot's request says which login it wants.
        unavailable: No login is free.
        unsupported: One is, but this server cannot sign in with it.
    """

    option: str
    unavailable: EndReason
    unsupported: EndReason


_COUNTERS = {
    Platform.GOOGLE_MEET: _Counter(
        "meet_config", EndReason.MEET_LOGIN_UNAVAILABLE, EndReason.MEET_SIGN_IN_NOT_SUPPORTED
    ),
    Platform.TEAMS: _Counter("teams_config", EndReason.TEAMS_LOGIN_UNAVAILABLE, EndReason.TEAMS_SIGN_IN_NOT_SUPPORTED),
}


class LoginDesk:
    """Right under any number of servers.

    Args:
        capacity: Meetings that one login may be in at a time.
        signs_in: Platforms whose bots can sign in.
    """

    def __init__(self, *, capacity: int, signs_in: Collection[Platform] = ()) -> None:
        self._capacity = capacity
        self._signs_in = frozenset(signs_in)

    def asks(self, bot: BotRow) -> bool:
        """Whether a bot wants a login, so that `seat` has to lock those of its team."""
        counter = _COUNTERS.get(bot.platform)
        return counter is not None and _asks(cast("dict[str, Any]", bot.options.get(counter.option) or {}))

    async def seat(self, session: AsyncSession, bot: BotRow, now: datetime) -> EndReason | None:
        """Gives a bot that starts in this transaction its login; the caller holds the bot's row lock.

        Returns:
            Why the bot cannot start; None if it can: with a login, without having asked for one, or with leave to go
            on as nobody.
        """
        bot.login_id = None
        counter = _COUNTERS.get(bot.platform)
        config = cast("dict[str, Any]", bot.options.get(counter.option) or {}) if counter else {}
        if counter is None or not _asks(config):
            return None
        reason = await self._claim(session, bot, config, counter, now)
        if reason is not None and config.get("fallback") == "anonymous":
            log.info("bot_goes_unsigned", bot_id=str(bot.id), reason=reason.value)
            return None
        return reason

    async def _claim(
        self, session: AsyncSession, bot: BotRow, config: Mapping[str, Any], counter: _Counter, now: datetime
    ) -> EndReason | None:
        logins = LoginRepository(session)
        await logins.lock_claims(bot.team_id, bot.platform)
        # The group wins. Source: contract.md 2.1.2; an empty one means any.
        group, chosen = config.get("email_group"), config.get("credential_id")
        login = await logins.freest(
            bot.team_id,
            bot.platform,
            self._capacity,
            login_id=UUID(chosen) if group is None and chosen else None,
            email_group=group or None,
        )
        if login is None:
            return counter.unavailable
        if bot.platform not in self._signs_in:
            return counter.unsupported
        bot.login_id, login.last_used_at = login.id, now
        return None


def _asks(config: Mapping[str, Any]) -> bool:
    return config.get("email_group") is not None or bool(config.get("credential_id"))
