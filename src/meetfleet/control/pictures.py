"""The pictures that bots show as their camera: fetched when a bot asks for them, made harmless, and nowhere kept.

A picture that cannot be had keeps no bot out of its meeting; its history says why there is none.
"""

import asyncio
import contextlib
import sys
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from meetfleet.control.camera import Camera
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.link import LinkService
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import MediaError, MeetfleetError, NotFound
from meetfleet.outside.guarded_fetch import Fetched
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import EventKind
from meetfleet.store.times import utc

MAX_BYTES = 10_000_000
PRESS_TIMEOUT_S = 30.0
AT_ONCE = 2
WORKER = (sys.executable, "-I", str(Path(__file__).with_name("picture_worker.py")))

log = structlog.get_logger()


class Fetch(Protocol):
    """Gets what a caller's URL names; `outside` has the real one."""

    async def get(self, url: str, *, max_bytes: int, schemes: Collection[str]) -> Fetched:
        """Raises ProviderError, or InvalidRequest for a URL of another kind."""
        ...


class Pictures:
    """Serves the pictures of bots to the bots themselves.

    Args:
        schemes: Of URLs that are fetched.
    """

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        link: LinkService,
        fetch: Fetch,
        clock: Clock,
        *,
        schemes: Collection[str] = ("https",),
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._link = link
        self._fetch = fetch
        self._clock = clock
        self._schemes = schemes
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def picture(self, bot_id: UUID, token: str, number: int) -> bytes:
        """A JPEG of 1280x720.

        Raises:
            Unauthenticated, BotEnded: as all of the link.
            NotFound: the bot has no such picture, or it cannot be had; that is noted in the bot's history.
        """
        camera = Camera.from_dict((await self._link.served(bot_id, token)).camera)
        if camera is None or not 1 <= number <= len(camera.urls):
            raise NotFound(f"The bot has no picture {number}.", code="picture_not_found")
        url = camera.urls[number - 1]
        try:
            async with self._turns:
                fetched = await self._fetch.get(url, max_bytes=MAX_BYTES, schemes=self._schemes)
                picture = await pressed(fetched.content)
        except MeetfleetError as error:
            await self._note(bot_id, number, url, error.message)
            raise NotFound(f"Picture {number} cannot be had.", code="picture_not_found") from error
        await self._note(bot_id, number, url, None)
        return picture

    async def _note(self, bot_id: UUID, number: int, url: str, trouble: str | None) -> None:
        """Only the host is noted: the rest of such URLs often is a signature."""
        evidence = {"picture": number, "host": urlsplit(url).hostname, "ok": trouble is None, "why": trouble}
        if trouble is not None:
            log.warning("picture_failed", bot_id=str(bot_id), picture=number, host=evidence["host"], why=trouble)
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id, lock=True)
            if bot is not None:
                await self._lifecycle.record(
                    session, bot, at=self._now(), cause="picture", kind=EventKind.CAMERA, evidence=evidence
                )

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def pressed(data: bytes) -> bytes:
    """A foreign picture as the camera shows it, converted by a process of its own.

    Raises:
        MediaError: `picture_unusable`: it is no JPEG, PNG or WebP, is damaged or too large, or takes too long.
    """
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(*WORKER, stdin=pipe, stdout=pipe, stderr=pipe, env={})
    try:
        async with asyncio.timeout(PRESS_TIMEOUT_S):
            picture, said = await worker.communicate(data)
    except TimeoutError:
        raise MediaError("The picture takes too long to decode.", code="picture_unusable") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
    if worker.returncode != 0 or not picture:
        words = said.decode(errors="replace").strip().splitlines()
        why = words[-1][:200] if worker.returncode == 1 and words else "The picture could not be decoded."
        raise MediaError(why, code="picture_unusable")
    return picture
