"""Queries on tokens: an account is only ever changed together with the entries that explain the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.paging import Page, PageRequest, Position, fetch_page
from meetfleet.store.tables import EntryKind, TokenAccountRow, TokenEntryRow

_RESERVING = (EntryKind.RESERVE, EntryKind.RELEASE)


@dataclass(frozen=True, slots=True)
class Total:
    """All entries of one kind together."""

    amount: Decimal
    entries: int


class TokenRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def account(self, team_id: UUID, *, lock: bool = False) -> TokenAccountRow:
        """What a team has; an empty account, not stored, before its first entry.

        Args:
            lock: Held to the end of the transaction: nobody else changes the account. An account that is not there yet
                cannot be locked, but it has nothing to take either.
        """
        query = select(TokenAccountRow).where(TokenAccountRow.team_id == team_id)
        if lock:
            query = query.with_for_update()
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        return found or TokenAccountRow(team_id=team_id, available=Decimal(0), reserved=Decimal(0), owed=Decimal(0))

    async def accounts(self, team_ids: Sequence[UUID]) -> Sequence[TokenAccountRow]:
        """Of those teams that have any."""
        query = select(TokenAccountRow).where(TokenAccountRow.team_id.in_(team_ids))
        return (await self._session.scalars(query)).all()

    async def post(self, team_id: UUID, entries: Sequence[TokenEntryRow], at: datetime) -> tuple[Decimal, Decimal]:
        """Writes entries of one team and changes its account by them. What it lacks then is lent, and repaid first.

        Returns:
            What was available before, and what is now.
        """
        account = await self._locked(team_id, at)
        before = account.available
        account.available += sum((entry.amount for entry in entries), Decimal(0))
        account.reserved -= sum((entry.amount for entry in entries if entry.kind in _RESERVING), Decimal(0))
        account.updated_at = at
        self._session.add_all([*entries, *_balanced(account, entries[-1])])
        await self._session.flush()
        return before, account.available

    async def _locked(self, team_id: UUID, at: datetime) -> TokenAccountRow:
        nothing = dict.fromkeys(("available", "reserved", "owed"), Decimal(0))
        made = insert(TokenAccountRow).values(team_id=team_id, updated_at=at, **nothing)
        await self._session.execute(made.on_conflict_do_nothing())
        return await self.account(team_id, lock=True)

    async def of_bot(self, bot_id: UUID) -> Sequence[TokenEntryRow]:
        """All entries of one bot, oldest first."""
        query = select(TokenEntryRow).where(TokenEntryRow.bot_id == bot_id)
        return (await self._session.scalars(query.order_by(TokenEntryRow.at, TokenEntryRow.id))).all()

    async def of_team(self, team_id: UUID, since: datetime) -> Sequence[TokenEntryRow]:
        """A team's entries, oldest first."""
        query = select(TokenEntryRow).where(TokenEntryRow.team_id == team_id, TokenEntryRow.at >= since)
        return (await self._session.scalars(query.order_by(TokenEntryRow.at, TokenEntryRow.id))).all()

    async def page(self, team_id: UUID, since: datetime | None, request: PageRequest) -> Page[TokenEntryRow]:
        """The same, newest first and page by page."""
        query = select(TokenEntryRow).where(TokenEntryRow.team_id == team_id)
        if since is not None:
            query = query.where(TokenEntryRow.at >= since)
        columns = (TokenEntryRow.at, TokenEntryRow.id)
        return await fetch_page(self._session, query, columns, request, lambda e: Position(e.at, e.id))

    async def totals(self, team_id: UUID, since: datetime) -> Mapping[EntryKind, Total]:
        """What came and went since, by kind."""
        query = select(TokenEntryRow.kind, func.sum(TokenEntryRow.amount), func.count()).where(
            TokenEntryRow.team_id == team_id, TokenEntryRow.at >= since
        )
        rows = (await self._session.execute(query.group_by(TokenEntryRow.kind))).all()
        return {kind: Total(amount, entries) for kind, amount, entries in rows}


def _balanced(account: TokenAccountRow, last: TokenEntryRow) -> Sequence[TokenEntryRow]:
    """Lends what an account lacks, or takes back of what it owes as much as there is."""
    lacking = max(-account.available, Decimal(0))
    repaid = min(account.owed, max(account.available, Decimal(0)))
    account.owed += lacking - repaid
    account.available += lacking - repaid
    if lacking:
        return [_companion(last, EntryKind.OVERDRAFT, lacking, "More was used than there was; it is owed.")]
    return [_companion(last, EntryKind.REPAYMENT, -repaid, "What was owed.")] if repaid else []


def _companion(last: TokenEntryRow, kind: EntryKind, amount: Decimal, reason: str) -> TokenEntryRow:
    return TokenEntryRow(
        team_id=last.team_id, bot_id=last.bot_id, turn=last.turn, kind=kind, amount=amount, reason=reason, at=last.at
    )
