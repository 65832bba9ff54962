"""Accounts that bots sign in with: kept, shown without their secrets, counted. Source: contract.md 2.16."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.workspaces import found_workspace, reactivate
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest, NotFound
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.database import Database
from meetfleet.store.repositories.logins import LoginRepository, UsedLogin
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import CredentialState, LoginRow, TeamRow
from meetfleet.store.times import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLogin:
    workspace_id: UUID
    name: str
    email: str
    email_group: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginChange:
    """What is to change; None leaves a thing as it is.

    Attributes:
        email_group, extra: Count only if `sets_group` or `sets_extra`; then None clears.
        reactivates: It is to be tried again.
    """

    name: str | None = None
    password: str | None = field(default=None, repr=False)
    email_group: str | None = None
    sets_group: bool = False
    reactivates: bool = False
    extra: Mapping[str, Any] | None = None
    sets_extra: bool = False


@dataclass(frozen=True, slots=True)
class GroupUse:
    """Attributes:
    email_group: None for logins without one.
    capacity: Meetings that its active logins may be in at a time.
    """

    email_group: str | None
    logins: int
    sessions: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Utilization:
    """How busy a team's logins are."""

    active: int
    invalid: int
    groups: Sequence[GroupUse]

    @property
    def sessions(self) -> int:
        return sum(group.sessions for group in self.groups)

    @property
    def capacity(self) -> int:
        return sum(group.capacity for group in self.groups)

    @property
    def percent(self) -> float:
        return round(100 * self.sessions / self.capacity, 2) if self.capacity else 0.0


class Logins:
    """Those of one platform. All methods raise NotFound (`login_not_found`) for an unknown or foreign id.

    Args:
        capacity: Meetings that one login may be in at a time.
    """

    def __init__(self, database: Database, box: SecretBox, clock: Clock, platform: Platform, *, capacity: int) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._platform = platform
        self._capacity = capacity

    async def create(self, team: TeamRow, new: NewLogin) -> UsedLogin:
        """Raises:
        NotFound: `workspace_not_found`. InvalidRequest: `login_exists`, the workspace has this address already.
        """
        async with self._database.transaction() as session:
            # Locked, so that nobody deletes it meanwhile or adds the same address.
            await found_workspace(session, team, new.workspace_id, self._platform, lock=True)
            logins = LoginRepository(session)
            if await logins.by_email(new.workspace_id, new.email) is not None:
                raise InvalidRequest(f"The workspace has a login '{new.email}' already.", code="login_exists")
            row = LoginRow(
                team_id=team.id,
                workspace_id=new.workspace_id,
                platform=self._platform,
                name=new.name,
                email=new.email,
                email_group=new.email_group or None,
                password=None if new.password is None else self._box.seal(new.password),
                extra=None if new.extra is None else dict(new.extra),
                created_at=self._now(),
                updated_at=self._now(),
            )
            return UsedLogin(await logins.add(row), 0)

    async def list(self, team: TeamRow, extra: Mapping[str, str]) -> Sequence[UsedLogin]:
        """Newest first."""
        async with self._database.transaction() as session:
            return await LoginRepository(session).list(team.id, self._platform, extra)

    async def get(self, team: TeamRow, login_id: UUID) -> UsedLogin:
        async with self._database.transaction() as session:
            return await self._found(session, team, login_id)

    async def update(self, team: TeamRow, login_id: UUID, change: LoginChange) -> UsedLogin:
        """Takes effect for bots that start from now on."""
        async with self._database.transaction() as session:
            used = await self._found(session, team, login_id, lock=True)
            row = used.login
            row.name = change.name or row.name
            if change.password is not None:
                row.password = self._box.seal(change.password)
            if change.sets_group:
                row.email_group = change.email_group or None
            if change.sets_extra:
                row.extra = None if change.extra is None else dict(change.extra)
            if change.reactivates:
                reactivate(row)
            row.updated_at = self._now()
            return used

    async def delete(self, team: TeamRow, login_id: UUID) -> None:
        """Forgets its password at once. Bots that are in meetings with it stay there."""
        async with self._database.transaction() as session:
            row = (await self._found(session, team, login_id, lock=True)).login
            row.deleted_at = row.updated_at = self._now()
            row.password = None

    async def utilization(self, team: TeamRow) -> Utilization:
        async with self._database.transaction() as session:
            used = await LoginRepository(session).list(team.id, self._platform)
        by_group: dict[str | None, list[UsedLogin]] = {}
        for one in used:
            by_group.setdefault(one.login.email_group, []).append(one)
        active = sum(one.login.state is CredentialState.ACTIVE for one in used)
        groups = [self._use(group, members) for group, members in by_group.items()]
        return Utilization(active, len(used) - active, sorted(groups, key=lambda g: g.email_group or ""))

    def _use(self, group: str | None, members: Sequence[UsedLogin]) -> GroupUse:
        active = sum(one.login.state is CredentialState.ACTIVE for one in members)
        return GroupUse(group, len(members), sum(one.sessions for one in members), active * self._capacity)

    async def _found(self, session: AsyncSession, team: TeamRow, login_id: UUID, *, lock: bool = False) -> UsedLogin:
        logins = LoginRepository(session)
        row = await logins.get(login_id, team_id=team.id, platform=self._platform, lock=lock)
        if row is None:
            raise NotFound(f"Login with ID '{login_id}' not found", code="login_not_found")
        return UsedLogin(row, await logins.sessions(row.id))

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
