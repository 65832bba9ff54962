"""A bot process without a browser: it speaks the real link, writes a real tape, and does what its meeting's name says.

Started as the real one is: `--spec FILE`, or `--warm --browser JSON` with the file's path on standard input. The last
part of the meeting URL picks the behaviour: `meeting` records until asked to leave, `short` leaves after two seconds
because the meeting ended, `silent` never says a word, `stubborn` ignores every order, `unborn` ends at once.
"""

import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meetfleet.domain.clock import SystemClock
from meetfleet.domain.link import BotSpec, Command, CommandType, EventType, LinkEvent
from meetfleet.tape.records import ChatMessage
from meetfleet.tape.segment import SealedSegment, TapeMeta
from meetfleet.tape.writer import TapeWriter

SEGMENT_S = 0.5
STEP_S = 0.05
HEARTBEAT_S = 0.5
SHORT_S = 2.0
PATIENCE_S = 120.0


class FakeBot:
    """One stay in a meeting."""

    def __init__(self, spec: BotSpec) -> None:
        self._spec = spec
        self._manner = spec.meeting_url.rsplit("/", 1)[-1]
        self._clock = SystemClock()
        self._work_dir = Path(spec.work_dir)
        self._events: list[LinkEvent] = []
        self._acked = 0
        self._obeyed = 0
        self._unsent: list[SealedSegment] = []
        meta = TapeMeta(spec.bot_id, spec.take, spec.platform, self._clock.now_ns())
        self._tape = TapeWriter(
            self._work_dir / "tape", meta, self._clock, segment_s=SEGMENT_S, on_sealed=self._unsent.append
        )

    def run(self) -> None:
        """The whole stay."""
        if self._manner == "unborn":
            raise SystemExit(3)
        if self._manner == "silent":
            time.sleep(3600)
        for state in ("joining", "in_call", "recording"):
            self._tell(EventType.STATE, {"state": state})
        people = [{"participant_id": "p1", "name": "Ada", "is_self": False, "present": True}]
        self._tell(EventType.PARTICIPANTS, {"participants": people})
        reason = self._attend()
        self._tell(EventType.STATE, {"state": "leaving", "reason": reason})
        self._tape.close()
        self._until_delivered()
        self._tell(EventType.STATE, {"state": "processing", "reason": reason})
        self._until_delivered()

    def _attend(self) -> str:
        began = beat = time.monotonic()
        words = 0
        while True:
            words += 1
            self._tape.append(ChatMessage(str(words), "p1", "Ada", f"word {words}"))
            if time.monotonic() >= beat:
                beat += HEARTBEAT_S
                self._tell(EventType.HEARTBEAT, {"cpu_s": time.process_time(), "memory_bytes": 50_000_000})
            self._deliver()
            if self._is_asked_to_leave() and self._manner != "stubborn":
                return "api_request"
            if self._manner == "short" and time.monotonic() - began > SHORT_S:
                return "meeting_ended"
            time.sleep(STEP_S)

    def _tell(self, kind: EventType, data: Mapping[str, Any]) -> None:
        event = LinkEvent(len(self._events) + 1, self._clock.now_ns(), kind, data)
        self._events.append(event)
        with (self._work_dir / "events.jsonl").open("a") as spool:
            spool.write(json.dumps(event.to_dict()) + "\n")

    def _deliver(self) -> None:
        """One try; what fails waits for the next."""
        with contextlib.suppress(OSError):
            if self._acked < len(self._events):
                body = {"take": self._spec.take, "events": [e.to_dict() for e in self._events[self._acked :]]}
                self._acked = self._ask("POST", "/events", json.dumps(body).encode())["acked"]
            while self._unsent:
                segment = self._unsent[0]
                self._ask("PUT", f"/segments/{segment.name}", segment.path.read_bytes(), segment.sha256)
                self._unsent.pop(0)

    def _until_delivered(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (self._acked < len(self._events) or self._unsent) and time.monotonic() < deadline:
            self._deliver()
            time.sleep(STEP_S)

    def _is_asked_to_leave(self) -> bool:
        with contextlib.suppress(OSError):
            for raw in self._ask("GET", f"/commands?after={self._obeyed}&wait_s=0")["commands"]:
                command = Command.from_dict(raw)
                self._obeyed = command.seq
                self._tell(EventType.COMMAND_DONE, {"seq": command.seq, "ok": True})
                if command.type is CommandType.LEAVE:
                    return True
        return False

    def _ask(self, method: str, path: str, body: bytes | None = None, sha256: str = "") -> Any:
        request = urllib.request.Request(f"{self._spec.link_url}/bots/{self._spec.bot_id}{path}", body, method=method)
        request.add_header("Authorization", f"Bearer {self._spec.token}")
        request.add_header("Content-Type", "application/json")
        if sha256:
            request.add_header("X-Content-SHA256", sha256)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def main(arguments: list[str]) -> None:
    """Reads the spec as the real bot does, and removes it."""
    path = sys.stdin.readline().strip() if arguments[0] == "--warm" else arguments[1]
    if not path:
        return
    file = Path(path)
    spec = BotSpec.from_json(file.read_text())
    file.unlink()
    FakeBot(spec).run()


if __name__ == "__main__":
    main(sys.argv[1:])
