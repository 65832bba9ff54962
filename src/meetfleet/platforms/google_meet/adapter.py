"""Google Meet: what to do on each of its screens.

Facts about the pages stand in screens.toml; this file is the order of a person's actions.
"""

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from meetfleet.browser.page import Page
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import InvalidRequest, JoinError, RunnerError
from meetfleet.domain.meeting_url import Platform, parse_meeting_url
from meetfleet.platforms.google_meet.signals import HOOKS, MeetSignals
from meetfleet.platforms.google_meet.surface import (
    READ_SURFACE,
    CaptionRows,
    SpeakerMarks,
    Surface,
    read_surface,
)
from meetfleet.platforms.google_meet.wire import UserStatus
from meetfleet.platforms.platform import (
    Capabilities,
    ChatUnavailable,
    MeetingSink,
    RosterSource,
    SignalHooks,
    Visit,
)
from meetfleet.platforms.screen import Screen, ScreenKind
from meetfleet.platforms.screens import Screens
from meetfleet.platforms.touch import Click, Touch
from meetfleet.tape.records import Evidence, Roster

log = logging.getLogger(__name__)

SCREENS = Screens.load(Path(__file__).with_name("screens.toml"))
NAME_MAX_CHARS = 60
CHAT_MAX_CHARS = 500
ASK_AGAIN_S = 2.0
DEVICE_TRIES = 5
CAMERA_TRIES = 3
DIALOG_EVERY_S = 5.0
DIALOG_TRIES = {"device_toast": 3}
ROSTER_PATIENCE_S = 8.0
SPEAKER_PATIENCE_S = 4.0
LEAVE_TIMEOUT_S = 6.0
LEAVE_AGAIN_S = 1.0


