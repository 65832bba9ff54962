"""The lab: a meeting simulator on this machine. Rooms are opened in it, bots are pointed at it by browser arguments."""

from pathlib import Path
from typing import Any, Self

from aiohttp import web

from meetfleet.domain.clock import Clock, SystemClock
from meetfleet.domain.errors import InvalidRequest, RunnerError
from meetfleet.lab.certificate import make_certificate
from meetfleet.lab.control import ControlApi
from meetfleet.lab.media.studio import Progress, Studio, default_cache_dir
from meetfleet.lab.replicas.google_meet.desk import MeetDesk
from meetfleet.lab.replicas.google_meet.front import HOSTS, MeetFront
from meetfleet.lab.room import Room, check_code, made_up_code
from meetfleet.lab.rtc.passthrough import supported
from meetfleet.lab.scenarios import with_scenario
from meetfleet.lab.script import RoomScript, script_from

SHUTDOWN_TIMEOUT_S = 2.0


class Lab:
    """Serves rooms until it is closed. Use it as `async with Lab() as lab`.

    Args:
        cache_dir: Where made media is kept; None is `~/.cache/meetfleet/lab`.
        out_dir: Where each room's truth is written when it closes; None keeps it in memory only.
        port: Of the HTTPS replica; 0 picks a free one.
        control_port: Of the control API; 0 picks a free one.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        out_dir: Path | None = None,
        *,
        port: int = 0,
        control_port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.rooms: dict[str, Room] = {}
        self.https_port = 0
        self.control_url = ""
        self._out_dir = out_dir
        self._ports = port, control_port
        self._clock = clock or SystemClock()
        self._studio = Studio(cache_dir or default_cache_dir())
        self._certificate = make_certificate(HOSTS)
        self._desks: dict[str, MeetDesk] = {}
        self._front = MeetFront(lambda code: self._desks.get(code))
        self._runners: list[web.AppRunner] = []

    @property
    def chromium_args(self) -> list[str]:
        """Send a browser into the lab: Google's hosts resolve to it, and its key is the one accepted."""
        rules = ",".join(f"MAP {host}:443 127.0.0.1:{self.https_port}" for host in HOSTS)
        return [
            f"--host-resolver-rules={rules}",
            f"--ignore-certificate-errors-spki-list={self._certificate.spki_sha256}",
        ]

    async def open_room(
        self, source: RoomScript | dict[str, Any] | str | Path, *, progress: Progress | None = None
    ) -> Room:
        """Opens a room; returns when its media is ready.

        Args:
            source: A script, its mapping, or the path of a YAML file.
            progress: Told how many clips are ready.

        Raises:
            InvalidRequest: the script is wrong, or its code is taken.
            MediaError: speech cannot be made on this machine.
        """
        script = with_scenario(script_from(source))
        code = check_code(script.code) if script.code else made_up_code()
        if code in self.rooms:
            raise InvalidRequest(f"There is a room {code} already.", code="room_exists")
        room = Room(script, code, self._studio, self._clock, self._out_dir)
        await room.prepare(progress)
        self.rooms[code] = room
        self._desks[code] = MeetDesk(room)
        return room

    async def close_room(self, code: str) -> None:
        """Ends a room and writes its truth."""
        room, desk = self.rooms.pop(code), self._desks.pop(code)
        await desk.close()
        await room.close()

    async def start(self) -> None:
        """Opens both ports.

        Raises:
            RunnerError: the installed aiortc is not the one that the lab was written for.
        """
        if lacking := supported():
            raise RunnerError(f"This aiortc does not fit the lab; it lacks {', '.join(lacking)}.", code="lab_aiortc")
        front = web.Application(client_max_size=1 << 20)
        front.add_routes(self._front.routes())
        self.https_port = await self._serve(front, self._ports[0], secure=True)
        control = web.Application(client_max_size=1 << 20)
        control.add_routes(ControlApi(self).routes())
        self.control_url = f"http://127.0.0.1:{await self._serve(control, self._ports[1], secure=False)}"

    async def close(self) -> None:
        """Closes every room, then the ports."""
        for code in list(self.rooms):
            await self.close_room(code)
        await self._front.close()
        for runner in self._runners:
            await runner.cleanup()
        await self._studio.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _serve(self, app: web.Application, port: int, *, secure: bool) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        self._runners.append(runner)
        context = self._certificate.context if secure else None
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])
