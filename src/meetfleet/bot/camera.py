"""The bot's camera: which of its pictures is shown when. The probe shows them, the adapter switches the camera on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from meetfleet.bot.backoff import Backoff
from meetfleet.bot.http_connection import HttpConnection, LinkDown
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CameraLoop, CameraSpec

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 60.0
FETCH_TRIES = 4
_PLACES = {BotState.RECORDING: 1, BotState.PAUSED: 2}
"""Which picture goes with which status, counted from 0; all others have the first. Source: contract.md 2.1."""

Fetch = Callable[[int], Awaitable[bytes | None]]
Show = Callable[[Sequence[bytes], float], None]


class Camera:
    """Shows what the bot's spec wants, as far as it can be had. A bot without pictures has a camera that does nothing.

    Args:
        fetch: A picture by its number from 1 on: a JPEG, or None if there is none.
        show: Shows pictures in turn, each for so many seconds.
    """

    def __init__(self, spec: CameraSpec | None, fetch: Fetch, show: Show) -> None:
        self._spec = spec
        self._fetch = fetch
        self._show = show
        self._state = BotState.JOINING
        self._pictures: list[bytes | None] = [None] * (spec.pictures if spec else 0)
        self._showing: list[bytes] = []

    async def run(self) -> None:
        """Fetches the pictures one after the other, and shows each as soon as it is there."""
        for n in range(len(self._pictures)):
            self._pictures[n] = await self._fetch(n + 1)
            self._update()

    def enter(self, state: BotState) -> None:
        """The bot is in this state now."""
        self._state = state
        self._update()

    def _update(self) -> None:
        wanted = self._wanted()
        if self._spec and wanted and wanted != self._showing:
            self._showing = wanted
            self._show(wanted, self._spec.each_s)

    def _wanted(self) -> list[bytes]:
        there = [picture for picture in self._pictures if picture is not None]
        if self._spec is None or self._spec.loop is CameraLoop.AUTO:
            return there
        upto = [p for p in self._pictures[: _PLACES.get(self._state, 0) + 1] if p is not None]
        return upto[-1:] or there[:1]


class PictureSource:
    """Fetches the bot's pictures over the link. The server has them checked and brought to size."""

    def __init__(self, *, link_url: str, bot_id: str, token: str) -> None:
        self._path = f"/bots/{bot_id}/pictures"
        self._connection = HttpConnection(link_url, {"Authorization": f"Bearer {token}"})
        self._backoff = Backoff()

    async def fetch(self, number: int) -> bytes | None:
        """None where the server says that there is none, or cannot be reached in a few tries."""
        for _ in range(FETCH_TRIES):
            try:
                answer = await self._connection.request("GET", f"{self._path}/{number}", timeout_s=FETCH_TIMEOUT_S)
            except LinkDown as error:
                log.debug("Picture %d: %s", number, error.message)
            else:
                if answer.is_success or answer.status < 500:
                    return answer.body if answer.is_success else None
            await asyncio.sleep(self._backoff.failed())
        return None

    async def close(self) -> None:
        await self._connection.close()
