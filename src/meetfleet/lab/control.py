"""The lab's control API on loopback: another process opens rooms, reads the truth and takes part.

POST   /rooms                    a script as JSON, {"path": "room.yaml"} or {"preset": "six_people"}
GET    /rooms                    [{name, code, meeting_url}]
DELETE /rooms/{code}
GET    /rooms/{code}/truth       ?sent=1 adds every media frame sent
GET    /rooms/{code}/events      ?after=n
GET    /rooms/{code}/wait        ?type=bot_admitted&timeout_s=10&count=1&visit=v1
POST   /rooms/{code}/do          {"action": "mute", "who": "Ann"}
GET    /rooms/{code}/audio.wav   ?name=Ann
GET    /rooms/{code}/visits/{visit}/camera.png   the picture that a visitor last changed its camera to
"""

import io
import wave
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from meetfleet.domain.errors import MeetfleetError, RequestError
from meetfleet.lab.events import WaitTimeout
from meetfleet.lab.media.speech import SAMPLE_RATE_HZ
from meetfleet.lab.presets import preset
from meetfleet.lab.room import Room

if TYPE_CHECKING:
    from meetfleet.lab.lab import Lab

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Routes over one lab."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", _guarded(self._about)),
            web.get("/rooms", _guarded(self._list)),
            web.post("/rooms", _guarded(self._open)),
            web.delete("/rooms/{code}", _guarded(self._close)),
            web.get("/rooms/{code}/truth", _guarded(self._truth)),
            web.get("/rooms/{code}/events", _guarded(self._events)),
            web.get("/rooms/{code}/wait", _guarded(self._wait)),
            web.post("/rooms/{code}/do", _guarded(self._do)),
            web.get("/rooms/{code}/audio.wav", _guarded(self._audio)),
            web.get("/rooms/{code}/visits/{visit}/camera.png", _guarded(self._camera)),
        ]

    async def _about(self, request: web.Request) -> web.StreamResponse:
        lab = self._lab
        return web.json_response({"https_port": lab.https_port, "chromium_args": lab.chromium_args})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return web.json_response([about(room) for room in self._lab.rooms.values()])

    async def _open(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await request.json()
        source = body.pop("path", None) or (preset(body.pop("preset"), **body) if "preset" in body else body)
        room = await self._lab.open_room(source)
        return web.json_response(about(room), status=201)

    async def _close(self, request: web.Request) -> web.StreamResponse:
        await self._lab.close_room(self._room(request).code)
        return web.Response(status=204)

    async def _truth(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._room(request).truth(sent=request.query.get("sent") == "1"))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        after = int(request.query.get("after", "0"))
        return web.json_response([event.as_dict() for event in self._room(request).events.all[after:]])

    async def _wait(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        event = await self._room(request).wait_for(
            query["type"],
            float(query.get("timeout_s", "10")),
            count=int(query.get("count", "1")),
            visit=query.get("visit"),
        )
        return web.json_response(event.as_dict())

    async def _do(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await request.json()
        return web.json_response(await self._room(request).do(**body))

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        pcm = self._room(request).reference_audio(request.query.get("name"))
        body = io.BytesIO()
        with wave.open(body, "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE_HZ, len(pcm), "NONE", ""))
            file.writeframes(pcm.tobytes())
        return web.Response(body=body.getvalue(), content_type="audio/wav")

    async def _camera(self, request: web.Request) -> web.StreamResponse:
        visit = self._room(request).visits.get(request.match_info["visit"])
        if visit is None or visit.seen.last_png is None:
            raise web.HTTPNotFound(text="no picture received")
        return web.Response(body=visit.seen.last_png, content_type="image/png")

    def _room(self, request: web.Request) -> Room:
        room = self._lab.rooms.get(request.match_info["code"])
        if room is None:
            raise web.HTTPNotFound(text="no such room")
        return room


def about(room: Room) -> dict[str, Any]:
    """What another process needs to know of a room."""
    return {"name": room.name, "code": room.code, "meeting_url": room.meeting_url}


def _guarded(handler: Handler) -> Handler:
    """Errors of ours become JSON with a status; a timeout of `wait` is a 408."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except WaitTimeout as error:
            return _failure(408, error)
        except RequestError as error:
            return _failure(error.status, error)
        except MeetfleetError as error:
            return _failure(500, error)
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"code": "bad_request", "message": str(error)}, status=400)

    return guarded


def _failure(status: int, error: MeetfleetError) -> web.Response:
    return web.json_response({"code": error.code, "message": error.message}, status=status)
