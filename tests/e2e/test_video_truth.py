"""A busy minute in both layouts: every picture is read back and held against what the lab really sent.

Somebody comes late, somebody leaves, a camera goes off and on again, a picture changes its size, a screen is shared.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from meeting import NS, Stay, send_bot

from meetfleet.artifacts.video.director import Shot, Turn, direct
from meetfleet.artifacts.video.geometry import Rect, Size, fit, grid, inset, split, strip, strip_capacity, whole
from meetfleet.artifacts.video.plan import Layout
from meetfleet.artifacts.video.render import render_video
from meetfleet.artifacts.video.scene import GAP
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.demo.client import Client
from meetfleet.lab import clockstrip
from meetfleet.lab.client import LabClient
from meetfleet.lab.clockstrip import ClockReading, Source
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service

pytestmark = [pytest.mark.lab, pytest.mark.slow]

RECORD_S = 56
HD = Size(1280, 720)
STAGE = fit(Size(1280, 720), split(HD).stage)
COLUMN = split(HD).column
NEWS_NS = 700_000_000
"""So long may news (who is there, who shares) and the first frame of a stream be on their way."""
SNAPSHOT_NS = 6_000_000_000
"""That somebody left, or stopped sharing, is in the next snapshot of the roster only."""
LATENCY_NS = 150_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the video at its moment on the meeting clock."""

    at_ns: int
    luma: np.ndarray

    def read(self, box: Rect) -> ClockReading | None:
        return clockstrip.read(self.luma, (box.x, box.y, box.width, box.height))


class Truth:
    """What the lab knows, ready to be asked."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._offsets: dict[str, int] = {}
        (visit,) = (v for v in self.raw["visits"] if v["sent"])
        self.people: dict[int, dict[str, Any]] = {p["number"]: p for p in raw["participants"]}
        self.sent: dict[str, list[tuple[int, int]]] = {}
        for entry in visit["sent"]:
            if entry["kind"] == "video":
                self.sent.setdefault(entry["stream_id"], []).append((self._taken_ns(visit, entry), entry["frame"]))
        self.shots = self._shots()

    def _taken_ns(self, visit: dict[str, Any], entry: dict[str, Any]) -> int:
        """When a picture was due: a busy machine sends some late, but their RTP time tells."""
        stream = entry["stream_id"]
        if stream not in self._offsets:
            sent = [e for e in visit["sent"] if e["stream_id"] == stream]
            self._offsets[stream] = min(e["at_ns"] - e["rtp_timestamp"] * NS // 90_000 for e in sent)
        return self._offsets[stream] + entry["rtp_timestamp"] * NS // 90_000

    def _shots(self) -> list[Shot]:
        numbers = {person["name"]: number for number, person in self.people.items()}
        heard = [line for line in self.raw["lines"] if line["heard"]]
        return direct(Turn(str(numbers[line["speaker"]]), line["start_ns"], line["end_ns"]) for line in heard)

    def speaker(self, at_ns: int) -> int | None:
        """Who has the floor; None near a cut, where the sound's own edges decide."""
        if any(abs(shot.start_ns - at_ns) < 400_000_000 for shot in self.shots):
            return None
        return next((int(shot.participant_id) for shot in reversed(self.shots) if shot.start_ns <= at_ns), None)

    def is_news(self, at_ns: int) -> bool:
        """Whether something that tiles depend on changed just now."""
        quick = [edge for p in self.people.values() for span in p["camera_on"] for edge in _edges(span)]
        quick += [pictures[0][0] for pictures in self.sent.values()]
        quick += [span["start_ns"] for p in self.people.values() for span in p["present"]]
        ends = [span["end_ns"] for p in self.people.values() for span in p["present"]]
        ends += [share["end_ns"] for share in self.raw["shares"]]
        return _is_near(at_ns, quick, NEWS_NS) or _is_near(at_ns, ends, SNAPSHOT_NS)

    def present(self, at_ns: int) -> list[int]:
        return [number for number, person in self.people.items() if _within(person["present"], at_ns)]

    def has_camera(self, number: int, at_ns: int) -> bool:
        stream = self.people[number]["video_stream_id"]
        return _within(self.people[number]["camera_on"], at_ns) and self._flows(stream, at_ns)

    def share(self, at_ns: int) -> dict[str, Any] | None:
        shares = [share for share in self.raw["shares"] if self._flows(share["video_stream_id"], at_ns)]
        return next((share for share in shares if _within([share], at_ns)), None)

    def _flows(self, stream: str, at_ns: int) -> bool:
        """Streams are set up a second or two after somebody came or began to share."""
        return stream in self.sent and self.sent[stream][0][0] <= at_ns

    def was_just_sent(self, stream: str, frame: int, at_ns: int, patience_ns: int = LATENCY_NS) -> bool:
        return any(frame == n and -20_000_000 <= at_ns - sent_ns < patience_ns for sent_ns, n in self.sent[stream])


def _edges(span: dict[str, Any]) -> list[int | None]:
    return [span["start_ns"], span["end_ns"]]


