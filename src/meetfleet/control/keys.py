"""API keys: made once, shown once, known by their hash."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from meetfleet.store.database import Database
from meetfleet.store.repositories.teams import KeyRepository, TeamRepository
from meetfleet.store.tables import ApiKeyRow, Permissions, TeamRow
from meetfleet.store.times import utc

KEY_PREFIX = "mf_live_"
NAME_MAX_CHARS = 50
_SHOWN_CHARS = len(KEY_PREFIX) + 6
_CHOSEN_MIN_CHARS = 16


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    team: TeamRow
    key: ApiKeyRow

    @property
    def may_read(self) -> bool:
        return self.key.permissions is Permissions.FULL


class Keys:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def authenticate(self, text: str | None) -> Caller:
        """Who holds this key.

        Raises:
            Unauthenticated: `invalid_api_key`, if it is missing, unknown or revoked.
        """
        if text:
            async with self._database.transaction() as session:
                keys = KeyRepository(session)
                key = await keys.by_hash(hash_of(text))
                team = await TeamRepository(session).get(key.team_id) if key else None
                if key is not None and team is not None:
                    await keys.touch(key, self._now())
                    return Caller(team, key)
        raise Unauthenticated("The API key is missing or not valid.", code="invalid_api_key")

    async def create(
        self, team: TeamRow, name: str, permissions: Permissions = Permissions.FULL
    ) -> tuple[ApiKeyRow, str]:
        """A new key and its text, which cannot be shown again.

        Raises:
            InvalidRequest: the name is empty or longer than 50 characters.
        """
        async with self._database.transaction() as session:
            return await self.add(session, team, name, permissions)

    async def add(
        self,
        session: AsyncSession,
        team: TeamRow,
        name: str,
        permissions: Permissions = Permissions.FULL,
        *,
        chosen: str | None = None,
    ) -> tuple[ApiKeyRow, str]:
        """As `create`, in the caller's transaction; `chosen` is a text the operator made up."""
        if not 0 < len(name) <= NAME_MAX_CHARS:
            raise InvalidRequest(f"A key's name has 1 to {NAME_MAX_CHARS} characters.", code="invalid_key_name")
        if chosen is not None and len(chosen) < _CHOSEN_MIN_CHARS:
            raise InvalidRequest(f"A key has {_CHOSEN_MIN_CHARS} or more characters.", code="weak_key")
        text = chosen or KEY_PREFIX + secrets.token_urlsafe(32)
        shown = text[: min(_SHOWN_CHARS, len(text) // 3)] if chosen else text[:_SHOWN_CHARS]
        row = ApiKeyRow(
            team_id=team.id,
            name=name,
            prefix=shown,
            sha256=hash_of(text),
            permissions=permissions,
            created_at=self._now(),
        )
        return await KeyRepository(session).add(row), text

    async def list(self, team: TeamRow) -> Sequence[ApiKeyRow]:
        """Oldest first, revoked ones too."""
        async with self._database.transaction() as session:
            return await KeyRepository(session).of_team(team.id)

    async def revoke(self, team: TeamRow, prefix_or_id: str) -> ApiKeyRow:
        """From now on the key is unknown.

        Raises:
            NotFound: no such key. Conflict: the prefix fits several.
        """
        async with self._database.transaction() as session:
            found = await KeyRepository(session).matching(team.id, prefix_or_id)
            if not found:
                raise NotFound(f"No key '{prefix_or_id}'.", code="key_not_found")
            if len(found) > 1:
                raise Conflict(f"'{prefix_or_id}' fits {len(found)} keys; use the id.", code="key_ambiguous")
            found[0].revoked_at = self._now()
            return found[0]

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def hash_of(text: str) -> str:
    """What of a key or token is stored. SHA-256 suffices: these are random, not chosen by people."""
    return hashlib.sha256(text.encode()).hexdigest()
