"""Carries messages to their receivers: each attempt goes into the history, and plans the next one if it failed.

Messages are the truth, jobs only wake this up: a job works off all that is due for its message's receiver, a bot's
messages in the order they were written. A receiver is served by a few jobs at a time, so that a slow one never takes
all workers, and one that is down costs the others nothing.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.ladder import CALLBACK_PLAN, ENDPOINT_PLAN, Outcome, RetryPlan
from meetfleet.notify.payloads import v2
from meetfleet.notify.sender import TIMEOUT_S, Parcel, Sender
from meetfleet.notify.signing import signed_headers, wire_id
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.recording import read_recording
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.notices import EndpointRepository, MessageRepository
from meetfleet.store.secret_box import SecretBox, UnreadableSecret
from meetfleet.store.tables import AttemptRow, EndpointRow, MessageRow, MessageStatus
from meetfleet.store.times import utc

AT_ONCE = 4
"""Attempts under way to one endpoint at a time, per server."""
_CLAIM = timedelta(seconds=TIMEOUT_S + 15)
_OVERDUE = timedelta(seconds=30)
USER_AGENT = "Meetfleet-Webhooks/1"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint, or (without one) a bot's callback."""

    endpoint_id: UUID | None
    bot_id: UUID | None

    @classmethod
    def of(cls, message: MessageRow) -> Self:
        return cls(message.endpoint_id, None if message.endpoint_id else message.bot_id)

    @property
    def at_once(self) -> int:
        return AT_ONCE if self.endpoint_id else 1


@dataclass(frozen=True, slots=True)
class _Attempt:
    message_id: UUID
    parcel: Parcel
    plan: RetryPlan