def _is_near(at_ns: int, moments: list[int | None], after_ns: int) -> bool:
    return any(-NEWS_NS // 4 < at_ns - moment < after_ns for moment in moments if moment is not None)


def _within(spans: list[dict[str, Any]], at_ns: int) -> bool:
    return any(span["start_ns"] <= at_ns < (span["end_ns"] or at_ns + 1) for span in spans)


@dataclass(slots=True)
class Recorded:
    """A finished stay with its video, and what the lab knows of the room."""

    stay: Stay
    truth: Truth


@pytest.fixture(scope="module")
def recorded(client: Client, lab: LabClient, inbox: WebhookInbox, server: Service, server_dir: Path) -> Recorded:
    room = {"preset": "busy_minute"}
    stay = send_bot(client, lab, inbox, server_dir / "data", room, recording_mode="speaker_view")
    stay.await_status("in_call_recording", 60)
    time.sleep(RECORD_S)
    client.leave(stay.bot_id)
    stay.final_callback()
    client.download(client.details(stay.bot_id)["video"])
    return Recorded(stay, Truth(stay.truth(sent=True)))


def pictures(path: Path, zero_ns: int) -> Iterator[Shown]:
    """All but the last half second, in which media stops before the recording does."""
    with av.open(str(path)) as file:
        assert file.duration is not None
        for frame in file.decode(video=0):
            assert frame.time is not None
            if frame.time > file.duration / av.time_base - 0.5:
                return
            yield Shown(zero_ns + round(frame.time * NS), frame.to_ndarray(format="gray"))


def fault(shown: Shown, box: Rect, number: int, truth: Truth) -> str | None:
    """What is wrong with a person's tile."""
    seen = shown.read(box)
    if not truth.has_camera(number, shown.at_ns):
        return f"{seen} where a still tile belongs" if seen else None
    if seen is None or seen.actor != number or seen.source is Source.SCREEN:
        return f"{seen} instead of person {number}"
    stream = truth.people[number]["video_stream_id"]
    return None if truth.was_just_sent(stream, seen.frame, shown.at_ns) else f"{seen} is of another moment"


def screen_fault(shown: Shown, share: dict[str, Any], truth: Truth) -> str | None:
    seen = shown.read(STAGE)
    if seen is None or seen.source is not Source.SCREEN:
        return f"{seen} where the screen belongs"
    sent = truth.was_just_sent(share["video_stream_id"], seen.frame, shown.at_ns, 2 * LATENCY_NS)
    return None if sent else f"{seen} is of another moment"


def told(faults: list[tuple[Shown, str | None]], zero_ns: int) -> list[str]:
    return [f"{(shown.at_ns - zero_ns) / NS:.3f}: {what}" for shown, what in faults if what]


def speaker_view_checks(path: Path, zero_ns: int, truth: Truth) -> Iterator[tuple[Shown, str | None]]:
    for shown in pictures(path, zero_ns):
        speaker, share = truth.speaker(shown.at_ns), truth.share(shown.at_ns)
        if truth.is_news(shown.at_ns) or speaker is None:
            continue
        yield shown, fault(shown, strip(COLUMN, 1, GAP)[0] if share else whole(HD), speaker, truth)
        if share:
            yield shown, screen_fault(shown, share, truth)


def gallery_checks(path: Path, zero_ns: int, truth: Truth) -> Iterator[tuple[Shown, str | None]]:
    for shown in pictures(path, zero_ns):
        if truth.is_news(shown.at_ns):
            continue
        people, share = truth.present(shown.at_ns), truth.share(shown.at_ns)
        boxes = grid(len(people), inset(HD, GAP), GAP)
        if share:
            yield shown, screen_fault(shown, share, truth)
            boxes = strip(COLUMN, min(len(people), strip_capacity(COLUMN, GAP)), GAP)
        found = {seen.actor: box for box in boxes if (seen := shown.read(box))}
        cameras = {number for number in people if truth.has_camera(number, shown.at_ns)}
        if set(found) - cameras or (not share and cameras - set(found)):
            yield shown, f"cameras of {set(found)} instead of {cameras}"
        for number, box in found.items():
            yield shown, fault(shown, box, number, truth)


def test_every_picture_of_the_speaker_view_shows_whom_and_what_was_sent_then(recorded: Recorded) -> None:
    stay = recorded.stay
    checked = list(speaker_view_checks(stay.artifacts / "video.mp4", stay.started_ns, recorded.truth))
    assert len(checked) > 600
    assert told(checked, stay.started_ns) == []


def test_every_tile_of_the_gallery_shows_whom_and_what_was_sent_then(recorded: Recorded, tmp_path: Path) -> None:
    stay, out = recorded.stay, tmp_path / "gallery.mp4"
    timeline = Timeline.read(stay.artifacts / "timeline.json")
    render_video(stay.objects / "tape", out, Layout.GALLERY_VIEW, timeline=timeline)
    checked = list(gallery_checks(out, stay.started_ns, recorded.truth))
    assert len(checked) > 3000
    assert told(checked, stay.started_ns) == []


def test_the_video_is_as_long_as_the_sound(recorded: Recorded) -> None:
    with av.open(str(recorded.stay.artifacts / "video.mp4")) as file:
        for stream in file.streams:
            assert stream.duration is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(
                recorded.stay.manifest.duration_s, abs=0.06
            )
