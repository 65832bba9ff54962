"""Queries on Zoom credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.tables import CredentialState, ZoomCredentialRow, ZoomCredentialType


@dataclass(frozen=True, slots=True)
class ZoomCredentialFilter:
    """What a list is narrowed to; None or empty means no condition.

    Attributes:
        name, zoom_email, zoom_display_name: Case-insensitive parts.
        extra: All of these keys must hold exactly this text.
    """

    name: str | None = None
    zoom_email: str | None = None
    zoom_display_name: str | None = None
    zoom_user_id: str | None = None
    types: frozenset[ZoomCredentialType] = frozenset()
    states: frozenset[CredentialState] = frozenset()
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


class ZoomCredentialRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, credential: ZoomCredentialRow) -> ZoomCredentialRow:
        self._session.add(credential)
        await self._session.flush()
        return credential

    async def get(
        self, credential_id: UUID, *, team_id: UUID, lock: bool = False, deleted: bool = False
    ) -> ZoomCredentialRow | None:
        """One credential of a team; with `deleted`, one that is gone, too."""
        query = select(ZoomCredentialRow).where(
            ZoomCredentialRow.id == credential_id, ZoomCredentialRow.team_id == team_id
        )
        if not deleted:
            query = query.where(ZoomCredentialRow.deleted_at.is_(None))
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def of_zoom_user(self, team_id: UUID, zoom_user_id: str) -> ZoomCredentialRow | None:
        """The newest one that this Zoom user authorised."""
        query = select(ZoomCredentialRow).where(
            ZoomCredentialRow.team_id == team_id,
            ZoomCredentialRow.zoom_user_id == zoom_user_id,
            ZoomCredentialRow.deleted_at.is_(None),
        )
        return await self._session.scalar(query.order_by(ZoomCredentialRow.created_at.desc()).limit(1))

    async def list(self, team_id: UUID, wanted: ZoomCredentialFilter) -> Sequence[ZoomCredentialRow]:
        """Newest first."""
        query = select(ZoomCredentialRow).where(
            ZoomCredentialRow.team_id == team_id, ZoomCredentialRow.deleted_at.is_(None), *_conditions(wanted)
        )
        order = (ZoomCredentialRow.created_at.desc(), ZoomCredentialRow.id.desc())
        return (await self._session.scalars(query.order_by(*order))).all()

    async def claim_renewal(self, credential: ZoomCredentialRow, now: datetime, until: datetime) -> bool:
        """Whether the caller may spend the refresh token now; the caller holds the row's lock."""
        if credential.renewing_until is not None and credential.renewing_until > now:
            return False
        credential.renewing_until = until
        await self._session.flush()
        return True


def _conditions(wanted: ZoomCredentialFilter) -> list[ColumnElement[bool]]:
    parts = (
        (ZoomCredentialRow.name, wanted.name),
        (ZoomCredentialRow.zoom_email, wanted.zoom_email),
        (ZoomCredentialRow.zoom_display_name, wanted.zoom_display_name),
    )
    found: list[ColumnElement[bool]] = [column.icontains(part, autoescape=True) for column, part in parts if part]
    if wanted.zoom_user_id:
        found.append(ZoomCredentialRow.zoom_user_id == wanted.zoom_user_id)
    if wanted.types:
        found.append(ZoomCredentialRow.credential_type.in_(list(wanted.types)))
    if wanted.states:
        found.append(ZoomCredentialRow.state.in_(list(wanted.states)))
    found.extend(ZoomCredentialRow.extra[key].astext == value for key, value in wanted.extra.items())
    return found
