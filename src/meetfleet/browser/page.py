"""One page in a browser context of its own, with the frames and workers inside it."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from typing import Any, Self

from meetfleet.browser.cdp import Cdp, CdpRefused, CdpSession
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.input import Hands
from meetfleet.browser.targets import TargetTree
from meetfleet.domain.errors import RunnerError

log = logging.getLogger(__name__)

NAVIGATION_TIMEOUT_S = 30.0
SCREENSHOT_TIMEOUT_S = 10.0


class NavigationFailed(RunnerError):
    """The page could not be loaded: no such host, refused, bad certificate."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"Cannot open {url}: {reason}", code="navigation_failed")
        self.reason = reason


class ScriptFailed(RunnerError):
    """A script that we ran in the page threw."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"A script failed in the page: {reason}", code="script_failed")


class Page:
    """A tab. Open it with `Chromium.new_page`.

    Register init scripts and grants before `goto`: they take effect at the next navigation.
    """

    def __init__(self, cdp: Cdp, context_id: str, target_id: str, session: CdpSession) -> None:
        self.session = session
        self.context_id = context_id
        self.url = "about:blank"
        self.hands = Hands(session)
        self.targets = TargetTree(cdp, session)
        self._cdp = cdp
        self._target_id = target_id
        self._frame_id = target_id
        self._on_crash: list[Callable[[str], None]] = []
        self._crashed: str | None = None
        self._closing = False

    @classmethod
    async def open(cls, cdp: Cdp, options: BrowserOptions, identity: dict[str, Any]) -> Self:
        """Makes a context and a page in it, which gives `identity` (user agent and language) to sites.

        Raises:
            RunnerError: the browser is gone or does not answer.
        """
        context = await cdp.browser.send("Target.createBrowserContext", disposeOnDetach=True)
        context_id = str(context["browserContextId"])
        target = await cdp.browser.send(
            "Target.createTarget",
            url="about:blank",
            browserContextId=context_id,
            width=options.width,
            height=options.height,
            newWindow=True,
        )
        target_id = str(target["targetId"])
        attached = await cdp.browser.send("Target.attachToTarget", targetId=target_id, flatten=True)
        page = cls(cdp, context_id, target_id, cdp.session(str(attached["sessionId"])))
        await page._prepare(options, identity)
        return page

    async def _prepare(self, options: BrowserOptions, identity: dict[str, Any]) -> None:
        session = self.session
        session.on("Page.frameNavigated", self._navigated)
        session.on("Page.navigatedWithinDocument", self._navigated_within)
        session.on("Page.javascriptDialogOpening", self._answer_dialog)
        session.on("Inspector.targetCrashed", lambda _: self._crash("The page's process crashed."))
        self._cdp.browser.on("Target.detachedFromTarget", self._detached)
        self._cdp.on_gone(lambda: self._crash("The browser is gone."))
        await asyncio.gather(
            session.send("Page.enable"),
            session.send("Inspector.enable"),
            self.targets.start(),
            session.send("Emulation.setFocusEmulationEnabled", enabled=True),
            self.targets.configure_frames("Emulation.setUserAgentOverride", **identity),
            session.send(
                "Emulation.setDeviceMetricsOverride",
                width=options.width,
                height=options.height,
                deviceScaleFactor=1,
                mobile=False,
            ),
            self._cdp.browser.send("Browser.setDownloadBehavior", behavior="deny", browserContextId=self.context_id),
        )

    # ---- what a bot does with it

    async def goto(self, url: str, *, wait_until: str = "commit", timeout_s: float = NAVIGATION_TIMEOUT_S) -> None:
        """Opens an address and waits until the answer has begun (`commit`), is parsed (`dom`) or complete (`load`).

        Raises:
            NavigationFailed: with the browser's `net::ERR_...`.
            RunnerError: time-out, crash.
        """
        event = {"dom": "Page.domContentEventFired", "load": "Page.loadEventFired"}.get(wait_until)
        reached = asyncio.Event()
        undo = self.session.on(event, lambda _: reached.set()) if event else None
        try:
            answer = await self.session.send("Page.navigate", url=url, timeout_s=timeout_s)
            if answer.get("errorText"):
                raise NavigationFailed(url, str(answer["errorText"]))
            if undo:
                async with asyncio.timeout(timeout_s):
                    await reached.wait()
        except TimeoutError as error:
            raise NavigationFailed(url, f"not loaded within {timeout_s:g} s") from error
        finally:
            if undo:
                undo()

    async def evaluate(self, js: str, arg: object = None, *, timeout_s: float = 10.0) -> Any:
        """Runs a JavaScript expression in the page; a function expression is called with `arg`. Promises are awaited.

        Returns:
            What JSON can carry.

        Raises:
            ScriptFailed: it threw, or the page navigated away meanwhile.
            RunnerError: time-out, crash.
        """
        call = f"(() => {{ const it = ({js}); return typeof it === 'function' ? it({json.dumps(arg)}) : it; }})()"
        try:
            answer = await self.session.send(
                "Runtime.evaluate", expression=call, awaitPromise=True, returnByValue=True, timeout_s=timeout_s
            )
        except CdpRefused as error:
            raise ScriptFailed(error.reason) from error
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise ScriptFailed(str(details.get("exception", {}).get("description") or details.get("text")))
        return answer["result"].get("value")

    async def screenshot(self, *, timeout_s: float = SCREENSHOT_TIMEOUT_S) -> bytes:
        """The viewport as PNG."""
        answer = await self.session.send(
            "Page.captureScreenshot", format="png", optimizeForSpeed=True, timeout_s=timeout_s
        )
        return base64.b64decode(answer["data"])

    async def click(self, x: float, y: float) -> None:
        """Moves the pointer there and clicks, in CSS pixels of the viewport."""
        await self.hands.click(x, y)

    async def insert_text(self, text: str) -> None:
        """Puts text into the focused field at once."""
        await self.hands.insert_text(text)

    async def type_text(self, text: str, *, pause_s: float = 0.04) -> None:
        """Types text key by key."""
        await self.hands.type_text(text, pause_s=pause_s)

    async def press(self, chord: str) -> None:
        """Presses `Enter`, `Control+d`, ..."""
        await self.hands.press(chord)

    # ---- before the page runs

    async def add_init_script(self, js: str) -> None:
        """Runs `js` in every frame from the next navigation on, before any script of the page."""
        await self.targets.add_frame_script(js)

    async def add_worker_script(self, js: str) -> None:
        """Runs `js` in every dedicated worker that starts from now on, before the worker's own script."""
        self.targets.worker_scripts.append(js)

    async def grant(self, *permissions: str, origin: str | None = None) -> None:
        """Grants permissions (`audioCapture`, `localNetworkAccess`, ...) to one origin, or to all of this context.

        Raises:
            CdpRefused: this browser knows no such permission.
        """
        await self._cdp.browser.send(
            "Browser.grantPermissions", permissions=permissions, origin=origin, browserContextId=self.context_id
        )

    async def bypass_csp(self) -> None:
        """Lets our own scripts open sockets and workers whatever the page's Content-Security-Policy says."""
        await self.targets.configure_frames("Page.setBypassCSP", enabled=True)

    # ---- its end

    @property
    def crashed(self) -> str | None:
        """Why the page is dead, if it is."""
        return self._crashed

    def on_crash(self, callback: Callable[[str], None]) -> None:
        """Calls back once with a sentence when the page dies by itself: crash, closed tab, browser gone."""
        if self._crashed:
            callback(self._crashed)
        else:
            self._on_crash.append(callback)

    async def close(self) -> None:
        """Closes the page and forgets its context: cookies, storage and grants. A dead browser is no error."""
        self._closing = True
        try:
            await self._cdp.browser.send("Target.disposeBrowserContext", browserContextId=self.context_id)
        except RunnerError as error:
            log.debug("Closing a page: %s", error.message)

    def _crash(self, why: str) -> None:
        if self._closing or self._crashed:
            return
        self._crashed = why
        if self.session.session_id:
            self._cdp.drop_session(self.session.session_id)
        for callback in self._on_crash:
            callback(why)

    def _detached(self, event: dict[str, Any]) -> None:
        if event.get("sessionId") == self.session.session_id:
            self._crash("The page was closed.")

    def _navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if "parentId" not in frame:
            self._frame_id = str(frame["id"])
            self.url = str(frame["url"]) + str(frame.get("urlFragment", ""))

    def _navigated_within(self, event: dict[str, Any]) -> None:
        if event["frameId"] == self._frame_id:
            self.url = str(event["url"])

    def _answer_dialog(self, event: dict[str, Any]) -> None:
        accept = event.get("type") in ("alert", "beforeunload")
        self.session.post("Page.handleJavaScriptDialog", accept=accept)
