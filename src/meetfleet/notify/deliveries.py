"""Carries messages to their receivers: each attempt goes into the history, and plans the next one if it failed.

Messages are the truth. A server takes over a receiver's lane, reads what is due for it, and writes down how it went;
between the two nothing is stored, so a crash only means that the same messages are due still. Lanes do not wait for
each other: one that is slow or dead has its own window, its own attempts under way, and its own connections.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from meetfleet.domain.clock import Clock
from meetfleet.notify.ladder import CALLBACK_PLAN, ENDPOINT_PLAN, Outcome
from meetfleet.notify.lane import Lane
from meetfleet.notify.packing import Packing
from meetfleet.notify.sender import Parcel, Sender
from meetfleet.notify.settlement import Settlement
from meetfleet.store.database import Database
from meetfleet.store.lane_locks import LaneLocks
from meetfleet.store.repositories.endpoints import EndpointRepository
from meetfleet.store.repositories.messages import DueMessage, MessageRepository, SettledAttempt
from meetfleet.store.secret_box import UnreadableSecret
from meetfleet.store.tables import EndpointRow, MessageStatus
from meetfleet.store.times import utc

LOOK_S = 0.5
"""How often a server looks for what it was not told of: retries that came due, messages that other processes wrote."""
_PAUSE_S = 0.05
_RETRY_S = 1.0
_STOP_S = 5.0

log = structlog.get_logger()


class Deliveries:
    """Args:
    chance: Random numbers from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        database: Database,
        sender: Sender,
        packing: Packing,
        settlement: Settlement,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._sender = sender
        self._packing = packing
        self._settlement = settlement
        self._clock = clock
        self._chance = chance
        self._lanes: dict[str, Lane] = {}
        self._endpoints: dict[UUID, EndpointRow] = {}
        self._rung: set[str] = set()
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._pausing: set[str] = set()

    def ring(self, lane: str) -> None:
        """There is something to deliver in this lane."""
        self._rung.add(lane)
        self._wake.set()

    async def run(self) -> None:
        """Delivers until cancelled; the database may come and go."""
        while True:
            try:
                locks = await LaneLocks.open(self._database.url)
                try:
                    await self._run(locks)
                finally:
                    await locks.close()
            except (psycopg.Error, DBAPIError, PoolTimeout, OSError) as error:
                log.warning("deliveries_interrupted", error=str(error).strip())
            await asyncio.sleep(_RETRY_S)

    async def deliver_due(self) -> None:
        """Delivers all that is due now, for whoever has no time to wait: one pass, no locks, no loops."""
        while True:
            async with self._database.transaction() as session:
                keys = await MessageRepository(session).due_lanes(self._now())
            for key in keys:
                self._lanes.setdefault(key, Lane(key)).hungry = True
            await self._feed()
            if not keys and not self._attempts:
                return
            while self._attempts:
                await asyncio.wait(self._attempts, return_when=asyncio.FIRST_COMPLETED)
                await self._settlement.flush()
            await self._settlement.flush()

    async def _run(self, locks: LaneLocks) -> None:
        loops = [asyncio.create_task(one) for one in (self._settlement.run(), self._look(), self._serve(locks))]
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._stop(loops)

    async def _stop(self, loops: Iterable["asyncio.Task[None]"]) -> None:
        tasks = [*loops, *self._attempts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()
        self._endpoints.clear()
        with contextlib.suppress(TimeoutError, DBAPIError, PoolTimeout, OSError):
            await asyncio.wait_for(self._settlement.flush(), _STOP_S)

    async def _serve(self, locks: LaneLocks) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._take_over(locks)
            await self._feed()
            await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> None:
        while True:
            async with self._database.transaction() as session:
                found = await MessageRepository(session).due_lanes(self._now())
                # What is changed about an endpoint also holds for what is in memory already.
                await self._endpoints_of(EndpointRepository(session), [one for one in self._lanes.values() if one.held])
            for lane in found:
                self.ring(lane)
            self._wake.set()
            await asyncio.sleep(LOOK_S)

    async def _take_over(self, locks: LaneLocks) -> None:
        """Makes lanes that were rung for ours, unless another server has them; gives idle ones back."""
        await locks.check()
        rung, self._rung = self._rung, set()
        for key in rung:
            if key in self._lanes or await locks.take(key):
                self._lanes.setdefault(key, Lane(key)).hungry = True
        for lane in [lane for lane in self._lanes.values() if lane.is_idle]:
            del self._lanes[lane.key]
            if lane.endpoint_id is not None:
                self._endpoints.pop(lane.endpoint_id, None)
            await locks.release(lane.key)

    async def _feed(self) -> None:
        """Reads what is due for all lanes that have room, in one query."""
        hungry = [lane for lane in self._lanes.values() if lane.hungry and lane.room]
        if not hungry:
            return
        rooms = {lane.key: lane.room for lane in hungry}
        for lane in hungry:
            lane.hungry = False
        held = [one for lane in hungry for one in lane.held]
        async with self._database.transaction() as session:
            messages = MessageRepository(session)
            found: dict[str, list[DueMessage]] = {}
            for message in await messages.due(rooms, held, self._now()):
                found.setdefault(message.lane, []).append(message)
            endpoints = await self._endpoints_of(EndpointRepository(session), hungry)
            for lane in hungry:
                if lane.endpoint_id is not None and lane.endpoint_id not in endpoints and lane.key in found:
                    await messages.give_up(lane=lane.key)
                    lane.drop_waiting()
                    del found[lane.key]
        self._hand_out(found)

    async def _endpoints_of(self, endpoints: EndpointRepository, lanes: Iterable[Lane]) -> Mapping[UUID, EndpointRow]:
        """Those of these lanes that are there and on."""
        ids = [lane.endpoint_id for lane in lanes if lane.endpoint_id is not None]
        rows = {row.id: row for row in await endpoints.by_ids(ids)} if ids else {}
        for gone in set(ids) - set(rows):
            self._endpoints.pop(gone, None)
        self._endpoints.update(rows)
        return {row.id: row for row in rows.values() if row.enabled}

    def _hand_out(self, found: Mapping[str, list[DueMessage]]) -> None:
        for key, messages in found.items():
            lane = self._lanes[key]
            # Where something was found there may be more.
            lane.hungry = True
            lane.take(messages)
            self._start(lane)
        if found:
            self._wake.set()

    def _start(self, lane: Lane) -> None:
        """Starts as many attempts as may be under way."""
        loop = asyncio.get_running_loop()
        while (message := lane.next(loop.time())) is not None:
            task = asyncio.create_task(self._attempt(lane, message))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        pause_s = lane.pause_s(loop.time())
        if pause_s > 0 and lane.key not in self._pausing:
            self._pausing.add(lane.key)
            loop.call_later(pause_s, self._start_again, lane)

    def _start_again(self, lane: Lane) -> None:
        self._pausing.discard(lane.key)
        self._start(lane)

    async def _attempt(self, lane: Lane, message: DueMessage) -> None:
        try:
            parcel, outcome = await self._try(lane, message)
        except (DBAPIError, PoolTimeout) as error:
            log.warning("delivery_postponed", message_id=str(message.id), error=str(error).strip())
            lane.tried(message, delivered=True)
            lane.settled(message.id)
            lane.hungry = True
            return
        attempt = self._judged(message, parcel, outcome)
        _log_attempt(message, attempt)
        self._settlement.add(attempt, message.endpoint_id, lambda: self._written(lane, message))
        lane.tried(message, delivered=outcome.delivered)
        self._start(lane)

    async def _try(self, lane: Lane, message: DueMessage) -> tuple[Parcel | None, Outcome]:
        """The outcome, and what was sent; nothing was if it can never be."""
        try:
            parcel = await self._packed(lane, message)
        except UnreadableSecret as error:
            log.error("webhook_secret_unreadable", message_id=str(message.id), error=error.message)
            return None, Outcome(None, error.message)
        if parcel is None:
            return None, Outcome(None, "The endpoint is switched off.")
        return parcel, await self._sender.send(parcel)

    async def _packed(self, lane: Lane, message: DueMessage) -> Parcel | None:
        """None if its endpoint does not want it any more."""
        if lane.endpoint_id is None:
            return await self._packing.for_callback(message)
        endpoint = self._endpoints.get(lane.endpoint_id)
        if endpoint is None or not endpoint.enabled:
            return None
        return await self._packing.for_endpoint(message, endpoint)

    def _judged(self, message: DueMessage, parcel: Parcel | None, outcome: Outcome) -> SettledAttempt:
        plan = CALLBACK_PLAN if message.endpoint_id is None else ENDPOINT_PLAN
        tries, now = message.tries + 1, self._now()
        delay_s = None if outcome.delivered or parcel is None else plan.next_delay_s(tries, outcome, self._chance())
        status = MessageStatus.PENDING if delay_s is not None else MessageStatus.FAILED
        return SettledAttempt(
            message_id=message.id,
            status=MessageStatus.DELIVERED if outcome.delivered else status,
            tries=tries,
            next_at=None if delay_s is None else now + timedelta(seconds=delay_s),
            at=now,
            url=parcel.url if parcel is not None else "",
            status_code=outcome.status_code,
            error=outcome.error,
            response=_without_secret(outcome.response, parcel),
            duration_ms=outcome.duration_ms,
        )

    def _written(self, lane: Lane, message: DueMessage) -> None:
        lane.settled(message.id)
        if lane.hungry and lane.room:
            self._wake.set()

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _without_secret(response: str | None, parcel: Parcel | None) -> str | None:
    """A receiver that echoes a callback's headers must not bring its secret into the history."""
    secret = parcel.headers.get("x-mb-secret") if parcel is not None else None
    return response.replace(secret, "***") if response and secret else response


def _log_attempt(message: DueMessage, attempt: SettledAttempt) -> None:
    # Of the URL only the host: paths and queries of webhooks often hold secrets.
    log.log(
        10 if attempt.status is MessageStatus.DELIVERED else 30,
        "webhook_attempt",
        message_id=str(message.id),
        notice=message.event,
        host=urlsplit(attempt.url).hostname,
        attempt=attempt.tries,
        status_code=attempt.status_code,
        error=attempt.error,
        then=attempt.status.value,
    )