class GoogleMeet:
    """One bot's dealings with one Google Meet page."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        chat_read=True,
        chat_send=True,
        chat_max_chars=CHAT_MAX_CHARS,
        captions=True,
        screen_share=True,
        roster=(RosterSource.SIGNAL, RosterSource.DOM),
        speakers=(Evidence.CSRC, Evidence.SIGNAL, Evidence.CAPTION, Evidence.DOM),
        name_max_chars=NAME_MAX_CHARS,
    )
    hooks: ClassVar[SignalHooks] = HOOKS

    def __init__(self, page: Page, visit: Visit, sink: MeetingSink) -> None:
        self._page = page
        self._visit = visit
        self._sink = sink
        self._touch = Touch(page, SCREENS)
        self._signals = MeetSignals(sink)
        self._marks = SpeakerMarks()
        self._rows = CaptionRows()
        self._surface_roster = Roster()
        self._asked_at = 0.0
        self._dialog_tries: dict[str, int] = {}
        self._dialog_at: dict[str, float] = {}
        self._in_call_since: float | None = None
        self._unattributed_since: float | None = None
        self._panel_opened = False
        self._camera_tries = 0

    # ---- towards the call

    async def open(self) -> None:
        await self._page.goto(join_url(self._visit.meeting_url, self._visit.lang))

    async def look(self) -> Screen:
        screen = await SCREENS.look(self._page)
        removed = self._signals.roster.self_status == UserStatus.REMOVED
        if removed and screen.kind in (ScreenKind.UNKNOWN, ScreenKind.LEFT, ScreenKind.ENDED):
            return Screen("removed", ScreenKind.REMOVED, "own status in collections is 7", screen.url)
        return screen

    async def step(self, screen: Screen) -> None:
        if screen.dialogs and await self._put_away(screen, every_s=0.5):
            return
        if screen.kind is ScreenKind.GREEN_ROOM:
            await self._ask_to_join()

    async def _ask_to_join(self) -> None:
        if time.monotonic() - self._asked_at < ASK_AGAIN_S:
            return
        await self._set_devices()
        has_field = await self._touch.has("name")
        if has_field and not await self._touch.fill("name", self._visit.bot_name[:NAME_MAX_CHARS]):
            return
        if await self._touch.click("join", force=self._dialog_tries.get("join", 0) >= 3) is Click.DONE:
            self._asked_at = time.monotonic()
        else:
            self._dialog_tries["join"] = self._dialog_tries.get("join", 0) + 1

    async def _set_devices(self) -> None:
        """Best effort: the bot says nothing, and a lit microphone looks like somebody's fault."""
        await self._click_away("microphone_on")
        await self._click_away("camera_off" if self._visit.has_picture() else "camera_on")

    async def _click_away(self, target: str) -> None:
        for _ in range(DEVICE_TRIES):  # the label flips once a click has arrived; early ones may get lost
            if await self._touch.click(target) is Click.ABSENT:
                return
            await asyncio.sleep(0.03)

    async def _light_camera(self) -> None:
        """The picture may come after the bot."""
        if self._visit.has_picture() and self._camera_tries < CAMERA_TRIES:
            found = await self._touch.click("camera_off", force=True)
            self._camera_tries = CAMERA_TRIES if found is Click.ABSENT else self._camera_tries + 1

    async def _put_away(self, screen: Screen, *, every_s: float) -> bool:
        """Clicks the first dialog's button, if its turn has come. Returns whether something was clicked."""
        now = time.monotonic()
        for dialog in screen.dialogs:
            tries = self._dialog_tries.get(dialog.name, 0)
            spent = tries >= DIALOG_TRIES.get(dialog.name, 1000)
            if dialog.at is None or spent or now - self._dialog_at.get(dialog.name, 0.0) < every_s:
                continue
            self._dialog_tries[dialog.name] = tries + 1
            self._dialog_at[dialog.name] = now
            await self._page.click(*dialog.at)
            return True
        return False

    # ---- in the call

    async def settle_in(self) -> None:
        self._in_call_since = time.monotonic()
        await self._touch.wake()
        await self._set_devices()
        await self._touch.click("captions_off", force=True)

    async def attend(self, screen: Screen) -> None:
        if screen.dialogs:
            await self._put_away(screen, every_s=DIALOG_EVERY_S)
        await self._light_camera()
        if self._roster_is_silent or self._speakers_are_silent or self._captions_are_silent:
            self._take_surface(read_surface(await self._page.evaluate(READ_SURFACE)))
        if self._roster_is_silent and not self._panel_opened:
            self._panel_opened = True
            await self._touch.click("people", force=True)

    @property
    def look_every_s(self) -> float:
        return 0.3 if self._speakers_are_silent else 1.0

    @property
    def _roster_is_silent(self) -> bool:
        """The signals name nobody, or speak a language that we do not know."""
        if self._in_call_since is None:
            return False
        waited = time.monotonic() - self._in_call_since > ROSTER_PATIENCE_S
        return self._signals.roster_drifts or (waited and not self._signals.roster_known)

    @property
    def _speakers_are_silent(self) -> bool:
        """Somebody is heard, and neither media nor signals say who."""
        since = self._unattributed_since
        return (
            since is not None and time.monotonic() - since > SPEAKER_PATIENCE_S and self._signals.parsed("dcrpc") == 0
        )

    @property
    def _captions_are_silent(self) -> bool:
        return self._in_call_since is not None and self._signals.parsed("captions") == 0

    def _take_surface(self, surface: Surface) -> None:
        if self._roster_is_silent and surface.people and surface.roster != self._surface_roster:
            self._surface_roster = surface.roster
            self._sink.on_roster(surface.roster)
        if self._speakers_are_silent:
            for speaking in self._marks.update(surface.people):
                self._sink.on_speaking(speaking)
        if self._captions_are_silent:
            for caption in self._rows.update(surface.captions, self._roster):
                self._sink.on_caption(caption)

    @property
    def _roster(self) -> Roster:
        return self._signals.roster.picture if self._signals.roster_known else self._surface_roster

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        self._signals.feed(channel, payload)

    def on_sound(self, *, attributable: bool) -> None:
        if attributable:
            self._unattributed_since = None
        elif self._unattributed_since is None:
            self._unattributed_since = time.monotonic()

    async def send_chat(self, text: str) -> None:
        if not await self._touch.has("chat_text"):
            await self._touch.click("chat", force=True)
        if not await self._field_ready(timeout_s=3.0):
            raise ChatUnavailable("The meeting has no chat field: the host may have switched chat off.")
        await self._send(text)

    async def _field_ready(self, timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    field = await SCREENS.find(self._page, "chat_text")
                    if field is not None and field.visible:
                        return not field.disabled
                    await asyncio.sleep(0.1)
        return False

    async def _send(self, text: str) -> None:
        field = await SCREENS.find(self._page, "chat_text", act="clear")
        if field is None:
            raise ChatUnavailable("The chat field went away.")
        await self._page.insert_text(text)
        await self._page.press("Enter")
        await asyncio.sleep(0.05)
        if await self._chat_field_holds(text):
            await self._touch.click("chat_send")
            await asyncio.sleep(0.2)
            if await self._chat_field_holds(text):
                raise ChatUnavailable("The message stayed in the chat field.", code="chat_not_sent")

    async def _chat_field_holds(self, text: str) -> bool:
        field = await SCREENS.find(self._page, "chat_text")
        return field is not None and bool(field.value) and field.value.strip() == text.strip()

    # ---- out of it

    async def leave(self) -> None:
        with contextlib.suppress(TimeoutError, RunnerError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self._leave()

    async def _leave(self) -> None:
        if await self._touch.click("leave", force=True) is Click.ABSENT:
            await self._touch.click("leave_lobby", force=True)
            return
        asked_at = time.monotonic()
        while await self._touch.has("leave"):
            await self._touch.click("leave_confirm")
            if time.monotonic() - asked_at > LEAVE_AGAIN_S:
                asked_at = time.monotonic()
                await SCREENS.find(self._page, "leave", act="click")
            await asyncio.sleep(0.1)


def join_url(meeting_url: str, lang: str) -> str:
    """The canonical address, with the page's language pinned: other query parameters only confuse it.

    Raises:
        JoinError: this is no Google Meet link.
    """
    try:
        meeting = parse_meeting_url(meeting_url)
    except InvalidRequest as error:
        raise JoinError(EndReason.INVALID_MEETING_URL, error.message) from error
    if meeting.platform is not Platform.GOOGLE_MEET:
        raise JoinError(EndReason.INVALID_MEETING_URL, "This is no Google Meet link.")
    wished = dict(parse_qsl(urlsplit(meeting_url).query)).get("hl")
    return f"{meeting.url}?{urlencode({'hl': wished or lang})}"