class Delivery:
    """The work behind the `deliver` job.

    Args:
        link: Signs URLs; bodies are rendered at each attempt, so their links are always fresh.
        chance: Random numbers from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        sender: Sender,
        box: SecretBox,
        link: v2.Link,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._queue = queue
        self._sender = sender
        self._box = box
        self._link = link
        self._clock = clock
        self._chance = chance
        self._serving: Counter[Receiver] = Counter()
        self._turned_away: Counter[Receiver] = Counter()

    async def deliver(self, message_id: UUID) -> None:
        """Works off what is due for the receiver of this message. Does nothing for a settled one."""
        async with self._database.transaction() as session:
            message = await MessageRepository(session).get(message_id)
            if message is None:
                return
            if message.status is MessageStatus.PENDING and (message.next_attempt_at or self._now()) > self._now():
                # Too early, or under way: should that attempt be lost, somebody must look again.
                await self._queue.enqueue(session, Job.DELIVER, message_id, at=message.next_attempt_at, once=True)
        await self._serve(Receiver.of(message))

    async def _serve(self, receiver: Receiver) -> None:
        if self._serving[receiver] >= receiver.at_once:
            self._turned_away[receiver] += 1
            return
        self._serving[receiver] += 1
        try:
            while True:
                turned_away = self._turned_away[receiver]
                served = await self._serve_next(receiver)
                # Who was turned away while we looked may have come with a message that we did not see.
                if not served and turned_away == self._turned_away[receiver]:
                    return
        finally:
            self._serving[receiver] -= 1
            if not self._serving[receiver]:
                del self._serving[receiver], self._turned_away[receiver]

    async def _serve_next(self, receiver: Receiver) -> bool:
        """Makes one attempt; says whether there was anything to do."""
        async with self._database.transaction() as session:
            message = await MessageRepository(session).claim(
                receiver.endpoint_id, receiver.bot_id, now=self._now(), until=self._now() + _CLAIM
            )
            if message is None:
                return False
            attempt = await self._prepared(session, message)
        if attempt is not None:
            outcome = await self._sender.send(attempt.parcel)
            async with self._database.transaction() as session:
                await self._settle(session, attempt, outcome)
        return True

    async def rescue_overdue(self) -> int:
        """Puts messages on their way again whose job got lost; says how many. For a periodic job."""
        async with self._database.transaction() as session:
            lost = await MessageRepository(session).overdue(self._now() - _OVERDUE)
            for message in lost:
                await self._queue.enqueue(session, Job.DELIVER, message.id, once=True)
            return len(lost)

    async def _prepared(self, session: AsyncSession, message: MessageRow) -> _Attempt | None:
        """None if it can never be delivered; it is then settled."""
        try:
            if message.endpoint_id is None:
                return await self._to_callback(session, message)
            endpoint = await EndpointRepository(session).get(message.endpoint_id)
            if endpoint is not None and endpoint.enabled:
                return await self._to_endpoint(session, message, endpoint)
        except UnreadableSecret as error:
            log.error("webhook_secret_unreadable", message_id=str(message.id), error=error.message)
        message.status, message.next_attempt_at = MessageStatus.FAILED, None
        return None

    async def _to_endpoint(self, session: AsyncSession, message: MessageRow, endpoint: EndpointRow) -> _Attempt:
        body = await self._body(session, message)
        timestamp = int(self._now().timestamp())
        headers = _headers() | signed_headers(self._secrets(endpoint), wire_id(message.id), timestamp, body)
        parcel = Parcel(endpoint.url, body, headers)
        return _Attempt(message.id, parcel, ENDPOINT_PLAN)

    async def _to_callback(self, session: AsyncSession, message: MessageRow) -> _Attempt:
        callback: Mapping[str, Any] = message.context["callback"]
        headers = _headers()
        if callback.get("secret") is not None:
            headers["x-mb-secret"] = self._box.open(callback["secret"])
        parcel = Parcel(callback["url"], await self._body(session, message), headers, callback.get("method") or "POST")
        return _Attempt(message.id, parcel, CALLBACK_PLAN)

    def _secrets(self, endpoint: EndpointRow) -> list[str]:
        found = [self._box.open(endpoint.secret)]
        until = endpoint.previous_secret_until
        if endpoint.previous_secret is not None and until is not None and until > self._now():
            found.append(self._box.open(endpoint.previous_secret))
        return found

    async def _body(self, session: AsyncSession, message: MessageRow) -> bytes:
        assert message.bot_id is not None
        bot = await BotRepository(session).get(message.bot_id)
        assert bot is not None
        match message.event:
            case Event.STATUS_CHANGE:
                body = v2.status_change(bot, message.context["status"])
            case Event.CHAT_MESSAGE:
                body = v2.chat_message(bot, message.context["chat"], self._now())
            case Event.COMPLETED:
                body = v2.completed(bot, await read_recording(session, bot), self._link, self._now())
            case _:
                body = v2.failed(bot, self._now())
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    async def _settle(self, session: AsyncSession, attempt: _Attempt, outcome: Outcome) -> None:
        messages = MessageRepository(session)
        message = await messages.get(attempt.message_id, lock=True)
        if message is None:
            return
        message.attempt_count += 1
        await messages.add_attempt(
            AttemptRow(
                message_id=message.id,
                number=message.attempt_count,
                at=self._now(),
                url=attempt.parcel.url,
                status_code=outcome.status_code,
                error=outcome.error,
                response=outcome.response,
                duration_ms=outcome.duration_ms,
            )
        )
        if outcome.delivered:
            message.status, message.delivered_at, message.next_attempt_at = MessageStatus.DELIVERED, self._now(), None
        else:
            await self._plan_next(session, message, attempt, outcome)
        _log_attempt(message, attempt, outcome)

    async def _plan_next(self, session: AsyncSession, message: MessageRow, attempt: _Attempt, outcome: Outcome) -> None:
        delay_s = attempt.plan.next_delay_s(message.attempt_count, outcome, self._chance())
        if delay_s is None:
            message.status, message.next_attempt_at = MessageStatus.FAILED, None
            return
        message.next_attempt_at = self._now() + timedelta(seconds=delay_s)
        await self._queue.enqueue(session, Job.DELIVER, message.id, at=message.next_attempt_at)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _headers() -> dict[str, str]:
    return {"content-type": "application/json", "user-agent": USER_AGENT}


def _log_attempt(message: MessageRow, attempt: _Attempt, outcome: Outcome) -> None:
    # Of the URL only the host: paths and queries of webhooks often hold secrets.
    log.log(
        20 if outcome.delivered else 30,
        "webhook_attempt",
        message_id=str(message.id),
        notice=message.event,
        host=urlsplit(attempt.parcel.url).hostname,
        attempt=message.attempt_count,
        status_code=outcome.status_code,
        error=outcome.error,
        then=message.status.value,
    )
