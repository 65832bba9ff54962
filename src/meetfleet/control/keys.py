"""API keys: made once, shown once, known by their hash."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.teams import KeyRepository
from meetfleet.store.tables import ApiKeyRow, Permissions, TeamRow
from meetfleet.store.times import utc

KEY_PREFIX = "mf_live_"
ADMIN_PREFIX = "mf_admin_"
SANDBOX_PREFIX = "mb_test_"
"""Source: contract.md 7.1."""
NAME_MAX_CHARS = 50
_SHOWN_RANDOM_CHARS = 6
_CHOSEN_MIN_CHARS = 16


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    team: TeamRow
    key: ApiKeyRow

    @property
    def may_read(self) -> bool:
        return self.key.permissions is Permissions.FULL

    @property
    def is_sandbox(self) -> bool:
        return self.key.is_sandbox


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A known key and whose it is; an admin key is no team's."""

    key: ApiKeyRow
    team: TeamRow | None


class Keys:
    """A team of None stands for the server itself, whose keys are the admin keys."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def authenticate(self, text: str | None) -> Caller:
        """Which team calls with this key.

        Raises:
            Unauthenticated: `invalid_api_key`, if it is missing, unknown or revoked, or no team's.
        """
        found = await self.identify(text)
        if found.team is None:
            raise Unauthenticated("This is an admin key: it works below /admin only.", code="invalid_api_key")
        return Caller(found.team, found.key)

    async def identify(self, text: str | None) -> KeyHolder:
        """Whose key this is, admin keys included.

        Raises:
            Unauthenticated: `invalid_api_key`, if it is missing, unknown or revoked.
        """
        if text:
            async with self._database.transaction() as session:
                keys = KeyRepository(session)
                found = await keys.by_hash(hash_of(text))
                if found is not None:
                    key, team = found
                    await keys.touch(key, self._now())
                    return KeyHolder(key, team)
        raise Unauthenticated("The API key is missing or not valid.", code="invalid_api_key")

    async def check_reach(self, caller: Caller, bot_id: str) -> None:
        """A key of the sandbox sees no other bots.

        Raises:
            NotFound: `bot_not_found`, for a bot of its team that is none of the sandbox.
        """
        async with self._database.transaction() as session:
            bot = await BotRepository(session).by_text_id(bot_id)
        if caller.is_sandbox and bot is not None and not bot.is_sandbox:
            raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")

    async def create(
        self, team: TeamRow | None, name: str, permissions: Permissions = Permissions.FULL, *, sandbox: bool = False
    ) -> tuple[ApiKeyRow, str]:
        """A new key and its text, which cannot be shown again.

        Args:
            sandbox: Its bots play in the lab.

        Raises:
            InvalidRequest: the name is empty or longer than 50 characters, or an admin key is asked for a team or
                for the sandbox.
        """
        async with self._database.transaction() as session:
            return await self.add(session, team, name, permissions, sandbox=sandbox)

    async def add(
        self,
        session: AsyncSession,
        team: TeamRow | None,
        name: str,
        permissions: Permissions = Permissions.FULL,
        *,
        chosen: str | None = None,
        sandbox: bool = False,
    ) -> tuple[ApiKeyRow, str]:
        """As `create`, in the caller's transaction; `chosen` is a text the operator made up, whose prefix counts."""
        if not 0 < len(name) <= NAME_MAX_CHARS:
            raise InvalidRequest(f"A key's name has 1 to {NAME_MAX_CHARS} characters.", code="invalid_key_name")
        if chosen is not None and len(chosen) < _CHOSEN_MIN_CHARS:
            raise InvalidRequest(f"A key has {_CHOSEN_MIN_CHARS} or more characters.", code="weak_key")
        if (team is None) is not (permissions is Permissions.ADMIN):
            raise InvalidRequest("Admin keys belong to no team, all others to one.", code="invalid_permissions")
        sandbox = sandbox or (chosen is not None and chosen.startswith(SANDBOX_PREFIX))
        if sandbox and team is None:
            raise InvalidRequest("An admin key cannot be one of the sandbox.", code="invalid_permissions")
        prefix = ADMIN_PREFIX if team is None else SANDBOX_PREFIX if sandbox else KEY_PREFIX
        text = chosen or prefix + secrets.token_urlsafe(32)
        shown_chars = len(prefix) + _SHOWN_RANDOM_CHARS
        shown = text[: min(shown_chars, len(text) // 3)] if chosen else text[:shown_chars]
        row = ApiKeyRow(
            team_id=team.id if team else None,
            name=name,
            prefix=shown,
            sha256=hash_of(text),
            permissions=permissions,
            is_sandbox=sandbox,
            created_at=self._now(),
        )
        return await KeyRepository(session).add(row), text

    async def list(self, team: TeamRow | None) -> Sequence[ApiKeyRow]:
        """Oldest first, revoked ones too."""
        async with self._database.transaction() as session:
            return await KeyRepository(session).of_team(_id(team))

    async def page(self, team: TeamRow | None, request: PageRequest) -> Page[ApiKeyRow]:
        """Newest first, revoked ones too."""
        async with self._database.transaction() as session:
            return await KeyRepository(session).page(_id(team), request)

    async def revoke(self, team: TeamRow | None, prefix_or_id: str) -> ApiKeyRow:
        """From now on the key is unknown.

        Raises:
            NotFound: no such key. Conflict: the prefix fits several.
        """
        async with self._database.transaction() as session:
            found = await KeyRepository(session).matching(_id(team), prefix_or_id)
            if not found:
                raise NotFound(f"No key '{prefix_or_id}'.", code="key_not_found")
            if len(found) > 1:
                raise Conflict(f"'{prefix_or_id}' fits {len(found)} keys; use the id.", code="key_ambiguous")
            found[0].revoked_at = self._now()
            return found[0]

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _id(team: TeamRow | None) -> UUID | None:
    return team.id if team else None


def hash_of(text: str) -> str:
    """What of a key or token is stored. SHA-256 suffices: these are random, not chosen by people."""
    return hashlib.sha256(text.encode()).hexdigest()
