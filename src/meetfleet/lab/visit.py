"""One page load of a bot, from the first request to the last, and what the host has in mind for it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog

from meetfleet.lab.rtc.camera_watch import CameraWatch
from meetfleet.lab.rtc.sent_log import SentLog
from meetfleet.lab.rtc.session import MediaSession
from meetfleet.lab.seat import Seat

log = structlog.get_logger()


class VisitState(StrEnum):
    """Where a visitor is. From `LEFT` on there is no way back."""

    GREEN_ROOM = "green_room"
    WAITING = "waiting"
    IN_CALL = "in_call"
    LEFT = "left"
    DENIED = "denied"
    NO_ANSWER = "no_answer"
    BLOCKED = "blocked"
    REMOVED = "removed"
    HOST_ENDED = "host_ended"
    CALL_ENDED = "call_ended"
    VANISHED = "vanished"

    @property
    def is_over(self) -> bool:
        return self not in (VisitState.GREEN_ROOM, VisitState.WAITING, VisitState.IN_CALL)


@dataclass(slots=True)
class Visit:
    """A visitor.

    Attributes:
        id: `v1` for the first page load of the room.
        name: As typed; None before asking.
        tell: Sends a message to the page; does nothing while the page is out of reach.
        seen: What was received of its camera.
        captions: Whether the page asked for captions.
    """

    id: str
    device_id: str
    sent: SentLog
    seen: CameraWatch
    loaded_ns: int
    state: VisitState = VisitState.GREEN_ROOM
    name: str | None = None
    asked_ns: int | None = None
    admitted_ns: int | None = None
    over_ns: int | None = None
    captions: bool = False
    reachable: bool = False
    microphone: bool = False
    camera: bool = False
    session: MediaSession | None = None
    seat: Seat | None = None
    tell: Callable[[dict[str, Any]], None] = lambda message: None
    _plans: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    def after(self, seconds: float, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does something later, unless the visit is over by then."""

        async def plan() -> None:
            await asyncio.sleep(seconds)
            if not self.state.is_over:
                await then()

        task = asyncio.create_task(plan())
        self._plans.add(task)
        task.add_done_callback(self._planned)

    def cancel_plans(self) -> None:
        """Forgets everything planned, except the plan that is calling."""
        current = asyncio.current_task()
        for task in self._plans:
            if task is not current:
                task.cancel()

    def _planned(self, task: "asyncio.Task[None]") -> None:
        self._plans.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("A plan of the host failed", visit=self.id, error=repr(error))
