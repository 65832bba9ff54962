"""The two ways from a probe script to us: its WebSocket, and the function that CDP adds to the page in an emergency."""

import asyncio
import base64
import binascii
import contextlib
import json
import logging
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from meetfleet.browser.cdp import CdpSession
from meetfleet.browser.page import Page
from meetfleet.browser.probe.script_link import Send

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """Who takes what scripts send."""

    def on_hello(self, hello: dict[str, Any], send: Send) -> str:
        """A script begins to talk; returns its instance name."""
        ...

    def on_records(self, instance: str, data: bytes) -> None: ...

    def on_silence(self, instance: str, send: Send) -> None:
        """This way to the script is closed."""
        ...


async def serve_socket(socket: ServerConnection, receiver: Receiver) -> None:
    """Reads one WebSocket until it closes. The first message is the greeting, every other one records."""
    outgoing: asyncio.Queue[str] = asyncio.Queue()
    send = outgoing.put_nowait
    writer = asyncio.create_task(_write(socket, outgoing))
    instance = ""
    try:
        async for message in socket:
            if isinstance(message, str):
                instance = receiver.on_hello(json.loads(message), send)
            elif instance:
                receiver.on_records(instance, message)
    except ConnectionClosed:
        pass  # a page that went away; its script comes back, or a new one does
    finally:
        writer.cancel()
        if instance:
            receiver.on_silence(instance, send)


async def _write(socket: ServerConnection, outgoing: asyncio.Queue[str]) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.send(await outgoing.get())


class BindingWire:
    """The emergency way: slower (base64 through CDP), but no policy of page or browser can close it."""

    def __init__(self, page: Page, secret: str, receiver: Receiver) -> None:
        self._page = page
        self._secret = secret
        self._receiver = receiver
        self._known: dict[str, Send] = {}
        self.is_open = False

    async def open(self) -> None:
        """Adds the function to every frame and worker; scripts whose socket does not open find it by themselves."""
        if not self.is_open:
            self.is_open = True
            await self._page.targets.add_binding(f"b{self._secret}", self._called)

    def _called(self, text: str, session: CdpSession, context_id: int) -> None:
        instance, _, body = text.partition(" ")
        if body.startswith("{"):
            self._known[instance] = self._sender(session, context_id)
            self._receiver.on_hello(json.loads(body), self._known[instance])
        elif instance in self._known:
            try:
                self._receiver.on_records(instance, base64.b64decode(body))
            except binascii.Error:
                log.warning("Unreadable message on the emergency way")

    def _sender(self, session: CdpSession, context_id: int) -> Send:
        def send(command: str) -> None:
            event = f"new CustomEvent('c{self._secret}', {{ detail: {json.dumps(command)} }})"
            session.post("Runtime.evaluate", expression=f"dispatchEvent({event})", contextId=context_id)

        return send
