"""Recordings longer than a provider takes are cut in pieces, where nobody speaks if there is such a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from meetfleet.domain.errors import MediaError
from meetfleet.transcription.naming import HeardSpan

_LOOK_BACK_S = 120.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the recording, in seconds from its start."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def cut(duration_s: float, longest_s: float | None, heard: Sequence[HeardSpan] = ()) -> list[Piece]:
    """Pieces that cover the recording without gap or overlap, none longer than `longest_s`.

    Args:
        heard: Who speaks when; cuts are made in the longest silence of the last two minutes before they are due.
    """
    pieces: list[Piece] = []
    start_s = 0.0
    while longest_s is not None and duration_s - start_s > longest_s:
        due_s = start_s + longest_s
        end_s = _silence(max(start_s + longest_s / 2, due_s - _LOOK_BACK_S), due_s, heard)
        pieces.append(Piece(start_s, end_s))
        start_s = end_s
    return [*pieces, Piece(start_s, duration_s)]


def _silence(first_s: float, last_s: float, heard: Sequence[HeardSpan]) -> float:
    """The middle of the longest silence between two moments; the last one if there is none."""
    best_s, place_s, at_s = 0.0, last_s, first_s
    for span in [*sorted(heard, key=lambda s: s.start_s), HeardSpan(None, last_s, last_s)]:
        end_s = min(span.start_s, last_s)
        if end_s - at_s > best_s:
            best_s, place_s = end_s - at_s, (at_s + end_s) / 2
        at_s = max(at_s, span.end_s)
    return place_s


def extract(source: Path, piece: Piece, target: Path) -> None:
    """Writes one piece of a FLAC file as a FLAC file of its own, lossless. Blocks for half a minute per hour of sound.

    Raises:
        MediaError: the file cannot be read.
    """
    try:
        with av.open(str(source)) as given, av.open(str(target), "w", format="flac") as made:
            _copy(given, made, piece)
    except (FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"The recording's sound cannot be cut: {error}", code="sound_unreadable") from error


def _copy(given: Any, made: Any, piece: Piece) -> None:
    stream = given.streams.audio[0]
    out = made.add_stream("flac", rate=stream.rate, layout=stream.layout.name)
    first, last = round(piece.start_s * stream.rate), round(piece.end_s * stream.rate)
    given.seek(int(piece.start_s / stream.time_base), stream=stream)
    position = 0
    for frame in given.decode(stream):
        at = round(frame.pts * stream.time_base * stream.rate)
        if at >= last:
            break
        samples = np.ascontiguousarray(frame.to_ndarray()[:, max(0, first - at) : last - at])
        if samples.shape[1]:
            part = av.AudioFrame.from_ndarray(samples, format=frame.format.name, layout=frame.layout.name)
            part.sample_rate, part.pts = stream.rate, position
            position += samples.shape[1]
            made.mux(out.encode(part))
    made.mux(out.encode(None))
