"""Settles what a bot cost, in the same transaction as the step that ends its life. Source: contract.md 9.2."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.outcome import Step, waited_seconds
from meetfleet.control.team_limits import limits_of_team
from meetfleet.control.tokens import Standing, standing_of
from meetfleet.domain.end_reason import Charge, EndReason
from meetfleet.domain.usage import Line, Meter, Stay, lines_of
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.teams import TeamRepository
from meetfleet.store.repositories.tokens import TokenRepository
from meetfleet.store.tables import BotEventRow, BotRow, EntryKind, EventKind, TokenEntryRow

_METERS = {EntryKind(meter.value): meter for meter in Meter}

log = structlog.get_logger()


async def settle(session: AsyncSession, bot: BotRow, event: BotEventRow) -> None:
    """Charges what a bot has cost since it was last settled, and releases what was set aside for it.

    The caller holds the bot's row lock. Each final step is settled once: its entries carry the number of its event.
    A sandbox bot costs nothing.

    Args:
        event: The bot's final step.
    """
    if bot.is_sandbox:
        return
    tokens = TokenRepository(session)
    earlier = await tokens.of_bot(bot.id)
    lines = () if bot.end_reason is None else lines_of(bot.end_reason, await _stay_of(session, bot, bot.end_reason))
    charges = [entry for entry in (_charge(bot, event, line, earlier) for line in lines) if entry is not None]
    entries = [*_release(bot, event, earlier), *charges]
    if charges:
        entries += await _waiver(session, bot, event, charges)
    if entries:
        await _post(tokens, bot, entries, event.at)
        bot.tokens = _costs([*earlier, *charges])


async def _stay_of(session: AsyncSession, bot: BotRow, reason: EndReason) -> Stay:
    if reason.projection.charge is Charge.WAITING:
        events = await BotRepository(session).events(bot.id)
        steps = [Step(event.state, event.at) for event in events if event.kind is EventKind.STATE]
        return Stay(waited_s=waited_seconds(steps))
    return Stay(
        recorded_s=bot.duration_s or 0.0,
        transcribed_s=bot.transcribed_s,
        byok_transcribed_s=bot.byok_transcribed_s,
    )


def _charge(bot: BotRow, event: BotEventRow, line: Line, earlier: Iterable[TokenEntryRow]) -> TokenEntryRow | None:
    """What of a line was not charged before; a bot is settled anew when it was transcribed anew."""
    before = [entry for entry in earlier if entry.kind == line.meter.value]
    paid = -sum((entry.amount for entry in before), Decimal(0))
    if before and line.amount <= paid:
        return None
    further = replace(line, seconds=line.seconds - sum((e.seconds or Decimal(0) for e in before), Decimal(0)))
    return _entry(bot, event, EntryKind(line.meter.value), paid - line.amount, line.reason, further)


def _release(bot: BotRow, event: BotEventRow, earlier: Iterable[TokenEntryRow]) -> list[TokenEntryRow]:
    held = -sum((e.amount for e in earlier if e.kind in (EntryKind.RESERVE, EntryKind.RELEASE)), Decimal(0))
    return [_entry(bot, event, EntryKind.RELEASE, held, "The bot's life is over.")] if held else []


async def _waiver(
    session: AsyncSession, bot: BotRow, event: BotEventRow, charges: Iterable[TokenEntryRow]
) -> list[TokenEntryRow]:
    team = await TeamRepository(session).get(bot.team_id)
    if team is None or limits_of_team(team).billed:
        return []
    given_back = -sum((charge.amount for charge in charges), Decimal(0))
    return (
        [_entry(bot, event, EntryKind.WAIVER, given_back, f"Plan '{team.plan}' is not billed.")] if given_back else []
    )


def _entry(
    bot: BotRow, event: BotEventRow, kind: EntryKind, amount: Decimal, reason: str, line: Line | None = None
) -> TokenEntryRow:
    return TokenEntryRow(
        team_id=bot.team_id,
        bot_id=bot.id,
        turn=event.n,
        kind=kind,
        amount=amount,
        seconds=line and line.seconds,
        rate=line and line.rate,
        reason=reason,
        at=event.at,
    )


async def _post(tokens: TokenRepository, bot: BotRow, entries: Sequence[TokenEntryRow], at: datetime) -> None:
    was, now = map(standing_of, await tokens.post(bot.team_id, entries, at))
    if now is not was and now is not Standing.OK:
        log.warning("tokens_low", team_id=str(bot.team_id), standing=now.value)


def _costs(entries: Iterable[TokenEntryRow]) -> dict[str, float] | None:
    """All that a bot was charged, by meter and in all; None if nothing was."""
    paid = dict.fromkeys(Meter, Decimal(0))
    charges = [(_METERS[entry.kind], -entry.amount) for entry in entries if entry.kind in _METERS]
    for meter, amount in charges:
        paid[meter] += amount
    costs = {meter.value: float(amount) for meter, amount in paid.items()}
    return {**costs, "total": float(sum(paid.values(), Decimal(0)))} if charges else None
