"""A person's hands: the pointer and the keyboard of one page, as trusted events."""

import asyncio
from dataclasses import dataclass
from typing import Any

from meetfleet.browser.cdp import CdpSession

STEP_S = 0.012
PIXELS_PER_STEP = 90
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


@dataclass(frozen=True, slots=True)
class Key:
    """One key as the protocol wants it: DOM `key` and `code`, Windows virtual key code, and the text it makes."""

    key: str
    code: str
    virtual: int
    text: str | None = None


NAMED_KEYS = {
    k.key: k
    for k in (
        Key("Enter", "Enter", 13, "\r"),
        Key("Tab", "Tab", 9),
        Key("Escape", "Escape", 27),
        Key("Backspace", "Backspace", 8),
        Key("Delete", "Delete", 46),
        Key("Home", "Home", 36),
        Key("End", "End", 35),
        Key("PageUp", "PageUp", 33),
        Key("PageDown", "PageDown", 34),
        Key("ArrowLeft", "ArrowLeft", 37),
        Key("ArrowUp", "ArrowUp", 38),
        Key("ArrowRight", "ArrowRight", 39),
        Key("ArrowDown", "ArrowDown", 40),
    )
}


def key_named(name: str) -> Key:
    """A named key, or the key of one character.

    Raises:
        ValueError: neither.
    """
    if name in NAMED_KEYS:
        return NAMED_KEYS[name]
    if len(name) != 1:
        raise ValueError(f"Unknown key {name!r}.")
    if name.isascii() and name.isalpha():
        return Key(name, f"Key{name.upper()}", ord(name.upper()), name)
    if name.isascii() and name.isdigit():
        return Key(name, f"Digit{name}", ord(name), name)
    return Key(name, "Space" if name == " " else "", 32 if name == " " else 0, name)


class Hands:
    """Pointer and keyboard. Sends real pointer motion before a click, as pages expect of people."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._at = (0.0, 0.0)

    async def move(self, x: float, y: float) -> None:
        """Moves the pointer there in a straight line, a step every 12 ms."""
        from_x, from_y = self._at
        distance = max(abs(x - from_x), abs(y - from_y))
        steps = max(2, round(distance / PIXELS_PER_STEP))
        for step in range(1, steps + 1):
            part = step / steps
            await self._mouse("mouseMoved", from_x + (x - from_x) * part, from_y + (y - from_y) * part)
            await asyncio.sleep(STEP_S)
        self._at = (x, y)

    async def click(self, x: float, y: float) -> None:
        """Moves there and presses the left button. Coordinates are CSS pixels of the viewport."""
        await self.move(x, y)
        await self._mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        await asyncio.sleep(STEP_S * 3)
        await self._mouse("mouseReleased", x, y, button="left", buttons=0, clickCount=1)

    async def press(self, chord: str) -> None:
        """Presses a key, with modifiers if any: `Enter`, `c`, `Control+d`, `Control+Alt+p`.

        Raises:
            ValueError: a key or modifier we do not know.
        """
        *names, last = chord.split("+") if chord != "+" else [chord]
        unknown = [n for n in names if n not in MODIFIERS]
        if unknown:
            raise ValueError(f"Unknown modifier {unknown[0]!r}.")
        modifiers = sum(MODIFIERS[n] for n in names)
        await self._key(key_named(last), modifiers)

    async def type_text(self, text: str, *, pause_s: float = 0.04) -> None:
        """Types character by character, `pause_s` apart."""
        for character in text:
            await self._key(key_named("Enter" if character == "\n" else character), 0)
            await asyncio.sleep(pause_s)

    async def insert_text(self, text: str) -> None:
        """Puts text into the focused field at once, as a paste does."""
        await self._session.send("Input.insertText", text=text)

    async def _mouse(self, kind: str, x: float, y: float, **params: Any) -> None:
        await self._session.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **params)

    async def _key(self, key: Key, modifiers: int) -> None:
        text = None if modifiers & ~MODIFIERS["Shift"] else key.text
        params: dict[str, Any] = {
            "key": key.key,
            "code": key.code,
            "windowsVirtualKeyCode": key.virtual,
            "modifiers": modifiers,
        }
        kind = "keyDown" if text else "rawKeyDown"
        await self._session.send("Input.dispatchKeyEvent", type=kind, text=text, **params)
        await self._session.send("Input.dispatchKeyEvent", type="keyUp", **params)
