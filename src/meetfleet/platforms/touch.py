"""Small things a person does on a page: click what is called so, fill a field, put a dialog away."""

from enum import StrEnum

from meetfleet.browser.page import Page
from meetfleet.platforms.screens import Found, Screens

TYPING_PAUSE_S = 0.012
FILL_TRIES = 3
_WAKE = ((640.0, 400.0), (760.0, 520.0))


class Click(StrEnum):
    """How a click went."""

    DONE = "done"
    ABSENT = "absent"
    DISABLED = "disabled"
    COVERED = "covered"


class Touch:
    """Pointer and keyboard on one page, aimed by the targets of its `screens.toml`.

    An element is looked for anew before every action: pages re-render between a look and a click.
    """

    def __init__(self, page: Page, screens: Screens) -> None:
        self._page = page
        self._screens = screens

    async def click(self, target: str, *, force: bool = False) -> Click:
        """Clicks a target with pointer motion.

        Args:
            force: Where the pointer cannot reach it (hidden toolbar, something lying over it), click by script.

        Raises:
            RunnerError: the page does not answer.
        """
        found = await self._screens.find(self._page, target)
        if found is not None and not found.visible:
            await self.wake()
            found = await self._screens.find(self._page, target)
        if found is None:
            return Click.ABSENT
        if found.disabled:
            return Click.DISABLED
        if found.visible and not found.covered:
            await self._page.click(found.x, found.y)
            return Click.DONE
        if not force:
            return Click.COVERED
        await self._screens.find(self._page, target, act="click")
        return Click.DONE

    async def fill(self, target: str, text: str) -> bool:
        """Types `text` into a field, key by key, unless it already holds it.

        Returns:
            Whether the field holds the text now; False if there is no field that can be used yet.
        """
        for _ in range(FILL_TRIES):
            found = await self._screens.find(self._page, target)
            if found is None or not found.visible or found.disabled or found.covered:
                return False
            if found.value == text:
                return True
            await self._focus(target, found)
            await self._page.type_text(text, pause_s=TYPING_PAUSE_S)
        found = await self._screens.find(self._page, target)
        return found is not None and found.value == text

    async def _focus(self, target: str, found: Found) -> None:
        await self._page.click(found.x, found.y)
        if found.value:
            await self._screens.find(self._page, target, act="clear")

    async def has(self, target: str) -> bool:
        """Whether the target is in the document, visible or not."""
        return await self._screens.find(self._page, target) is not None

    async def wake(self) -> None:
        """Moves the pointer over the middle of the page: hidden toolbars come back."""
        for x, y in _WAKE:
            await self._page.hands.move(x, y)
