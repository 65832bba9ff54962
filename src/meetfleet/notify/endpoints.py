"""A team's webhook endpoints: where its bots' events are told, and with which secrets they are signed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import Event
from meetfleet.domain.errors import InvalidRequest, NotFound
from meetfleet.notify.signing import new_secret
from meetfleet.outside.addresses import AddressGuard
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.endpoints import EndpointRepository
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import EndpointRow, TeamRow
from meetfleet.store.times import utc

NAME_MAX_CHARS = 255
ROTATION_OVERLAP = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint and its signing secret, which is shown this once (and by `reveal`)."""

    endpoint: EndpointRow
    secret: str = field(repr=False)


class AllEvents:
    """Every event there is, also those that come later."""


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What is to change; None leaves it as it is."""

    url: str | None = None
    name: str | None = None
    events: Sequence[str] | AllEvents | None = None
    enabled: bool | None = None


class Endpoints:
    """All methods raise NotFound (`endpoint_not_found`) for a foreign or unknown id."""

    def __init__(self, database: Database, box: SecretBox, guard: AddressGuard, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._guard = guard
        self._clock = clock

    async def add(self, team: TeamRow, url: str, *, name: str = "", events: Sequence[str] | None = None) -> NewEndpoint:
        """Tells this URL from now on.

        Args:
            events: Names of the events it wants; None for all.

        Raises:
            InvalidRequest: the URL is none, leads into a private network, or an event does not exist.
        """
        secret = new_secret()
        row = EndpointRow(
            team_id=team.id,
            url=await self._guard.check_url(url),
            name=_checked_name(name),
            events=_checked_events(events),
            secret=self._box.seal(secret),
            created_at=self._now(),
        )
        async with self._database.transaction() as session:
            return NewEndpoint(await EndpointRepository(session).add(row), secret)

    async def list(self, team: TeamRow) -> Sequence[EndpointRow]:
        """Oldest first."""
        async with self._database.transaction() as session:
            return await EndpointRepository(session).of_team(team.id)

    async def page(self, team: TeamRow, request: PageRequest) -> Page[EndpointRow]:
        """Newest first."""
        async with self._database.transaction() as session:
            return await EndpointRepository(session).page(team.id, request)

    async def get(self, team: TeamRow, endpoint_id: UUID) -> EndpointRow:
        async with self._database.transaction() as session:
            return await found_endpoint(session, team, endpoint_id)

    async def update(self, team: TeamRow, endpoint_id: UUID, changes: EndpointChanges) -> EndpointRow:
        """Messages on their way follow the changes.

        Raises:
            InvalidRequest: as `add`.
        """
        url = None if changes.url is None else await self._guard.check_url(changes.url)
        name = None if changes.name is None else _checked_name(changes.name)
        async with self._database.transaction() as session:
            endpoint = await found_endpoint(session, team, endpoint_id)
            endpoint.url = endpoint.url if url is None else url
            endpoint.name = endpoint.name if name is None else name
            if changes.events is not None:
                endpoint.events = None if isinstance(changes.events, AllEvents) else _checked_events(changes.events)
            if changes.enabled is not None and changes.enabled != endpoint.enabled:
                _switch(endpoint, on=changes.enabled)
            endpoint.updated_at = self._now()
            return endpoint

    async def remove(self, team: TeamRow, endpoint_id: UUID) -> EndpointRow:
        """Nothing more is sent there, messages on their way included. Its history stays."""
        async with self._database.transaction() as session:
            endpoint = await found_endpoint(session, team, endpoint_id)
            endpoint.deleted_at, endpoint.enabled = self._now(), False
            return endpoint

    async def enable(self, team: TeamRow, endpoint_id: UUID) -> EndpointRow:
        """Its clock of failure begins anew."""
        async with self._database.transaction() as session:
            return _switch(await found_endpoint(session, team, endpoint_id), on=True)

    async def disable(self, team: TeamRow, endpoint_id: UUID, *, reason: str | None = None) -> EndpointRow:
        """Messages on their way are given up when they come due."""
        async with self._database.transaction() as session:
            return _switch(await found_endpoint(session, team, endpoint_id), on=False, reason=reason)

    async def rotate(self, team: TeamRow, endpoint_id: UUID, *, overlap: timedelta = ROTATION_OVERLAP) -> NewEndpoint:
        """A new secret; the one before it signs, too, until the overlap ends.

        Raises:
            InvalidRequest: the overlap is negative or longer than a week.
        """
        if not timedelta() <= overlap <= OVERLAP_MAX:
            raise InvalidRequest(f"Both secrets sign for at most {OVERLAP_MAX.days} days.", code="invalid_overlap")
        secret = new_secret()
        async with self._database.transaction() as session:
            endpoint = await found_endpoint(session, team, endpoint_id)
            endpoint.previous_secret, endpoint.previous_secret_until = endpoint.secret, self._now() + overlap
            endpoint.secret, endpoint.updated_at = self._box.seal(secret), self._now()
            return NewEndpoint(endpoint, secret)

    async def reveal(self, team: TeamRow, endpoint_id: UUID) -> str:
        """The present secret."""
        async with self._database.transaction() as session:
            return self._box.open((await found_endpoint(session, team, endpoint_id)).secret)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def found_endpoint(session: AsyncSession, team: TeamRow, endpoint_id: UUID) -> EndpointRow:
    """A team's endpoint, locked. Raises NotFound (`endpoint_not_found`)."""
    endpoint = await EndpointRepository(session).get(endpoint_id, team_id=team.id, lock=True)
    if endpoint is None:
        raise NotFound(f"Endpoint '{endpoint_id}' not found", code="endpoint_not_found")
    return endpoint


def _switch(endpoint: EndpointRow, *, on: bool, reason: str | None = None) -> EndpointRow:
    endpoint.enabled, endpoint.disabled_reason = on, None if on else reason
    endpoint.failing_since = None if on else endpoint.failing_since
    return endpoint


def _checked_name(name: str) -> str:
    if len(name) > NAME_MAX_CHARS:
        raise InvalidRequest(f"An endpoint's name has at most {NAME_MAX_CHARS} characters.", code="invalid_name")
    return name


def _checked_events(events: Sequence[str] | None) -> list[str] | None:
    if events is None:
        return None
    known = [event.value for event in Event]
    if not events or set(events) - set(known):
        raise InvalidRequest(f"Events are one or more of: {', '.join(known)}.", code="invalid_events")
    return sorted(set(events))
