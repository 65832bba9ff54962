"""Carries messages to their receivers: one attempt a job, its result in the history, the next try in the same step."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import Event
from meetfleet.notify.ladder import CALLBACK_PLAN, ENDPOINT_PLAN, Outcome, RetryPlan
from meetfleet.notify.payloads import v2
from meetfleet.notify.sender import Parcel, Sender
from meetfleet.notify.signing import signed_headers, wire_id
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.recording import read_recording
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.notices import EndpointRepository, MessageRepository
from meetfleet.store.secret_box import SecretBox, UnreadableSecret
from meetfleet.store.tables import AttemptRow, EndpointRow, MessageRow, MessageStatus
from meetfleet.store.times import utc

RETRIES_AT_ONCE = 4
_LATER_S = 2.0
_OVERDUE = timedelta(minutes=15)
USER_AGENT = "Meetfleet-Webhooks/1"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    parcel: Parcel
    plan: RetryPlan
    receiver: str
    is_retry: bool


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
        self._retrying: Counter[str] = Counter()

    async def deliver(self, message_id: UUID) -> None:
        """Makes one attempt, writes it down, and plans the next if it failed. Does nothing for a settled message."""
        async with self._database.transaction() as session:
            attempt = await self._prepared(session, message_id)
        if attempt is None:
            return
        if attempt.is_retry and self._retrying[attempt.receiver] >= RETRIES_AT_ONCE:
            await self._postpone(message_id)
            return
        self._retrying[attempt.receiver] += attempt.is_retry
        try:
            outcome = await self._sender.send(attempt.parcel)
        finally:
            self._retrying[attempt.receiver] -= attempt.is_retry
        async with self._database.transaction() as session:
            await self._settle(session, message_id, attempt, outcome)

    async def rescue_overdue(self) -> int:
        """Puts messages on their way again whose job got lost; says how many. For a periodic job."""
        async with self._database.transaction() as session:
            lost = await MessageRepository(session).overdue(self._now() - _OVERDUE)
            for message in lost:
                message.next_attempt_at = self._now()
                await self._queue.enqueue(session, Job.DELIVER, message.id, once=True)
            return len(lost)

    async def _prepared(self, session: AsyncSession, message_id: UUID) -> _Attempt | None:
        message = await MessageRepository(session).get(message_id, lock=True)
        if message is None or message.status is not MessageStatus.PENDING:
            return None
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
        return _Attempt(parcel, ENDPOINT_PLAN, str(endpoint.id), message.attempt_count > 0)

    async def _to_callback(self, session: AsyncSession, message: MessageRow) -> _Attempt:
        callback: Mapping[str, Any] = message.context["callback"]
        headers = _headers()
        if callback.get("secret") is not None:
            headers["x-mb-secret"] = self._box.open(callback["secret"])
        parcel = Parcel(callback["url"], await self._body(session, message), headers, callback.get("method") or "POST")
        return _Attempt(parcel, CALLBACK_PLAN, f"callback {message.bot_id}", message.attempt_count > 0)

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

    async def _settle(self, session: AsyncSession, message_id: UUID, attempt: _Attempt, outcome: Outcome) -> None:
        messages = MessageRepository(session)
        message = await messages.get(message_id, lock=True)
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

    async def _postpone(self, message_id: UUID) -> None:
        async with self._database.transaction() as session:
            at = self._now() + timedelta(seconds=_LATER_S * (1 + self._chance()))
            await self._queue.enqueue(session, Job.DELIVER, message_id, at=at)

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
