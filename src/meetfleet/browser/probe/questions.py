"""Questions put to several scripts at once, each answered when its script is ready."""

import asyncio
from collections.abc import Iterable

from meetfleet.browser.probe.script_link import ScriptLink


class Questions:
    """A command with a number; scripts repeat the number in their note when they have done it."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[set[str], asyncio.Event]] = {}
        self._last = 0

    async def ask(self, links: Iterable[ScriptLink], name: str, *, timeout_s: float, **fields: object) -> bool:
        """Sends the command to every script that is connected. Returns whether all have answered in time."""
        self._last += 1
        number, done = self._last, asyncio.Event()
        asked = [link for link in links if link.is_connected]
        if not asked:
            return True
        self._open[number] = ({link.instance for link in asked}, done)
        for link in asked:
            link.command(name, ask=number, **fields)
        try:
            async with asyncio.timeout(timeout_s):
                await done.wait()
            return True
        except TimeoutError:
            return False
        finally:
            del self._open[number]

    def answered(self, link: ScriptLink, number: int) -> None:
        """A script has done what it was asked."""
        waiting, done = self._open.get(number, (set[str](), None))
        waiting.discard(link.instance)
        if done and not waiting:
            done.set()

    def gone(self, link: ScriptLink) -> None:
        """A script can answer no more."""
        for number in tuple(self._open):
            self.answered(link, number)
