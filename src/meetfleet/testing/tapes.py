"""Tapes for tests: small hand-made ones, written through the real writer under a clock moved by hand."""

from pathlib import Path

from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import StateSeen, TrackInfo
from meetfleet.tape.segment import SealedSegment, TapeMeta
from meetfleet.tape.writer import TapeWriter

START_NS = 1_800_000_000_000_000_000
MS = 1_000_000


class HandClock:
    """A clock that moves only when told."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.ns = now_ns

    def now_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)

    def advance(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


def audio_frame(index: int, *, arrival_ns: int | None = None, payload: bytes | None = None) -> EncodedFrame:
    """The index-th 20 ms Opus packet of a stream that begins at START_NS."""
    return EncodedFrame(
        track_id=0,
        kind=FrameKind.AUDIO,
        arrival_ns=START_NS + index * 20 * MS if arrival_ns is None else arrival_ns,
        rtp_timestamp=(index * 960) & 0xFFFFFFFF,
        ssrc=7,
        payload=payload or f"packet {index}".encode(),
        csrcs=(5,),
        audio_level=30,
        sequence_number=index & 0xFFFF,
    )


def meta(take: int = 1) -> TapeMeta:
    return TapeMeta("bot-1", take, "google_meet", START_NS)


def write_take(
    directory: Path, seconds: float, *, take: int = 1, clock: HandClock | None = None
) -> tuple[list[SealedSegment], TapeWriter]:
    """Writes one packet each 20 ms; the last segment is left open."""
    clock = clock or HandClock()
    sealed: list[SealedSegment] = []
    writer = TapeWriter(directory, meta(take), clock, on_sealed=sealed.append)
    writer.append(StateSeen("recording"))
    writer.write_track(TrackInfo(0, "audio", "opus", 48000))
    for index in range(round(seconds * 50)):
        writer.append_frames(0, [audio_frame(index, arrival_ns=clock.now_ns())])
        clock.advance(0.02)
    return sealed, writer
