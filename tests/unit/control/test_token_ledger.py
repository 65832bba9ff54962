"""The ledger as a whole: whatever happens, in whatever order and at once, every account is the sum of its entries."""

import asyncio
import contextlib
import tempfile
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from meetfleet.control.admission import InsufficientTokens, Refusal
from meetfleet.control.tokens import Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.usage import RESERVATION, Stay, lines_of
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotRow, TeamRow, TokenAccountRow, TokenEntryRow
from meetfleet.testing.control_plane import ControlPlane

ENDS = [EndReason.NO_ATTENDEES, EndReason.OUT_OF_MEMORY, EndReason.STOPPED_BEFORE_RECORD]
AMOUNTS = st.decimals(min_value="0.0001", max_value="3", places=4)

# Each burst is done all at once: so many tries to create a bot, so many bots ended, so many grants, so many seconds of
# earlier recordings transcribed.
BURSTS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.lists(st.tuples(st.sampled_from(ENDS), st.integers(0, 9000)), max_size=3),
        st.lists(AMOUNTS, max_size=2),
        st.lists(st.integers(0, 5000), max_size=2),
    ),
    min_size=1,
    max_size=6,
)


class Ledger:
    """One team, what is known of it, and what must be true of it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.tokens = Tokens(plane.database, plane.clock)
        self.under_way: list[BotRow] = []
        self.over: list[UUID] = []
        self.expected = Decimal(0)

    async def create(self) -> None:
        with contextlib.suppress(InsufficientTokens):
            self.under_way.append(await self.plane.new_bot())

    async def end(self, bot: BotRow, reason: EndReason, seconds: int) -> None:
        async with self.plane.database.transaction() as session:
            row = await BotRepository(session).get(bot.id, lock=True)
            assert row is not None
            row.duration_s = seconds
            for state in (BotState.STARTING, BotState.PROCESSING, BotState.FAILED):
                await self.plane.lifecycle.advance(
                    session, row, state, at=row.created_at, cause="link", reason=None if row.end_reason else reason
                )
                row.end_reason = reason
            self.expected -= _cost(row)
        self.over.append(bot.id)

    async def transcribe(self, bot_id: UUID, seconds: int) -> None:
        """A finished recording, once more."""
        async with self.plane.database.transaction() as session:
            row = await BotRepository(session).get(bot_id, lock=True)
            assert row is not None
            assert row.end_reason is not None
            before = _cost(row)
            row.transcribed_s += seconds
            for state in (BotState.TRANSCRIBING, BotState.FAILED):
                await self.plane.lifecycle.advance(session, row, state, at=row.created_at, cause="transcribe")
            self.expected -= _cost(row) - before

    async def grant(self, amount: Decimal) -> None:
        await self.tokens.grant(self.plane.team, amount, "for the test")
        self.expected += amount

    async def check(self) -> None:
        team_id = self.plane.team.id
        async with self.plane.database.transaction() as session:
            entries = select(func.coalesce(func.sum(TokenEntryRow.amount), 0)).where(TokenEntryRow.team_id == team_id)
            total = await session.scalar(entries)
            account = await session.get(TokenAccountRow, team_id)
        account = account or TokenAccountRow(available=Decimal(0), reserved=Decimal(0), owed=Decimal(0))
        assert account.available == total
        assert account.available >= 0
        assert account.owed >= 0
        assert not (account.owed and account.available)
        assert account.reserved == RESERVATION * len(self.under_way)
        assert account.available + account.reserved - account.owed == self.expected


def _cost(row: BotRow) -> Decimal:
    assert row.end_reason is not None
    stay = Stay(recorded_s=row.duration_s or 0.0, transcribed_s=row.transcribed_s)
    return sum((line.amount for line in lines_of(row.end_reason, stay)), Decimal(0))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BURSTS)
def test_the_books_balance_after_any_burst(
    database_url: str, bursts: list[tuple[int, list[tuple[EndReason, int]], list[Decimal], list[int]]]
):
    async def run(folder: Path) -> None:
        database = Database(database_url, pool_size=5)
        try:
            plane = ControlPlane(database, folder)
            plane.team = await plane.new_team(plan="enterprise")
            ledger = Ledger(plane)
            for tries, ends, grants, again in bursts:
                before = (await ledger.tokens.balance(plane.team)).available
                had = len(ledger.under_way)
                ended = [ledger.under_way.pop() for _ in ends[: len(ledger.under_way)]]
                transcribed = list(zip(ledger.over, again, strict=False))
                await asyncio.gather(
                    *(ledger.transcribe(*run) for run in transcribed),
                    *(ledger.grant(amount) for amount in grants),
                    *(ledger.end(bot, *end) for bot, end in zip(ended, ends, strict=False)),
                    *(ledger.create() for _ in range(tries)),
                )
                await ledger.check()
                created = len(ledger.under_way) - (had - len(ended))
                if not grants and not ended and not transcribed:
                    # Alone, tries succeed exactly as far as the tokens reach: never into the red.
                    assert created == min(tries, int(before // RESERVATION))
        finally:
            await database.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_reservations_alone_never_take_an_account_below_zero(database: Database, tmp_path: Path):
    planes = [ControlPlane(Database(database.url, pool_size=5), tmp_path) for _ in range(3)]
    team: TeamRow = await planes[0].new_team(plan="scale")
    await Tokens(database, planes[0].clock).grant(team, Decimal("4.9999"), "for the test")

    async def create(plane: ControlPlane) -> int:
        plane.team = team
        try:
            await plane.new_bot()
        except Refusal:
            return 0
        return 1

    assert sum(await asyncio.gather(*(create(planes[n % 3]) for n in range(24)))) == 9
    assert (await Tokens(database, planes[0].clock).balance(team)).available == Decimal("0.4999")
    for plane in planes:
        await plane.database.close()
