"""The replica's HTTPS face: pages, scripts, the page's socket, RPCs; with headers as strict as the real site's."""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from meetfleet.lab.replicas.google_meet import wire
from meetfleet.lab.replicas.google_meet.desk import MeetDesk
from meetfleet.lab.script import AudioPath
from meetfleet.lab.visit import Visit

log = structlog.get_logger()

HOSTS = ("meet.google.com", "accounts.google.com", "workspace.google.com", "www.google.com")
PAGE = Path(__file__).with_name("page")
KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
RPC = "/$rpc/google.rtc.meetings.v1."
_CSP = (
    "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; "
    "object-src 'none'; base-uri 'self'; "
    "style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; worker-src 'self'; "
    "connect-src 'self' wss://meet.google.com; frame-src https://www.google.com; "
    "require-trusted-types-for 'script'; trusted-types meet"
)
SOCKET_HEARTBEAT_S = 15.0


class MeetFront:
    """Routes of every host that the replica plays.

    Args:
        desk_of: The desk of a meeting code, None if there is no such meeting.
    """

    def __init__(self, desk_of: Callable[[str], MeetDesk | None]) -> None:
        self._desk_of = desk_of
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._index = (PAGE / "index.html").read_text(encoding="utf-8")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_/meet/{file}", self._file),
            web.get("/_/socket/{code}/{visit}", self._socket),
            web.post(RPC + "MeetingSpaceService/SyncMeetingSpaceCollections", self._sync),
            web.post(RPC + "MeetingDeviceService/CreateMeetingDevice", self._create_device),
            web.get("/{path:.*}", self._page),
        ]

    async def close(self) -> None:
        for socket in tuple(self._sockets):
            await socket.close()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        host = (request.host or "").partition(":")[0]
        if host != "meet.google.com":
            return _stub(host, request.path)
        desk = self._desk_of(request.path.strip("/"))
        if desk is None:
            return self._html({"page": {"load": "not_found"}}, isolated=False)
        room = desk.room
        page = room.script.page
        visit = room.welcome()
        room.loads += 1
        load = "ok" if page.load_ok_after and room.loads > page.load_ok_after else page.load
        room.events.add("page_shown", visit.id, load=load)
        config = {
            "code": room.code,
            "visit": visit.id,
            "codec": room.script.media.codec,
            "streams": room.script.media.audio_streams,
        }
        return self._html({**config, "page": {**asdict(page), "load": load}}, isolated=page.audio is AudioPath.NETEQ)

    def _html(self, config: Mapping[str, Any], *, isolated: bool) -> web.Response:
        """The one page. `isolated` adds the headers that give it SharedArrayBuffer."""
        nonce = secrets.token_urlsafe(16)
        data = json.dumps(config).replace("<", "\\u003c")
        headers = {
            "Content-Security-Policy": _CSP.format(nonce=nonce),
            "Cross-Origin-Opener-Policy": "same-origin" if isolated else "same-origin-allow-popups",
            "Cache-Control": "no-store",
            "Referrer-Policy": "origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
        }
        if isolated:
            headers["Cross-Origin-Embedder-Policy"] = "require-corp"
        text = self._index.replace("{{nonce}}", nonce).replace("{{config}}", data)
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        path = PAGE / name
        if path.parent != PAGE or path.suffix not in (".js", ".css") or not path.is_file():
            raise web.HTTPNotFound
        headers = {
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=path.read_bytes(), content_type=KINDS[path.suffix], headers=headers)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        desk, visit = self._visit(request.match_info["code"], request.match_info["visit"])
        if not desk.room.network_up:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(heartbeat=SOCKET_HEARTBEAT_S)
        await socket.prepare(request)
        self._sockets.add(socket)
        visit.reachable = True
        visit.tell = lambda message: self._tell(visit, desk, socket, message)
        desk.resume(visit)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and desk.room.network_up:
                    await desk.from_page(visit, json.loads(message.data))
        finally:
            self._sockets.discard(socket)
            if not any(s is not socket and s.get("visit") is visit for s in self._sockets):
                visit.reachable = False
                desk.room.page_gone(visit)
        return socket

    def _tell(self, visit: Visit, desk: MeetDesk, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        """Sends to the page in the order of the calls. A cut network closes the socket instead."""
        if message["t"] == "cut":
            self._spawn(self._quiet_close(socket))
        elif not socket.closed and desk.room.network_up:
            self._spawn(self._quiet_send(socket, message))

    async def _quiet_send(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        try:
            await socket.send_str(json.dumps(message))
        except (ConnectionError, RuntimeError):
            log.debug("A page is gone while it was being told something")

    async def _quiet_close(self, socket: web.WebSocketResponse) -> None:
        await socket.close()

    def _spawn(self, job: Any) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sync(self, request: web.Request) -> web.StreamResponse:
        desk, visit = self._visit_of(request)
        desk.room.events.add("snapshot_served", visit.id)
        return web.Response(body=desk.snapshot(visit), content_type="text/plain")

    async def _create_device(self, request: web.Request) -> web.StreamResponse:
        _, visit = self._visit_of(request)
        return web.Response(body=wire.device_created(visit.device_id), content_type="text/plain")

    def _visit_of(self, request: web.Request) -> tuple[MeetDesk, Visit]:
        code, _, visit = request.headers.get("X-Goog-Meeting", "").partition("/")
        desk, found = self._visit(code, visit)
        if not desk.room.network_up:
            raise web.HTTPServiceUnavailable
        return desk, found

    def _visit(self, code: str, visit_id: str) -> tuple[MeetDesk, Visit]:
        desk = self._desk_of(code)
        visit = desk.room.visits.get(visit_id) if desk else None
        if desk is None or visit is None:
            raise web.HTTPNotFound
        return desk, visit


def _stub(host: str, path: str) -> web.Response:
    """What stands on the other hosts: a sign-in page, a product page, a captcha frame."""
    titles = {
        "accounts.google.com": "Sign in",
        "workspace.google.com": "Google Meet: Online meetings",
        "www.google.com": "reCAPTCHA",
    }
    title = titles.get(host, host)
    body = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>to continue to Google Meet</p>"
    headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
    return web.Response(text=body, content_type="text/html", headers=headers)
