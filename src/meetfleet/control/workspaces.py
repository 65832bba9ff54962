"""Google Workspaces and Microsoft tenants whose accounts bots may use. Source: contract.md 2.16."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.certificates import KeyPair, check_key_pair, generate_key_pair
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import NotFound
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.database import Database
from meetfleet.store.repositories.logins import WorkspaceRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import CredentialState, LoginRow, TeamRow, WorkspaceRow
from meetfleet.store.times import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkspace:
    """Attributes:
    key_pair: Brought along; unchecked.
    generates_key_pair: A new one is made instead.
    """

    name: str
    domain: str
    key_pair: KeyPair | None = None
    generates_key_pair: bool = False
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceChange:
    """What is to change; None leaves a thing as it is.

    Attributes:
        reactivates: It is to be tried again.
        extra: Counts only if `sets_extra`; then None clears.
    """

    name: str | None = None
    key_pair: KeyPair | None = None
    reactivates: bool = False
    extra: Mapping[str, Any] | None = None
    sets_extra: bool = False


class Workspaces:
    """Those of one platform. All methods raise NotFound (`workspace_not_found`) for an unknown or foreign id."""

    def __init__(self, database: Database, box: SecretBox, clock: Clock, platform: Platform) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._platform = platform

    async def create(self, team: TeamRow, new: NewWorkspace) -> WorkspaceRow:
        """Raises InvalidRequest (`invalid_key_pair`) if a pair was brought that cannot be used."""
        pair = None
        if new.generates_key_pair:
            pair = await asyncio.to_thread(generate_key_pair, new.domain, self._now())
        elif new.key_pair is not None:
            pair = self._checked(new.key_pair)
        row = WorkspaceRow(
            team_id=team.id,
            platform=self._platform,
            name=new.name,
            domain=new.domain,
            extra=None if new.extra is None else dict(new.extra),
            created_at=self._now(),
            updated_at=self._now(),
        )
        self._keep(row, pair)
        async with self._database.transaction() as session:
            return await WorkspaceRepository(session).add(row)

    async def list(self, team: TeamRow, extra: Mapping[str, str]) -> Sequence[WorkspaceRow]:
        """Newest first.

        Args:
            extra: All of these keys must hold exactly this text.
        """
        async with self._database.transaction() as session:
            return await WorkspaceRepository(session).list(team.id, self._platform, extra)

    async def get(self, team: TeamRow, workspace_id: UUID) -> WorkspaceRow:
        async with self._database.transaction() as session:
            return await self._found(session, team, workspace_id)

    async def update(self, team: TeamRow, workspace_id: UUID, change: WorkspaceChange) -> WorkspaceRow:
        """Raises InvalidRequest (`invalid_key_pair`); then nothing is changed."""
        pair = None if change.key_pair is None else self._checked(change.key_pair)
        async with self._database.transaction() as session:
            row = await self._found(session, team, workspace_id, lock=True)
            row.name = change.name or row.name
            self._keep(row, pair)
            if change.sets_extra:
                row.extra = None if change.extra is None else dict(change.extra)
            if change.reactivates:
                reactivate(row)
            row.updated_at = self._now()
            return row

    async def delete(self, team: TeamRow, workspace_id: UUID) -> None:
        """With its logins. Bots that are in meetings with one of them stay there."""
        async with self._database.transaction() as session:
            row = await self._found(session, team, workspace_id, lock=True)
            await WorkspaceRepository(session).delete(row, self._now())

    async def _found(
        self, session: AsyncSession, team: TeamRow, workspace_id: UUID, *, lock: bool = False
    ) -> WorkspaceRow:
        return await found_workspace(session, team, workspace_id, self._platform, lock=lock)

    def _checked(self, pair: KeyPair) -> KeyPair:
        return check_key_pair(pair.cert_pem, pair.private_key_pem, self._now())

    def _keep(self, row: WorkspaceRow, pair: KeyPair | None) -> None:
        if pair is not None:
            row.cert_pem, row.private_key = pair.cert_pem, self._box.seal(pair.private_key_pem)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def reactivate(row: WorkspaceRow | LoginRow) -> None:
    """Tries again from a clean slate."""
    row.state = CredentialState.ACTIVE
    row.failure_data = row.last_error_message = row.last_error_at = None


async def found_workspace(
    session: AsyncSession, team: TeamRow, workspace_id: UUID, platform: Platform, *, lock: bool = False
) -> WorkspaceRow:
    """Raises NotFound (`workspace_not_found`)."""
    row = await WorkspaceRepository(session).get(workspace_id, team_id=team.id, platform=platform, lock=lock)
    if row is None:
        raise NotFound(f"Workspace with ID '{workspace_id}' not found", code="workspace_not_found")
    return row
