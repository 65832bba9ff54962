"""Makes a message into a request: rendered and signed anew for each attempt, so that links and signatures are fresh."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.payloads import v2
from meetfleet.notify.payloads.examples import example
from meetfleet.notify.sender import Parcel
from meetfleet.notify.signing import signed_headers, wire_id
from meetfleet.store.database import Database
from meetfleet.store.recording import read_recording
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.messages import DueMessage
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import EndpointRow
from meetfleet.store.times import utc

USER_AGENT = "Meetfleet-Webhooks/1"
_HEADERS = {"content-type": "application/json", "user-agent": USER_AGENT}


class Packing:
    """Args:
    link: Signs URLs of files.
    """

    def __init__(self, database: Database, box: SecretBox, link: v2.Link, clock: Clock) -> None:
        self._database = database
        self._link = link
        self._clock = clock
        self._open = lru_cache(1024)(box.open)

    async def for_endpoint(self, message: DueMessage, endpoint: EndpointRow) -> Parcel:
        """Raises UnreadableSecret if the signing secret was sealed with another key."""
        body = await self._body(message)
        now = self._now()
        headers = signed_headers(self._secrets(endpoint, now), wire_id(message.id), int(now.timestamp()), body)
        return Parcel(endpoint.url, body, _HEADERS | headers)

    async def for_callback(self, message: DueMessage) -> Parcel:
        """Raises UnreadableSecret if the callback's secret was sealed with another key."""
        callback: Mapping[str, Any] = message.context["callback"]
        headers = dict(_HEADERS)
        if callback.get("secret") is not None:
            headers["x-mb-secret"] = self._open(callback["secret"])
        return Parcel(callback["url"], await self._body(message), headers, callback.get("method") or "POST")

    def _secrets(self, endpoint: EndpointRow, now: datetime) -> list[str]:
        found = [self._open(endpoint.secret)]
        until = endpoint.previous_secret_until
        if endpoint.previous_secret is not None and until is not None and until > now:
            found.append(self._open(endpoint.previous_secret))
        return found

    async def _body(self, message: DueMessage) -> bytes:
        return json.dumps(await self._told(message), ensure_ascii=False, separators=(",", ":")).encode()

    async def _told(self, message: DueMessage) -> v2.Body:
        event = Event(message.event)
        if message.bot_id is None:
            return example(event, self._now())
        about = v2.About(message.bot_id, message.event_id, message.extra)
        match event:
            case Event.STATUS_CHANGE:
                return v2.status_change(about, message.context["status"])
            case Event.CHAT_MESSAGE:
                return v2.chat_message(about, message.context["chat"], self._now())
            case Event.COMPLETED | Event.FAILED:
                return await self._final(message, completed=event is Event.COMPLETED)

    async def _final(self, message: DueMessage, *, completed: bool) -> v2.Body:
        assert message.bot_id is not None
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(message.bot_id)
            assert bot is not None
            if not completed:
                return v2.failed(bot, self._now())
            return v2.completed(bot, await read_recording(session, bot), self._link, self._now())

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())
