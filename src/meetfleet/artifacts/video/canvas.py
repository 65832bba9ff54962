"""The picture being composed: 4:2:0 planes written in place, so that only what changed costs anything."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from meetfleet.artifacts.video.geometry import Rect, Size

Plane = NDArray[np.uint8]


class Colour(NamedTuple):
    """One colour as luma and the two chroma values (BT.601, limited range: black is 16, white 235)."""

    y: int
    u: int
    v: int


def colour(red: int, green: int, blue: int) -> Colour:
    """From 8-bit RGB. Source: ITU-R BT.601, 8-bit quantisation."""
    return Colour(
        round(16 + 0.2568 * red + 0.5041 * green + 0.0979 * blue),
        round(128 - 0.1482 * red - 0.2910 * green + 0.4392 * blue),
        round(128 + 0.4392 * red - 0.3678 * green - 0.0714 * blue),
    )


BACKGROUND = colour(18, 19, 23)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A small opaque picture drawn once and pasted often.

    Attributes:
        planes: Luma (height, width) and two chroma planes (height/2, width/2), uint8.
    """

    planes: tuple[Plane, Plane, Plane]

    @property
    def size(self) -> Size:
        height, width = self.planes[0].shape
        return Size(width, height)


def views(frame: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """The three planes of a yuv420p frame as arrays that share its memory."""
    luma, blue, red = (_view(plane) for plane in frame.planes)
    return luma, blue, red


def _view(plane: VideoPlane) -> Plane:
    """Rows are longer in memory than the picture is wide."""
    memory = np.frombuffer(cast(memoryview, plane), np.uint8)
    return memory.reshape(-1, plane.line_size)[: plane.height, : plane.width]


class Canvas:
    """One frame's memory, painted again and again and handed to the encoder as it is.

    Args:
        size: Even numbers of pixels.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.frame = av.VideoFrame(size.width, size.height, "yuv420p")
        self._planes = views(self.frame)
        self.fill(Rect(0, 0, size.width, size.height), BACKGROUND)

    def fill(self, rect: Rect, paint: Colour) -> None:
        """Paints a box in one colour."""
        for index, value in enumerate(paint):
            self._box(index, rect)[:] = value

    def paste(self, planes: tuple[Plane, Plane, Plane], at: Rect) -> None:
        """Copies planes of exactly the box's size into it."""
        for index, plane in enumerate(planes):
            self._box(index, at)[:] = plane

    def outline(self, rect: Rect, thickness: int, paint: Colour) -> None:
        """Paints a frame of `thickness` pixels (even) around the box, cut at the picture's edge."""
        left, top = max(0, rect.x - thickness), max(0, rect.y - thickness)
        right, bottom = min(self.size.width, rect.right + thickness), min(self.size.height, rect.bottom + thickness)
        for side in (
            Rect(left, top, right - left, rect.y - top),
            Rect(left, rect.bottom, right - left, bottom - rect.bottom),
            Rect(left, top, rect.x - left, bottom - top),
            Rect(rect.right, top, right - rect.right, bottom - top),
        ):
            self.fill(side, paint)

    def _box(self, index: int, rect: Rect) -> Plane:
        if index == 0:
            return self._planes[0][rect.y : rect.bottom, rect.x : rect.right]
        return self._planes[index][rect.y // 2 : rect.bottom // 2, rect.x // 2 : rect.right // 2]
