"""Tokens of teams: how many there are, and how more are given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.usage import RESERVATION, exact
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.tokens import TokenRepository, Total
from meetfleet.store.tables import EntryKind, TeamRow, TokenAccountRow, TokenEntryRow
from meetfleet.store.times import utc

LOW_TOKENS = Decimal(5)
"""Below this a balance counts as low: five hours of recording."""
REASON_MAX_CHARS = 500
GRANT_MAX = Decimal(1_000_000)


class Standing(StrEnum):
    """How a team is off. When `empty`, no further bot runs if its plan is billed."""

    OK = "ok"
    LOW = "low"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Balance:
    """What a team has.

    Attributes:
        available: What further bots can be run with; never below zero.
        reserved: What is set aside for bots under way.
        owed: What bots needed beyond what there was; the next tokens go there first.
    """

    available: Decimal
    reserved: Decimal
    owed: Decimal

    @property
    def standing(self) -> Standing:
        return standing_of(self.available)


def standing_of(available: Decimal) -> Standing:
    """How a team is off that has so many tokens available."""
    if available < RESERVATION:
        return Standing.EMPTY
    return Standing.LOW if available < LOW_TOKENS else Standing.OK


class Tokens:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def grant(self, team: TeamRow, amount: Decimal, reason: str) -> Balance:
        """Gives tokens to a team, or, with a negative amount, takes some back.

        Args:
            reason: What the entry will tell.

        Raises:
            InvalidRequest: `invalid_grant`, nothing, far too much, more than four decimals, or no reason.
        """
        if not amount.is_finite() or amount == 0 or abs(amount) > GRANT_MAX or amount != exact(amount):
            raise InvalidRequest(
                f"A grant is a number of tokens up to {GRANT_MAX:,}, with at most 4 decimals, and not 0.",
                code="invalid_grant",
            )
        if not 0 < len(reason.strip()) <= REASON_MAX_CHARS:
            raise InvalidRequest(f"A grant has a reason of 1 to {REASON_MAX_CHARS} characters.", code="invalid_grant")
        async with self._database.transaction() as session:
            tokens, now = TokenRepository(session), self._now()
            entry = TokenEntryRow(team_id=team.id, kind=EntryKind.GRANT, amount=amount, reason=reason, at=now)
            await tokens.post(team.id, [entry], now)
            return _balance(await tokens.account(team.id))

    async def balance(self, team: TeamRow) -> Balance:
        async with self._database.transaction() as session:
            return _balance(await TokenRepository(session).account(team.id))

    async def balances(self, teams: Iterable[TeamRow]) -> Mapping[UUID, Balance]:
        """Of many teams, by id."""
        wanted = [team.id for team in teams]
        async with self._database.transaction() as session:
            found = {row.team_id: _balance(row) for row in await TokenRepository(session).accounts(wanted)}
        return {team_id: found.get(team_id, Balance(Decimal(0), Decimal(0), Decimal(0))) for team_id in wanted}

    async def entries(self, team: TeamRow, since: datetime) -> Sequence[TokenEntryRow]:
        """Everything that changed what a team has, oldest first."""
        async with self._database.transaction() as session:
            return await TokenRepository(session).of_team(team.id, since)

    async def page(self, team: TeamRow, since: datetime | None, request: PageRequest) -> Page[TokenEntryRow]:
        """The same, newest first and page by page."""
        async with self._database.transaction() as session:
            return await TokenRepository(session).page(team.id, since, request)

    async def totals(self, team: TeamRow, since: datetime) -> Mapping[EntryKind, Total]:
        """What came and went since, by kind."""
        async with self._database.transaction() as session:
            return await TokenRepository(session).totals(team.id, since)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _balance(account: TokenAccountRow) -> Balance:
    return Balance(account.available, account.reserved, account.owed)
