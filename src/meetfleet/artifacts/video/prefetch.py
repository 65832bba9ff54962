"""Runs an iterator ahead in a thread, so that decoding and encoding keep two cores busy."""

import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from meetfleet.domain.errors import RunnerError

Item = TypeVar("Item")
WAIT_S = 1.0
STOP_S = 5.0


class Prefetch(Generic[Item]):
    """Iterates over what the thread produced; an exception in the thread is raised here.

    Args:
        source: Iterated in a thread of its own, which is left behind if it yields nothing for seconds after the end.
        depth: How many items may wait.
    """

    def __init__(self, source: Iterable[Item], depth: int = 12) -> None:
        self._source = source
        self._queue: queue.Queue[Item | BaseException | None] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="video-decode", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(STOP_S)

    def __iter__(self) -> Iterator[Item]:
        while True:
            try:
                item = self._queue.get(timeout=WAIT_S)
            except queue.Empty:
                if not self._thread.is_alive():
                    raise RunnerError("The decoding thread died.", code="decoder_died") from None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put(item):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001  raised again by the one who iterates
            self._put(error)

    def _put(self, item: Item | BaseException | None) -> bool:
        """False once nobody wants any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=WAIT_S)
                return True
            except queue.Full:
                continue
        return False
