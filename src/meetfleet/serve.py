"""Runs the server until it is told to stop."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Generator
from dataclasses import replace

import structlog
import uvicorn

from meetfleet.app import App
from meetfleet.control.teams import FirstStart
from meetfleet.domain.errors import RunnerError
from meetfleet.logs import configure_logging
from meetfleet.settings import LogFormat, Settings, unknown_variables

log = structlog.get_logger()

_BACKLOG = 512
_GRACE_S = 5


class _Uvicorn(uvicorn.Server):
    """Tells when it listens; leaves signals to us, because the rest of the server ends after it."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def serve(settings: Settings, *, json_ready: bool, build: Callable[[Settings], App] = App) -> int:
    """Serves until SIGINT or SIGTERM; a second one cuts requests short.

    Args:
        json_ready: Print one JSON line when ready, instead of words for people.
        build: Makes the server.

    Returns:
        The exit code: 1 if something inside broke for good.

    Raises:
        MeetfleetError: the server cannot start.
    """
    os.umask(0o077)  # recordings are nobody else's business
    configure_logging(json_lines=settings.log is LogFormat.JSON, level=settings.log_level)
    for name in unknown_variables():
        log.warning("unknown_setting", variable=name)
    listener = _listen(settings)
    settings = replace(settings, port=listener.getsockname()[1])
    try:
        return asyncio.run(_serve(build(settings), listener, json_ready))
    finally:
        listener.close()


def _listen(settings: Settings) -> socket.socket:
    """The listening socket. A free port is kept over restarts if it can be: running bots know only that one.

    Raises:
        RunnerError: the address or port is not to be had.
    """
    memory = settings.data / "port"
    if settings.port == 0:
        with contextlib.suppress(OSError, ValueError):
            return socket.create_server((settings.host, int(memory.read_text())), backlog=_BACKLOG)
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=_BACKLOG)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise RunnerError(f"Cannot listen on {where}: {error.strerror}.", code="cannot_listen") from error
    if settings.port == 0:
        settings.data.mkdir(parents=True, exist_ok=True)
        memory.write_text(str(listener.getsockname()[1]))
    return listener


async def _serve(app: App, listener: socket.socket, json_ready: bool) -> int:
    async with app.running() as first:
        config = uvicorn.Config(
            app.api,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = _Uvicorn(config, lambda: _announce(app.settings, first, json_ready))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.handle_exit, number, None)
        breakdown = asyncio.create_task(_stop_when_broken(app, server))
        await server.serve(sockets=[listener])
        breakdown.cancel()
        log.info("server_stopping")
        return 1 if app.background.broken.is_set() else 0


async def _stop_when_broken(app: App, server: uvicorn.Server) -> None:
    await app.background.broken.wait()
    server.should_exit = True


def _announce(settings: Settings, first: FirstStart, json_ready: bool) -> None:
    log.info("server_ready", url=settings.base_url, data=str(settings.data))
    if json_ready:
        print(json.dumps({"ready": True, "url": settings.base_url, "api_key": first.api_key}), flush=True)
        return
    key = first.api_key or "$MEETFLEET_API_KEY"
    lines = [f"Meetfleet is ready at {settings.base_url}"]
    if first.api_key:
        lines.append(f"First API key, shown only now: {first.api_key}")
    lines += [
        "Send a bot:",
        f"  curl -X POST {settings.base_url}/v2/bots \\",
        f'    -H "x-meeting-baas-api-key: {key}" -H "content-type: application/json" \\',
        """    -d '{"bot_name": "Notetaker", "meeting_url": "https://meet.google.com/abc-defg-hij"}'""",
    ]
    print("\n".join(lines), flush=True)
