"""A strip of black and white blocks in every picture that tells whose it is and which one. It survives re-encoding.

Two rows of 18 blocks in the upper part of the picture. The first and last column are marks; the 32 between them carry,
most significant bit first: 2 bits source, 6 bits actor, 16 bits frame number, 8 bits CRC.

    from meetfleet.lab import clockstrip
    reading = clockstrip.read(rgb, region=(x, y, width, height))    # where the whole picture lies in the image
    reading = clockstrip.read(rgb)                                  # letterboxed or not: found by its black borders
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
Region = tuple[float, float, float, float]

COLUMNS, ROWS = 18, 2
LEFT, TOP, WIDTH, HEIGHT = 0.1, 0.04, 0.8, 0.1
"""Where the blocks lie, as shares of the picture."""
MARGIN = 0.012
"""A grey frame around the blocks, so that nothing beside them bleeds in."""
BLACK, WHITE, GREY = 20, 235, 128
_MARKS = ((1, 0), (0, 1))
"""Column 0 is white over black, column 17 black over white."""
_MIN_CONTRAST = 60


class Source(IntEnum):
    CAMERA = 0
    SMALL_CAMERA = 1
    SCREEN = 2


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a picture says about itself.

    Attributes:
        actor: Number of the person in the room script, 1 for the first.
        frame: Number of the picture in its loop.
    """

    actor: int
    frame: int
    source: Source

    @property
    def seconds(self) -> float:
        """Time into the picture loop."""
        return self.frame / (5 if self.source is Source.SCREEN else 25)


def draw(luma: Luma, reading: ClockReading) -> None:
    """Paints the strip into a picture's luma plane, (height, width) uint8, in place."""
    height, width = luma.shape
    x0, x1 = LEFT - MARGIN, LEFT + WIDTH + MARGIN
    luma[
        round((TOP - MARGIN) * height) : round((TOP + HEIGHT + MARGIN) * height), round(x0 * width) : round(x1 * width)
    ] = GREY
    xs = [round((LEFT + WIDTH * c / COLUMNS) * width) for c in range(COLUMNS + 1)]
    ys = [round((TOP + HEIGHT * r / ROWS) * height) for r in range(ROWS + 1)]
    for row, cells in enumerate(_cells(reading)):
        for column, bit in enumerate(cells):
            luma[ys[row] : ys[row + 1], xs[column] : xs[column + 1]] = WHITE if bit else BLACK


def read(rgb: npt.NDArray[np.uint8], region: Region | None = None) -> ClockReading | None:
    """Reads the strip in an image.

    Args:
        rgb: (height, width, 3) or (height, width) uint8.
        region: x, y, width, height in pixels of the whole picture within the image; it may reach beyond the image where
            the picture is cropped (not the strip). None: the image is the picture, perhaps with black bars around it.

    Returns:
        None where no strip can be read. A wrong reading needs matching marks and an 8-bit CRC by chance.
    """
    luma = rgb if rgb.ndim == 2 else (rgb[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    for candidate in [region] if region else _regions(luma):
        for nudged in _nudged(candidate):
            reading = _read_at(luma, nudged)
            if reading:
                return reading
    return None


def _cells(reading: ClockReading) -> list[list[int]]:
    value = int(reading.source) << 22 | (reading.actor & 0x3F) << 16 | reading.frame & 0xFFFF
    word = value << 8 | _crc8(value.to_bytes(3, "big"))
    bits = [word >> shift & 1 for shift in range(31, -1, -1)]
    return [[_MARKS[0][row], *bits[row * 16 : row * 16 + 16], _MARKS[1][row]] for row in range(ROWS)]


def _read_at(luma: Luma, region: Region) -> ClockReading | None:
    samples = _samples(luma, region)
    if samples is None:
        return None
    white = (samples[0, 0] + samples[1, -1]) / 2
    black = (samples[1, 0] + samples[0, -1]) / 2
    if white - black < _MIN_CONTRAST:
        return None
    bits = (samples > (white + black) / 2).astype(int)
    if any(abs(samples[r, c] - (white if _MARKS[c and 1][r] else black)) > 50 for r in (0, 1) for c in (0, -1)):
        return None
    word = int("".join(str(bit) for row in bits for bit in row[1:-1]), 2)
    value, crc = word >> 8, word & 0xFF
    source = value >> 22
    if _crc8(value.to_bytes(3, "big")) != crc or source > max(Source) or not value >> 16 & 0x3F:
        return None
    return ClockReading(value >> 16 & 0x3F, value & 0xFFFF, Source(source))


def _samples(luma: Luma, region: Region) -> npt.NDArray[np.float64] | None:
    """The mean of the middle of each block, (rows, columns)."""
    x, y, width, height = region
    cell_w, cell_h = WIDTH * width / COLUMNS, HEIGHT * height / ROWS
    if cell_w < 2 or cell_h < 2:
        return None
    out = np.empty((ROWS, COLUMNS))
    for row in range(ROWS):
        y0, y1 = _middle(y + TOP * height + row * cell_h, cell_h)
        for column in range(COLUMNS):
            x0, x1 = _middle(x + LEFT * width + column * cell_w, cell_w)
            if x0 < 0 or y0 < 0 or x1 > luma.shape[1] or y1 > luma.shape[0]:
                return None
            out[row, column] = luma[y0:y1, x0:x1].mean()
    return out


def _middle(start: float, size: float) -> tuple[int, int]:
    first = int(np.floor(start + size * 0.3))
    return first, max(first + 1, int(np.ceil(start + size * 0.7)))


def _regions(luma: Luma) -> Iterator[Region]:
    height, width = luma.shape
    yield 0, 0, width, height
    rows = np.flatnonzero(luma.max(axis=1) > 40)
    columns = np.flatnonzero(luma.max(axis=0) > 40)
    if len(rows) and len(columns):
        yield columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    fit = min(width / 16, height / 9)
    yield (width - 16 * fit) / 2, (height - 9 * fit) / 2, 16 * fit, 9 * fit
    fill = max(width / 16, height / 9)
    yield (width - 16 * fill) / 2, (height - 9 * fill) / 2, 16 * fill, 9 * fill


def _nudged(region: Region) -> Iterator[Region]:
    """The region, then small errors of it: a pixel of border, a rounding of the scaler."""
    x, y, width, height = region
    yield region
    for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (0, 2), (0, -2)):
        yield x + dx * width / 320, y + dy * height / 180, width, height


def _crc8(data: bytes) -> int:
    """CRC-8 with polynomial x^8 + x^2 + x + 1, started at 0xFF so that all-black is no reading."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x07 if crc & 0x80 else crc << 1
        crc &= 0xFF
    return crc
