"""Where things go in the picture: pure arithmetic on even pixels (4:2:0 chroma has no odd ones)."""

from dataclasses import dataclass

ASPECT = (16, 9)
COLUMN_SHARE = 0.2
LINE_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rect:
    """A box in the picture, in pixels from the upper left; every number is even."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height


def even(value: float) -> int:
    """The even number at or below `value`."""
    return int(value) // 2 * 2


def whole(size: Size) -> Rect:
    """The whole picture."""
    return Rect(0, 0, size.width, size.height)


def fit(source: Size, box: Rect) -> Rect:
    """The largest centred box inside `box` with the source's proportions, so that nothing is stretched.

    Where bars would be two pixels or less in all there are none.
    """
    scale = min(box.width / source.width, box.height / source.height)
    width, height = _snap(source.width * scale, box.width), _snap(source.height * scale, box.height)
    return Rect(box.x + even((box.width - width) / 2), box.y + even((box.height - height) / 2), width, height)


def centred(size: Size, box: Rect) -> Rect:
    """A box of this size in the middle of another."""
    return Rect(
        box.x + even((box.width - size.width) / 2),
        box.y + even((box.height - size.height) / 2),
        size.width,
        size.height,
    )


def _snap(length: float, limit: int) -> int:
    return limit if limit - length <= 2 else max(2, even(length))


@dataclass(frozen=True, slots=True)
class Split:
    """A large box for a screen, a column of people at its right, and room for one line below them."""

    stage: Rect
    column: Rect
    line: Rect


def split(canvas: Size) -> Split:
    """Divides the picture; nothing ever lies on the screen itself, where small letters matter."""
    width, line_height = even(canvas.width * COLUMN_SHARE), even(canvas.height * LINE_SHARE)
    left, line_top = canvas.width - width, canvas.height - line_height
    return Split(
        Rect(0, 0, left, canvas.height),
        Rect(left, 0, width, line_top),
        Rect(left, line_top, width, line_height),
    )


def strip(column: Rect, count: int, gap: int) -> list[Rect]:
    """`count` tiles below each other, centred in the column; see `strip_capacity`."""
    width, height = _strip_tile(column, gap)
    top = column.y + even((column.height - count * height - (count - 1) * gap) / 2)
    left = column.x + even((column.width - width) / 2)
    return [Rect(left, top + index * (height + gap), width, height) for index in range(count)]


def strip_capacity(column: Rect, gap: int) -> int:
    """How many tiles fit below each other in the column."""
    return max(1, (column.height - gap) // (_strip_tile(column, gap)[1] + gap))


def _strip_tile(column: Rect, gap: int) -> tuple[int, int]:
    width = even(column.width - gap)
    return width, even(width * ASPECT[1] / ASPECT[0])


def grid(count: int, box: Rect, gap: int) -> list[Rect]:
    """`count` equal 16:9 tiles in the box, as large as they can be, row by row; a short last row is centred."""
    if count < 1:
        return []
    width, height, columns = max(_grid_tile(count, columns, box, gap) for columns in range(1, count + 1))
    rows = -(-count // columns)
    top = box.y + even((box.height - rows * height - (rows - 1) * gap) / 2)
    tiles: list[Rect] = []
    for index in range(count):
        row, column = divmod(index, columns)
        in_row = min(columns, count - row * columns)
        left = box.x + even((box.width - in_row * width - (in_row - 1) * gap) / 2)
        tiles.append(Rect(left + column * (width + gap), top + row * (height + gap), width, height))
    return tiles


def _grid_tile(count: int, columns: int, box: Rect, gap: int) -> tuple[int, int, int]:
    rows = -(-count // columns)
    wide = (box.width - (columns - 1) * gap) / columns
    high = (box.height - (rows - 1) * gap) / rows
    width = even(min(wide, high * ASPECT[0] / ASPECT[1]))
    return width, even(width * ASPECT[1] / ASPECT[0]), columns


def inset(size: Size, margin: int) -> Rect:
    """The picture without a margin on every side."""
    return Rect(margin, margin, size.width - 2 * margin, size.height - 2 * margin)
