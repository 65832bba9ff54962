"""A bot's stay in a lab room, with everything that a test wants to know of it afterwards."""

import hashlib
import io
import json
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.der import SpokenSpan
from meetfleet.artifacts.manifest import Manifest
from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import Delivery, WebhookInbox
from meetfleet.testing.sound import read_sound
from meetfleet.testing.word_errors import TimedWord

RATE_HZ = 48_000
NS = 1_000_000_000
PAUSE_S = 0.5


@dataclass(slots=True)
class Stay:
    """One bot in one room.

    Attributes:
        objects: Folder in which the server keeps this bot's objects.
    """

    client: Client
    lab: LabClient
    inbox: WebhookInbox
    room: dict[str, Any]
    bot_id: str
    objects: Path

    def await_status(self, wanted: str | Sequence[str], timeout_s: float) -> str:
        """Polls until the bot has one of these statuses; a final one that is not wanted fails at once."""
        names = [wanted] if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = self.client.status(self.bot_id)
            if status in names:
                return status
            if status in {"completed", "failed"}:
                raise AssertionError(f"The bot ended '{status}': {self.client.details(self.bot_id)['error_code']}")
            time.sleep(0.1)
        raise AssertionError(f"The bot is '{self.client.status(self.bot_id)}', not {names}, after {timeout_s} s.")

    def final_callback(self, timeout_s: float = 30) -> Delivery:
        return self.inbox.wait_for(lambda d: d.json["data"]["bot_id"] == self.bot_id, timeout_s)

    def final_callbacks(self) -> list[Delivery]:
        return [d for d in self.inbox.deliveries if d.json["data"]["bot_id"] == self.bot_id]

    @property
    def artifacts(self) -> Path:
        return self.objects / "artifacts"

    @property
    def manifest(self) -> Manifest:
        return Manifest.from_json((self.artifacts / "manifest.json").read_bytes())

    def intact(self) -> bool:
        """Whether every file is there as the manifest describes it."""
        return all(
            hashlib.sha256((self.artifacts / entry.name).read_bytes()).hexdigest() == entry.sha256
            for entry in self.manifest.files
        )

    def json_of(self, name: str) -> Any:
        return json.loads((self.artifacts / name).read_text())

    @property
    def started_ns(self) -> int:
        """Zero of every file, on the meeting clock."""
        return int(self.json_of("timeline.json")["recorded"][0][0])

    def diarization(self) -> list[SpokenSpan]:
        lines = (self.artifacts / "diarization.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [SpokenSpan(row["speaker"], row["start_time"], row["end_time"]) for row in rows]

    def truth(self, *, sent: bool = False) -> dict[str, Any]:
        return self.lab.truth(self.room["code"], sent=sent)

    def true_speech(self) -> list[SpokenSpan]:
        """Who spoke, on the recording's time line and cut to it; two lines of one person less than half a second apart
        are one, as docs/artifacts.md defines a segment."""
        start_ns, length_s = self.started_ns, self.manifest.duration_s
        spans = [
            SpokenSpan(line["speaker"], (line["start_ns"] - start_ns) / NS, (line["end_ns"] - start_ns) / NS)
            for line in self.truth()["lines"]
            if line["heard"]
        ]
        return [
            SpokenSpan(s.speaker, max(0.0, s.start_s), min(length_s, s.end_s))
            for s in _joined(spans)
            if s.end_s > 0 and s.start_s < length_s
        ]

    def true_words(self) -> list[TimedWord]:
        """What was said and heard word by word, on the recording's time line and within it."""
        start_ns, length_s = self.started_ns, self.manifest.duration_s
        words = [
            TimedWord(line["speaker"], w["text"], (w["start_ns"] - start_ns) / NS, (w["end_ns"] - start_ns) / NS)
            for line in self.truth()["lines"]
            if line["heard"]
            for w in line["words"]
        ]
        return sorted((w for w in words if w.end_s > 0 and w.end_s < length_s), key=lambda w: w.start_s)

    def transcribed_words(self) -> list[TimedWord]:
        utterances = self.json_of("output_transcription.json")["result"]["utterances"]
        return [TimedWord(u["speaker"], w["word"], w["start"], w["end"]) for u in utterances for w in u["words"]]

    def true_sound(self, name: str | None = None) -> NDArray[np.int16]:
        """What was said, on the recording's time line."""
        with wave.open(io.BytesIO(self.lab.reference_wav(self.room["code"], name))) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        first = round((self.started_ns - self.truth()["zero_ns"]) * RATE_HZ / NS)
        before, wanted = max(0, -first), round(self.manifest.duration_s * RATE_HZ)
        shifted = np.concatenate([np.zeros(before, np.int16), pcm[max(0, first) :]])[:wanted]
        return np.pad(shifted, (0, max(0, wanted - len(shifted))))

    def sound(self, name: str = "output.flac") -> NDArray[np.int16]:
        return read_sound(self.artifacts / name)


def _joined(spans: list[SpokenSpan]) -> list[SpokenSpan]:
    joined: list[SpokenSpan] = []
    for span in sorted(spans, key=lambda s: (s.speaker, s.start_s)):
        last = joined[-1] if joined else None
        if last is not None and last.speaker == span.speaker and span.start_s - last.end_s < PAUSE_S:
            joined[-1] = SpokenSpan(last.speaker, last.start_s, span.end_s)
        else:
            joined.append(span)
    return joined


def send_bot(
    client: Client, lab: LabClient, inbox: WebhookInbox, data: Path, room: dict[str, Any], **fields: Any
) -> Stay:
    """Opens a room by script and sends a bot there."""
    opened = lab.open_room(room)
    bot_id = client.create_bot(
        **{
            "bot_name": "Notetaker",
            "meeting_url": opened["meeting_url"],
            "callback_enabled": True,
            "callback_config": {"url": inbox.url, "secret": "s3cret"},
            **fields,
        }
    )
    return Stay(client, lab, inbox, opened, bot_id, data / "objects" / "bots" / bot_id)
