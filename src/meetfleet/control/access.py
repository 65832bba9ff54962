"""Who may use the admin API, and for which teams."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from meetfleet.control.keys import Keys, hash_of
from meetfleet.control.teams import Teams
from meetfleet.domain.errors import Forbidden, NotFound, Unauthenticated
from meetfleet.store.tables import ApiKeyRow, Permissions, TeamRow


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    Attributes:
        key: The key; None for the operator's own from the settings.
        team: The only team whose things they may manage; None for an admin, who manages all.
    """

    key: ApiKeyRow | None
    team: TeamRow | None

    @property
    def is_admin(self) -> bool:
        return self.team is None


class Access:
    """Admin keys manage everything on the server, full keys of a team what belongs to it, sending keys and those of
    the sandbox nothing.

    Args:
        operator_key: An admin key that the operator chose in the settings.
    """

    def __init__(self, keys: Keys, teams: Teams, operator_key: str | None = None) -> None:
        self._keys = keys
        self._teams = teams
        self._operator_hash = hash_of(operator_key) if operator_key else None

    async def admit(self, text: str | None) -> Principal:
        """Who holds this key.

        Raises:
            Unauthenticated: `invalid_api_key`, if it is missing, unknown or revoked.
            Forbidden: `sending_key`, if it may only create bots; `sandbox_key`, if it is one of the sandbox.
        """
        if not text:
            raise Unauthenticated("The API key is missing or not valid.", code="invalid_api_key")
        if self._operator_hash and hmac.compare_digest(hash_of(text), self._operator_hash):
            return Principal(None, None)
        found = await self._keys.identify(text)
        if found.key.permissions is Permissions.SENDING:
            raise Forbidden("This API key may create bots, nothing else.", code="sending_key")
        if found.key.is_sandbox:
            raise Forbidden("This is a key of the sandbox: it manages nothing.", code="sandbox_key")
        return Principal(found.key, found.team)

    async def team(self, principal: Principal, team_id: UUID | None = None) -> TeamRow:
        """The team that a request is about: the one it names, else the principal's own, else the oldest one.

        Raises:
            NotFound: `team_not_found`, also for a team that is not theirs.
        """
        own = principal.team
        if own is not None and team_id in (None, own.id):
            return own
        if own is None and team_id is None:
            return await self._teams.default()
        found = await self._teams.get(team_id) if own is None and team_id is not None else None
        if found is None:
            raise NotFound(f"Team '{team_id}' not found", code="team_not_found")
        return found

    def require_admin(self, principal: Principal) -> None:
        """Raises Forbidden (`admin_key_needed`) for everybody else."""
        if not principal.is_admin:
            raise Forbidden("This needs an admin key.", code="admin_key_needed")
