"""Numbered reports on disk: nothing that the bot said is lost while the control plane is away, or if the bot dies.

`events.jsonl` holds every report of the take, one JSON object per line, numbered from 1 without holes;
`events.acked` the highest number that the control plane has confirmed. Whoever finds the folder can deliver the rest.
"""

import contextlib
import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meetfleet.domain.link import EventType, LinkEvent

EVENTS_FILE = "events.jsonl"
ACKED_FILE = "events.acked"
MAX_PENDING_IN_MEMORY = 20_000


class Spool:
    """Appends reports and remembers which of them are confirmed. A full disk keeps them in memory only.

    Args:
        directory: Created if missing. Reports of an earlier process of this take are taken over.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / EVENTS_FILE
        self._acked_path = directory / ACKED_FILE
        self._pending: deque[LinkEvent] = deque(maxlen=MAX_PENDING_IN_MEMORY)
        self.acked = _read_acked(self._acked_path)
        self._last = self.acked
        self._take_over()
        self._file = self._path.open("a", encoding="utf-8")

    @property
    def last(self) -> int:
        """The number of the newest report; 0 before the first."""
        return self._last

    @property
    def is_empty(self) -> bool:
        """Whether everything is confirmed."""
        return not self._pending

    def append(self, event_type: EventType, data: Mapping[str, Any], at_ns: int) -> LinkEvent:
        """Numbers a report and writes it down."""
        event = LinkEvent(self._last + 1, at_ns, event_type, data)
        self._last = event.n
        self._pending.append(event)
        if self._file.closed:
            return event  # said after the end; nobody waits for it
        with contextlib.suppress(OSError):  # memory still has it; a full disk is the tape's trouble to report
            self._file.write(json.dumps(event.to_dict(), separators=(",", ":"), ensure_ascii=False) + "\n")
            self._file.flush()
        return event

    def batch(self, limit: int) -> list[LinkEvent]:
        """The oldest reports that are not confirmed."""
        return [event for event, _ in zip(self._pending, range(limit), strict=False)]

    def confirm(self, n: int) -> None:
        """The control plane has everything up to `n`."""
        if n <= self.acked:
            return
        self.acked = min(n, self._last)
        while self._pending and self._pending[0].n <= n:
            self._pending.popleft()
        with contextlib.suppress(OSError):  # reports are idempotent: the worst is that some are told twice
            _replace(self._acked_path, str(self.acked))

    def close(self) -> None:
        self._file.close()

    def _take_over(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                event = LinkEvent.from_dict(json.loads(line))
            except ValueError:
                continue  # the line that was being written when the process died
            self._last = max(self._last, event.n)
            if event.n > self.acked:
                self._pending.append(event)


def _read_acked(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, path)
