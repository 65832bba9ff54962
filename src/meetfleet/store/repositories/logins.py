"""Queries on workspaces and logins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.lifecycle import LIVE
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.tables import BotRow, CredentialState, LoginRow, WorkspaceRow


@dataclass(frozen=True, slots=True)
class UsedLogin:
    """A login and how many bots are in meetings with it now."""

    login: LoginRow
    sessions: int


class WorkspaceRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, workspace: WorkspaceRow) -> WorkspaceRow:
        self._session.add(workspace)
        await self._session.flush()
        return workspace

    async def get(
        self, workspace_id: UUID, *, team_id: UUID, platform: Platform, lock: bool = False
    ) -> WorkspaceRow | None:
        query = select(WorkspaceRow).where(
            WorkspaceRow.id == workspace_id,
            WorkspaceRow.team_id == team_id,
            WorkspaceRow.platform == platform,
            WorkspaceRow.deleted_at.is_(None),
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def list(self, team_id: UUID, platform: Platform, extra: Mapping[str, str]) -> Sequence[WorkspaceRow]:
        """Newest first."""
        query = select(WorkspaceRow).where(
            WorkspaceRow.team_id == team_id,
            WorkspaceRow.platform == platform,
            WorkspaceRow.deleted_at.is_(None),
            *(WorkspaceRow.extra[key].astext == value for key, value in extra.items()),
        )
        return (await self._session.scalars(query.order_by(WorkspaceRow.created_at.desc(), WorkspaceRow.id))).all()

    async def delete(self, workspace: WorkspaceRow, now: datetime) -> None:
        """With all of its logins; their secrets are gone."""
        workspace.deleted_at = workspace.updated_at = now
        workspace.private_key = None
        await self._session.execute(
            update(LoginRow)
            .where(LoginRow.workspace_id == workspace.id, LoginRow.deleted_at.is_(None))
            .values(deleted_at=now, updated_at=now, password=None)
        )


class LoginRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, login: LoginRow) -> LoginRow:
        self._session.add(login)
        await self._session.flush()
        return login

    async def get(self, login_id: UUID, *, team_id: UUID, platform: Platform, lock: bool = False) -> LoginRow | None:
        query = select(LoginRow).where(*_present(team_id, platform), LoginRow.id == login_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def by_email(self, workspace_id: UUID, email: str) -> LoginRow | None:
        """The workspace's login of this address, in any spelling."""
        query = select(LoginRow).where(
            LoginRow.workspace_id == workspace_id,
            func.lower(LoginRow.email) == email.lower(),
            LoginRow.deleted_at.is_(None),
        )
        return await self._session.scalar(query)

    async def sessions(self, login_id: UUID) -> int:
        """How many bots are in meetings with this login now."""
        held = select(func.count()).where(BotRow.login_id == login_id, BotRow.state.in_(list(LIVE)))
        return await self._session.scalar(held) or 0

    async def list(
        self, team_id: UUID, platform: Platform, extra: Mapping[str, str] | None = None
    ) -> Sequence[UsedLogin]:
        """Newest first."""
        query = select(LoginRow, _held()).where(
            *_present(team_id, platform),
            *(LoginRow.extra[key].astext == value for key, value in (extra or {}).items()),
        )
        found = await self._session.execute(query.order_by(LoginRow.created_at.desc(), LoginRow.id))
        return [UsedLogin(login, held) for login, held in found.all()]

    async def lock_claims(self, team_id: UUID, platform: Platform) -> None:
        """Held to the end of the transaction: one bot at a time is given one of a team's logins."""
        key = {"key": f"logins {team_id} {platform}"}
        await self._session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 3))"), key)

    async def freest(
        self,
        team_id: UUID,
        platform: Platform,
        capacity: int,
        *,
        login_id: UUID | None = None,
        email_group: str | None = None,
    ) -> LoginRow | None:
        """The active login in the fewest meetings, used longest ago among equals; None if all are at their capacity.

        Args:
            login_id: Only this one.
            email_group: Only those of this group.
        """
        held = _held()
        query = select(LoginRow).join(WorkspaceRow).where(*_present(team_id, platform))
        active = CredentialState.ACTIVE
        query = query.where(LoginRow.state == active, WorkspaceRow.state == active, held < capacity)
        if login_id is not None:
            query = query.where(LoginRow.id == login_id)
        if email_group is not None:
            query = query.where(func.lower(LoginRow.email_group) == email_group.lower())
        order = (held, LoginRow.last_used_at.asc().nulls_first(), LoginRow.created_at, LoginRow.id)
        return await self._session.scalar(query.order_by(*order).limit(1))


def _held() -> ScalarSelect[int]:
    """Counted from the bots themselves, so that a login is free again the moment its bot has left, however it left."""
    held = select(func.count()).where(BotRow.login_id == LoginRow.id, BotRow.state.in_(list(LIVE)))
    return held.correlate(LoginRow).scalar_subquery()


def _present(team_id: UUID, platform: Platform) -> list[ColumnElement[bool]]:
    return [LoginRow.team_id == team_id, LoginRow.platform == platform, LoginRow.deleted_at.is_(None)]
