"""The bot's end of the link: reports out, orders in. Whatever happens here, the recording goes on undisturbed."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from meetfleet.bot.backoff import Backoff
from meetfleet.bot.disowning import Disowning
from meetfleet.bot.http_connection import HttpConnection, LinkDown, Response
from meetfleet.bot.spool import Spool
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.link import Command, EventType

log = logging.getLogger(__name__)

BATCH = 200
POST_TIMEOUT_S = 15.0
POLL_WAIT_S = 20
GATHER_S = 0.02


class Link:
    """Reports and orders of one bot. Run `run` as a task; `tell` never blocks and never fails.

    Args:
        on_command: Called once per order, in order; orders that were carried out before are not repeated.
        on_disowned: Called once if the control plane does not know this bot any more.
    """

    def __init__(
        self,
        *,
        link_url: str,
        bot_id: str,
        take: int,
        token: str,
        spool: Spool,
        clock: Clock,
        on_command: Callable[[Command], None],
        on_disowned: Callable[[], None] = lambda: None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._path = f"/bots/{bot_id}"
        self._take = take
        self._spool = spool
        self._clock = clock
        self._on_command = on_command
        self._on_disowned: Callable[[], None] | None = on_disowned
        self._disowning = Disowning()
        self._reports = HttpConnection(link_url, headers)
        self._orders = HttpConnection(link_url, headers)
        self._news = asyncio.Event()
        self._confirmed = asyncio.Event()
        self._obeyed = 0
        self._report_backoff = Backoff()
        self._order_backoff = Backoff()

    def tell(self, event_type: EventType, data: Mapping[str, Any], *, at_ns: int | None = None) -> None:
        """Reports something; it is on disk when this returns, and delivered as soon as the control plane hears."""
        self._spool.append(event_type, data, self._clock.now_ns() if at_ns is None else at_ns)
        self._news.set()

    async def run(self) -> None:
        """Reports and polls until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._report_forever())
                tasks.create_task(self._poll_forever())
        finally:
            await asyncio.gather(self._reports.close(), self._orders.close())

    async def drain(self, timeout_s: float) -> bool:
        """Waits until every report is confirmed. Returns whether that came true in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self._spool.is_empty:
                    self._confirmed.clear()
                    await self._confirmed.wait()
        return self._spool.is_empty

    # ---- reports

    async def _report_forever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)  # what happens together travels together
            self._news.clear()
            while batch := self._spool.batch(BATCH):
                body = json.dumps({"take": self._take, "events": [e.to_dict() for e in batch]})
                acked = await self._post(body.encode())
                if acked is None:
                    await asyncio.sleep(self._report_backoff.failed())
                    continue
                self._report_backoff.succeeded()
                self._spool.confirm(acked)
                self._confirmed.set()

    async def _post(self, body: bytes) -> int | None:
        """Delivers one batch. Returns the highest number that the control plane holds now; None if it did not hear."""
        headers = {"Content-Type": "application/json"}
        answer = await self._ask(self._reports, "POST", "/events", body, headers, POST_TIMEOUT_S)
        if answer is None:
            return None
        try:
            acked = json.loads(answer.body)["acked"]
        except (ValueError, KeyError, TypeError):
            log.warning("The control plane's answer to reports is unreadable.")
            return None
        return acked if isinstance(acked, int) and acked > self._spool.acked else None

    # ---- orders

    async def _poll_forever(self) -> None:
        while True:
            path = f"/commands?after={self._obeyed}&wait_s={POLL_WAIT_S}"
            answer = await self._ask(self._orders, "GET", path, b"", {}, POLL_WAIT_S + 10)
            if answer is None:
                await asyncio.sleep(self._order_backoff.failed())
                continue
            self._order_backoff.succeeded()
            if not self._take_orders(answer.body):
                await asyncio.sleep(GATHER_S)  # a server that answers at once must not make us spin

    def _take_orders(self, body: bytes) -> bool:
        try:
            commands = [Command.from_dict(raw) for raw in json.loads(body)["commands"]]
        except (ValueError, KeyError, TypeError, InvalidRequest) as error:
            log.warning("Unreadable orders: %r", error)
            return False
        fresh = [c for c in sorted(commands, key=lambda c: c.seq) if c.seq > self._obeyed]
        for command in fresh:
            self._obeyed = command.seq
            self._on_command(command)
        return bool(fresh)

    async def _ask(
        self,
        connection: HttpConnection,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Response | None:
        try:
            answer = await connection.request(
                method, self._path + path, body=body, headers=headers, timeout_s=timeout_s
            )
        except LinkDown as error:
            log.debug("%s %s: %s", method, path, error.message)
            return None
        if self._disowning.answered(answer.status, self._clock.now_ns()):
            self._disowned()
        if not answer.is_success:
            log.warning("%s %s was answered %d", method, path.partition("?")[0], answer.status)
            return None
        return answer

    def _disowned(self) -> None:
        tell, self._on_disowned = self._on_disowned, None
        if tell:
            log.error("The control plane does not know this bot any more.")
            tell()
