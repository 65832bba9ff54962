"""What a bot shows as its camera, as the server of its call receives and decodes it."""

import asyncio
import io
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame
from PIL import Image

from meetfleet.domain.clock import Clock

PATCHES = 3
"""Pictures are told apart by the colours of 3 x 3 patches."""
CHANGE = 24
"""How far a patch's mean must move, of 255, to be another picture and not the encoder's noise."""
_LOOK_SIZE = (96, 54)

Colours = npt.NDArray[np.float64]


@dataclass(slots=True)
class Sight:
    """One picture, from when it was first received to when it last was.

    Attributes:
        colours: Mean red, green and blue of each patch, row by row.
    """

    since_ns: int
    until_ns: int
    frames: int
    width: int
    height: int
    colours: list[list[int]]


class CameraWatch:
    """Looks at one visitor's camera. It outlives media connections, as the visitor does."""

    def __init__(self, clock: Clock) -> None:
        self.sights: list[Sight] = []
        self.last_png: bytes | None = None
        self._clock = clock
        self._last: Colours | None = None
        self._watching: set[asyncio.Task[None]] = set()

    def watch(self, track: MediaStreamTrack) -> None:
        """Looks at a track until it ends."""
        if track.kind == "video":
            task = asyncio.create_task(self._watch(track))
            self._watching.add(task)
            task.add_done_callback(self._watching.discard)

    async def close(self) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    def as_dicts(self) -> list[dict[str, Any]]:
        return [asdict(sight) for sight in self.sights]

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self._see(frame)

    def _see(self, frame: VideoFrame) -> None:
        small = frame.reformat(*_LOOK_SIZE, format="rgb24").to_ndarray()
        colours = _patches(small)
        if self._last is None or float(np.abs(colours - self._last).max()) > CHANGE:
            self._last = colours
            shown = [[round(float(part)) for part in colour] for colour in colours]
            self.sights.append(Sight(self._clock.now_ns(), 0, 0, frame.width, frame.height, shown))
            self.last_png = _png(frame)
        sight = self.sights[-1]
        sight.until_ns, sight.frames = self._clock.now_ns(), sight.frames + 1
        sight.width, sight.height = frame.width, frame.height


def _patches(picture: npt.NDArray[Any]) -> Colours:
    rows = np.array_split(picture.astype(np.float64), PATCHES, axis=0)
    patches = [patch for row in rows for patch in np.array_split(row, PATCHES, axis=1)]
    return np.array([patch.reshape(-1, 3).mean(axis=0) for patch in patches])


def _png(frame: VideoFrame) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(file, "PNG")
    return file.getvalue()
