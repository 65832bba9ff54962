"""Whether a bot may run: asked when it is created, or when a scheduled one is due. Source: contract.md 1.8 and 9."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any, ClassVar, cast

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.team_limits import limits_of_team
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest, PaymentRequired, RequestError, TooManyRequests
from meetfleet.domain.usage import RESERVATION
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.tokens import TokenRepository
from meetfleet.store.tables import BotRow, EntryKind, TeamRow, TokenEntryRow
from meetfleet.store.times import utc

DAY = timedelta(hours=24)
DEDUPLICATION_WINDOW = timedelta(minutes=5)
"""Source: contract.md 9.4."""
DEDUPLICATION_PATIENCE_S = 2.0

log = structlog.get_logger()


class Refusal(RequestError):
    """A bot that may not run.

    Attributes:
        end_reason: Why a scheduled bot fails that is refused when it is due.
    """

    end_reason: ClassVar[EndReason]


class ByokNotEnabled(InvalidRequest, Refusal):
    """The bot brings the key of a transcription provider, and the team's plan does not take it."""

    end_reason = EndReason.BYOK_NOT_ENABLED

    def __init__(self) -> None:
        super().__init__(
            "Your plan does not allow transcription with an API key of your own.",
            code="byok_transcription_not_enabled_on_plan",
        )


class DailyCapReached(TooManyRequests, Refusal):
    end_reason = EndReason.DAILY_BOT_CAP_REACHED

    def __init__(self, cap: int, retry_after_s: int) -> None:
        message = f"Daily bot cap has been reached: {cap} bots created within the last 24 hours"
        super().__init__(message, code="daily_bot_cap_reached", retry_after_s=retry_after_s)


class InsufficientTokens(PaymentRequired, Refusal):
    end_reason = EndReason.INSUFFICIENT_TOKENS

    def __init__(self, available: Decimal) -> None:
        message = f"Insufficient tokens. Available: {_plain(available)}, Required: {RESERVATION}"
        super().__init__(message, code="insufficient_tokens")


class BotAlreadyExists(Conflict, Refusal):
    end_reason = EndReason.BOT_ALREADY_EXISTS

    def __init__(self, other: BotRow) -> None:
        message = f"Bot '{other.id}' was sent to this meeting less than five minutes ago."
        super().__init__(message, code="bot_already_exists")


class Admission:
    """Right under any number of servers: what is counted or taken stays locked in the database while it is used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def check(self, session: AsyncSession, team: TeamRow, bot: BotRow) -> None:
        """Lets a stored bot run, and sets tokens aside for it; a refusal has written nothing.

        A bot of the sandbox is asked for no more than not to be the second one: it costs nothing and counts nowhere.

        Raises:
            Refusal: one of the four above, in the order of contract.md 1.8.
        """
        limits = limits_of_team(team)
        billed = limits.billed and not bot.is_sandbox
        self.check_entitlement(team, bot.options)
        if limits.bots_per_day is not None and not bot.is_sandbox:
            await self._check_day(session, bot, limits.bots_per_day)
        if billed:
            await _check_tokens(session, team)
        if not bot.allow_multiple_bots:
            await self._check_alone(session, bot)
        if billed:
            await self._reserve(session, bot)

    def check_entitlement(self, team: TeamRow, options: Mapping[str, Any]) -> None:
        """What can be said of a bot before it is due.

        Args:
            options: The bot's validated request.

        Raises:
            ByokNotEnabled: it brings a key that the plan does not take.
        """
        if brings_key(options) and not limits_of_team(team).byok:
            raise ByokNotEnabled

    async def _check_day(self, session: AsyncSession, bot: BotRow, cap: int) -> None:
        now, bots = self._now(), BotRepository(session)
        await bots.lock_creation(bot.team_id)
        # Once that many were made within a day, room is there again when the oldest of them is a day old.
        oldest = await bots.sent_before(bot, count=cap, since=now - DAY) if cap else now
        if oldest is not None:
            raise DailyCapReached(cap, max(1, ceil((oldest + DAY - now).total_seconds())))

    async def _check_alone(self, session: AsyncSession, bot: BotRow) -> None:
        bots = BotRepository(session)
        if not await bots.lock_meeting(bot.team_id, bot.meeting_url, DEDUPLICATION_PATIENCE_S):
            # Rather two bots than none. Source: contract.md 9.4, "fails open".
            log.warning("deduplication_skipped", bot_id=str(bot.id))
            return
        other = await bots.deduplicating(bot, self._now() - DEDUPLICATION_WINDOW)
        if other is not None:
            raise BotAlreadyExists(other)

    async def _reserve(self, session: AsyncSession, bot: BotRow) -> None:
        entry = TokenEntryRow(
            team_id=bot.team_id,
            bot_id=bot.id,
            kind=EntryKind.RESERVE,
            amount=-RESERVATION,
            reason="Set aside while the bot is under way.",
            at=self._now(),
        )
        await TokenRepository(session).post(bot.team_id, [entry], entry.at)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def brings_key(options: Mapping[str, Any]) -> bool:
    """Whether a bot is to use its owner's key of a transcription provider."""
    recorded = cast("dict[str, Any]", options.get("transcription_config") or {})
    streaming = cast("dict[str, Any]", options.get("streaming_config") or {})
    streamed = cast("dict[str, Any]", streaming.get("transcription") or {})
    wanted = (
        options.get("transcription_enabled") and recorded.get("api_key"),
        options.get("streaming_enabled") and streamed.get("api_key"),
    )
    return any(wanted)


async def _check_tokens(session: AsyncSession, team: TeamRow) -> None:
    account = await TokenRepository(session).account(team.id, lock=True)
    if account.available < RESERVATION:
        raise InsufficientTokens(account.available)


def _plain(amount: Decimal) -> str:
    """Without zeros that say nothing: 0, 0.5, 12.25."""
    return f"{amount.normalize():f}"
