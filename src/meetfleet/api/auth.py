"""Who may call what: checked before anything else of a request is looked at."""

from typing import Protocol

from starlette.requests import Request

from meetfleet.api.edge import tell_allowance
from meetfleet.control.keys import Caller, Keys
from meetfleet.control.rate_limit import RateLimiter
from meetfleet.domain.errors import Forbidden

KEY_HEADER = "x-meeting-baas-api-key"

SENDING_OPERATIONS = frozenset(
    {"createBot", "batchCreateBots", "createScheduledBot", "batchCreateScheduledBots", "createCalendarBot"}
)
"""All that a key with sending access may do. Source: contract.md 1.2."""

COUNTED_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Reading is free. Source: contract.md 1.7 and C7."""


class Gate(Protocol):
    """Lets a request in, or not."""

    async def admit(self, request: Request, operation_id: str) -> Caller:
        """Who calls.

        Raises:
            Unauthenticated: no key, or one that we do not know. Forbidden: a key without this permission.
            TooManyRequests: the team calls too often.
        """
        ...


SANDBOX_PATH = "/v2/bots"
"""All that a key of the sandbox reaches, and of that only its own kind of bots: such keys lie about in CI systems."""


class KeyGate:
    """Asks for an API key, looks at its permissions, then at how often its team calls. Source: contract.md 1.8."""

    def __init__(self, keys: Keys, limiter: RateLimiter) -> None:
        self._keys = keys
        self._limiter = limiter

    async def admit(self, request: Request, operation_id: str) -> Caller:
        caller = await self._keys.authenticate(request.headers.get(KEY_HEADER))
        if not caller.may_read and operation_id not in SENDING_OPERATIONS:
            raise Forbidden("This API key has sending access only: it may create bots, nothing else.")
        if caller.is_sandbox:
            await self._stay_in_sandbox(request, caller)
        if request.method in COUNTED_METHODS:
            allowance = await self._limiter.count(caller.team)
            if allowance is not None:
                tell_allowance(request, allowance)
                allowance.check()
        return caller

    async def _stay_in_sandbox(self, request: Request, caller: Caller) -> None:
        if not request.url.path.startswith(SANDBOX_PATH):
            raise Forbidden("This is a key of the sandbox: it works with bots of the sandbox, nothing else.")
        bot_id = request.path_params.get("bot_id")
        if bot_id is not None:
            await self._keys.check_reach(caller, str(bot_id))
