"""The frames and workers inside a page: each is prepared before its first script runs."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from meetfleet.browser.cdp import Cdp, CdpSession

log = logging.getLogger(__name__)

BindingHandler = Callable[[str, CdpSession, int], None]
FRAMES = ("page", "iframe")


class TargetTree:
    """Attaches to every out-of-process iframe and worker below one page, paused, equips it and lets it run.

    Same-process iframes need nothing of this: they share their page's session and its init scripts.
    """

    def __init__(self, cdp: Cdp, root: CdpSession) -> None:
        self.worker_scripts: list[str] = []
        self._cdp = cdp
        self._root = root
        self._frame_scripts: list[str] = []
        self._frame_commands: list[tuple[str, dict[str, Any]]] = []
        self._bindings: dict[str, BindingHandler] = {}
        self._frames: dict[str, CdpSession] = {}
        self._workers: dict[str, CdpSession] = {}

    async def start(self) -> None:
        """Watches for children of the page."""
        await self._watch(self._root)

    async def add_frame_script(self, js: str) -> None:
        self._frame_scripts.append(js)
        await self._to_frames("Page.addScriptToEvaluateOnNewDocument", source=js)

    async def configure_frames(self, method: str, **params: Any) -> None:
        """Sends a command to every frame there is, and to every one to come before it runs."""
        self._frame_commands.append((method, params))
        await self._to_frames(method, **params)

    async def add_binding(self, name: str, handler: BindingHandler) -> None:
        """Gives every frame and worker, present and to come, a global function `name(text)`.

        `handler` gets the text, the session and the execution context. Needs the Runtime domain, which also reports
        every console message of the page: for emergencies.
        """
        self._bindings[name] = handler
        sessions = [self._root, *self._frames.values(), *self._workers.values()]
        for session in sessions:
            self._listen(session, name, handler)
        await asyncio.gather(*(session.send("Runtime.enable") for session in sessions))
        await asyncio.gather(*(session.send("Runtime.addBinding", name=name) for session in sessions))

    async def _to_frames(self, method: str, **params: Any) -> None:
        await asyncio.gather(*(session.send(method, **params) for session in (self._root, *self._frames.values())))

    async def _watch(self, session: CdpSession) -> None:
        session.on("Target.attachedToTarget", self._attached)
        session.on("Target.detachedFromTarget", self._detached)
        await session.send("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)

    def _attached(self, event: dict[str, Any]) -> None:
        """Equips a new target. Commands are answered in order, so all go out at once and the last lets it run."""
        kind = event["targetInfo"]["type"]
        session = self._cdp.session(event["sessionId"])
        log.debug("attached to %s %s", kind, event["targetInfo"].get("url", "")[:80])
        if kind in FRAMES:
            self._equip_frame(session)
        elif kind == "worker":
            self._equip_worker(session)
        session.on("Target.attachedToTarget", self._attached)
        session.on("Target.detachedFromTarget", self._detached)
        session.post("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        session.post("Runtime.runIfWaitingForDebugger")

    def _equip_frame(self, session: CdpSession) -> None:
        if session.session_id:
            self._frames[session.session_id] = session
        self._bind(session)
        session.post("Page.enable")
        for method, params in self._frame_commands:
            session.post(method, **params)
        for js in self._frame_scripts:
            session.post("Page.addScriptToEvaluateOnNewDocument", source=js)

    def _equip_worker(self, session: CdpSession) -> None:
        """Stops the worker before its first script. Sooner it has no scope yet: a script sent then crashes the page."""
        if session.session_id:
            self._workers[session.session_id] = session
        self._bind(session)
        if self.worker_scripts:
            session.on("Debugger.paused", lambda _: self._run_worker_scripts(session))
            session.post("Debugger.enable")
            session.post("Debugger.setInstrumentationBreakpoint", instrumentation="beforeScriptExecution")

    def _run_worker_scripts(self, session: CdpSession) -> None:
        for js in self.worker_scripts:
            session.post("Runtime.evaluate", expression=js)
        session.post("Debugger.resume")
        session.post("Debugger.disable")

    def _bind(self, session: CdpSession) -> None:
        if self._bindings:
            session.post("Runtime.enable")
        for name, handler in self._bindings.items():
            self._listen(session, name, handler)
            session.post("Runtime.addBinding", name=name)

    def _detached(self, event: dict[str, Any]) -> None:
        self._frames.pop(event["sessionId"], None)
        self._workers.pop(event["sessionId"], None)
        self._cdp.drop_session(event["sessionId"])

    def _listen(self, session: CdpSession, name: str, handler: BindingHandler) -> None:
        def called(event: dict[str, Any]) -> None:
            if event["name"] == name:
                handler(str(event["payload"]), session, int(event["executionContextId"]))

        session.on("Runtime.bindingCalled", called)
