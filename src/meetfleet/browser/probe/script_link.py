"""One life of one probe script, in a frame or a worker, as we see it: its channel, its clock, its tracks."""

import json
import logging
from collections.abc import Callable
from typing import Any

from meetfleet.browser.probe.arrival import ArrivalClock

log = logging.getLogger(__name__)

Send = Callable[[str], None]
NUMBER_BYTES = 4
CONFIRM_EVERY = 5  # messages: about once a second


class ScriptLink:
    """Survives its socket: a script that reconnects is the same script, with the same tracks.

    Attributes:
        top: It is the page's main frame.
        kind: `window` or `worker`.
    """

    def __init__(self, instance: str, kind: str, top: bool) -> None:
        self.instance = instance
        self.kind = kind
        self.top = top
        self.clock = ArrivalClock()
        self.tracks: dict[int, int] = {}
        self.sources: dict[int, dict[str, Any]] = {}
        self.checked: dict[int, str] = {}  # keys of receivers by the track that was checked, taped or not
        self.counts: dict[str, int] = {}
        self._got = 0  # messages
        self._send: Send | None = None

    @property
    def is_connected(self) -> bool:
        return self._send is not None

    def connect(self, send: Send) -> None:
        """Commands go this way from now on."""
        self._send = send

    def disconnect(self, send: Send) -> None:
        """This way is closed; another one may have been taken already."""
        if self._send == send:
            self._send = None

    def take(self, message: bytes) -> memoryview | None:
        """The records of a message, or None if it has come before: a script repeats what was not confirmed to it."""
        number = int.from_bytes(message[:NUMBER_BYTES], "little")
        is_new = number >= self._got
        if is_new:
            self._got = number + 1
        if not is_new or self._got % CONFIRM_EVERY == 0:
            self.command("got", count=self._got)
        return memoryview(message)[NUMBER_BYTES:] if is_new else None

    def command(self, name: str, **fields: object) -> None:
        """Sends a command, or drops it if there is no way now: the state is sent again when the script is back."""
        if self._send:
            self._send(json.dumps({"c": name, **fields}))

    def key(self, receiver: object) -> str:
        """A name for one of its receivers that no other script uses."""
        return f"{self.instance}/{receiver}"

    def receiver_of(self, key: str) -> int | None:
        """The receiver's number in this script, or None if the key is another script's."""
        instance, _, receiver = key.rpartition("/")
        return int(receiver) if instance == self.instance else None
