"""Owns what runs for ever: what dies is logged and started again; if that does not help, the server is to end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

MAX_FAILURES = 8
_STEADY_S = 60.0
_MAX_PAUSE_S = 15.0
_WELL_AGAIN_S = 5.0

log = structlog.get_logger()

Run = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Service:
    name: str
    run: Run
    failures: int = 0
    since: float = 0.0
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Background:
    """Runs services.

    Attributes:
        broken: Set when a service failed eight times in a row; whoever owns the process should end it.
    """

    def __init__(self) -> None:
        self._services: list[_Service] = []
        self.broken = asyncio.Event()

    @property
    def ailing(self) -> list[str]:
        """Services that died and have not run for some seconds since."""
        now = asyncio.get_running_loop().time()
        return [s.name for s in self._services if s.failures and now - s.since < _WELL_AGAIN_S]

    def start(self, name: str, run: Run) -> None:
        """Runs `run` until `stop`; it should never return."""
        service = _Service(name, run)
        service.task = asyncio.create_task(self._keep(service), name=name)
        self._services.append(service)

    async def stop(self) -> None:
        """Ends all services, the last started first."""
        for service in reversed(self._services):
            assert service.task is not None
            service.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await service.task
        self._services.clear()

    async def _keep(self, service: _Service) -> None:
        loop = asyncio.get_running_loop()
        while True:
            service.since = loop.time()
            error = await _outcome(service.run)
            if loop.time() - service.since > _STEADY_S:
                service.failures = 0
            service.failures += 1
            service.since = loop.time()
            log.error("service_died", service=service.name, failures=service.failures, exc_info=error)
            if service.failures >= MAX_FAILURES:
                self.broken.set()
                return
            await asyncio.sleep(min(_MAX_PAUSE_S, 0.25 * 2**service.failures))


async def _outcome(run: Run) -> Exception | None:
    """What ended a service; None if it just returned."""
    try:
        await run()
    except Exception as error:  # noqa: BLE001 - the outermost loop: nothing may slip past the owner
        return error
    return None
