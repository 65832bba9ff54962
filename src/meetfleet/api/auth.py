"""Who may call what: checked before anything else of a request is looked at."""

from typing import Protocol

from starlette.requests import Request

from meetfleet.control.keys import Caller, Keys
from meetfleet.domain.errors import Forbidden

KEY_HEADER = "x-meeting-baas-api-key"

SENDING_OPERATIONS = frozenset(
    {"createBot", "batchCreateBots", "createScheduledBot", "batchCreateScheduledBots", "createCalendarBot"}
)
"""All that a key with sending access may do. Source: contract.md 1.2."""


class Gate(Protocol):
    """Lets a request in, or not."""

    async def admit(self, request: Request, operation_id: str) -> Caller:
        """Who calls.

        Raises:
            Unauthenticated: no key, or one that we do not know. Forbidden: a key without this permission.
        """
        ...


class KeyGate:
    """Asks for an API key and looks at its permissions. Limits of rate would come here, too."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def admit(self, request: Request, operation_id: str) -> Caller:
        caller = await self._keys.authenticate(request.headers.get(KEY_HEADER))
        if not caller.may_read and operation_id not in SENDING_OPERATIONS:
            raise Forbidden("This API key has sending access only: it may create bots, nothing else.")
        return caller
