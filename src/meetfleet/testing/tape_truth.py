"""Holds a tape against the lab's record of what was sent."""

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.reader import TapeFrames
from meetfleet.tape.tape import Tape

EDGE_NS = 500_000_000
"""Frames sent within this time of either end may be on the way, or not yet be asked for."""


class FrameId(NamedTuple):
    """A frame by where it came from, when, and every bit of it."""

    ssrc: int
    rtp_timestamp: int
    csrcs: tuple[int, ...]
    sha1: str


def missing_frames(tape: Path, truth: dict[str, Any], start_ns: int, end_ns: int) -> list[FrameId]:
    """What was sent to the one visitor between two moments of the meeting clock, and is not on the tape as it was sent.

    Args:
        truth: Of the room, with what was sent.
    """
    taped = {_identity(frame) for frame in _frames(tape)}
    (visit,) = (v for v in truth["visits"] if v["sent"])
    sent = [s for s in visit["sent"] if start_ns + EDGE_NS < s["at_ns"] < end_ns - EDGE_NS]
    if not sent:
        raise ValueError("Nothing was sent in this time.")
    wanted = [
        FrameId(s["ssrc"], s["rtp_timestamp"], () if s["csrc"] is None else (s["csrc"],), s["sha1"]) for s in sent
    ]
    return [frame for frame in wanted if frame not in taped]


def _frames(tape: Path) -> Iterator[EncodedFrame]:
    for segment in Tape.open(tape).segments:
        for message in segment.reader().messages():
            if isinstance(message, TapeFrames):
                yield from message.frames


def _identity(frame: EncodedFrame) -> FrameId:
    return FrameId(frame.ssrc, frame.rtp_timestamp, frame.csrcs, sha1(frame.payload).hexdigest())
