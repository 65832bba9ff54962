"""What cameras and screens show, drawn straight into YUV planes: fast enough to draw minutes of it in seconds."""

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from meetfleet.lab import clockstrip
from meetfleet.lab.clockstrip import ClockReading, Source

Plane = npt.NDArray[np.uint8]
CAMERA_FPS = 25
SCREEN_FPS = 5
SCREEN_SIZE = (1280, 720)
SLIDE_S = 4
_CHARS = "0123456789:."


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's picture loop.

    Attributes:
        actor: Number in the script, drawn into the strip and deciding on colours.
        small: The low simulcast layer: half the size, the same pictures.
        loop_s: Seconds until it starts over.
    """

    actor: int
    name: str
    loop_s: int
    small: bool = False
    width: int = 640
    height: int = 360

    def frames(self) -> Iterator[av.VideoFrame]:
        """Every picture of the loop, yuv420p."""
        return _small(self) if self.small else _camera(self)


@dataclass(frozen=True, slots=True)
class Screen:
    """The loop of a shared screen: one slide after the other."""

    actor: int
    name: str
    slides: tuple[str, ...]

    def frames(self) -> Iterator[av.VideoFrame]:
        return _screen(self)


def _camera(camera: Camera) -> Iterator[av.VideoFrame]:
    """A textured wall, a head that sways before it, a disc on its way: about as costly to encode as a webcam."""
    width, height, rng = camera.width, camera.height, np.random.default_rng(camera.actor)
    wall = _texture(rng, height, width, 90, 26)
    head = _head(rng, height)
    hue = (camera.actor * 0.61803) % 1.0
    u_wall, v_wall = _chroma(hue, 0.45)
    u_head, v_head = _chroma(0.07, 0.5)
    glyphs = _glyphs(height // 11)
    label = _text(camera.name, height // 11)
    mask_c = head[1][::2, ::2]
    for n in range(camera.loop_s * CAMERA_FPS):
        phase = 2 * np.pi * n / (camera.loop_s * CAMERA_FPS)
        y, u, v = wall.copy(), np.full((height // 2, width // 2), u_wall), np.full((height // 2, width // 2), v_wall)
        x0 = int(width * 0.36 + width * 0.03 * np.sin(phase * 9 + camera.actor)) & ~1
        y0 = int(height * 0.2 + height * 0.02 * np.sin(phase * 14)) & ~1
        _stamp(y, head[0], head[1], y0, x0)
        _stamp(u, np.full(mask_c.shape, u_head), mask_c, y0 // 2, x0 // 2)
        _stamp(v, np.full(mask_c.shape, v_head), mask_c, y0 // 2, x0 // 2)
        _disc(y, width * (0.5 + 0.42 * np.cos(phase * 3)), height * (0.55 + 0.3 * np.sin(phase * 6)), height // 14)
        _plate(y, label, height * 17 // 100, width // 32)
        _plate(y, _clock(glyphs, n / CAMERA_FPS), height * 17 // 100, width - width // 4)
        source = Source.SMALL_CAMERA if camera.small else Source.CAMERA
        clockstrip.draw(y, ClockReading(camera.actor, n, source))
        yield _frame(y, u, v)


def _small(camera: Camera) -> Iterator[av.VideoFrame]:
    """The same scene drawn at half the size."""
    return (
        _camera(Camera(camera.actor, camera.name, camera.loop_s, True, 320, 180))
        if camera.width == 640
        else _camera(camera)
    )


def _screen(screen: Screen) -> Iterator[av.VideoFrame]:
    width, height = SCREEN_SIZE
    for index, title in enumerate(screen.slides):
        planes = _slide(title, index, len(screen.slides), screen.name)
        for n in range(SLIDE_S * SCREEN_FPS):
            y = planes[0].copy()
            number = index * SLIDE_S * SCREEN_FPS + n
            _plate(y, _text(f"{number / SCREEN_FPS:06.1f}", 40), height - 90, width - 220)
            clockstrip.draw(y, ClockReading(screen.actor, number, Source.SCREEN))
            yield _frame(y, planes[1], planes[2])


def _slide(title: str, index: int, count: int, presenter: str) -> tuple[Plane, Plane, Plane]:
    width, height = SCREEN_SIZE
    image = Image.new("RGB", SCREEN_SIZE, (244, 242, 236))
    pen = ImageDraw.Draw(image)
    pen.text((80, 140), title, font=ImageFont.load_default(76), fill=(30, 40, 60))
    pen.text(
        (80, 640), f"{presenter}, slide {index + 1} of {count}", font=ImageFont.load_default(28), fill=(90, 90, 90)
    )
    rng = np.random.default_rng(sum(map(ord, title)) + index)
    for bar, value in enumerate(rng.integers(60, 300, 8)):
        colour = tuple(int(255 * c) for c in colorsys.hsv_to_rgb((index * 0.21 + bar * 0.03) % 1, 0.6, 0.75))
        pen.rectangle((100 + bar * 130, 590 - int(value), 190 + bar * 130, 590), fill=colour)
    rgb = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
    planes = rgb.reformat(format="yuv420p").to_ndarray().astype(np.uint8)
    u = planes[height : height * 5 // 4].reshape(height // 2, width // 2)
    v = planes[height * 5 // 4 :].reshape(height // 2, width // 2)
    return planes[:height].copy(), u.copy(), v.copy()


def _texture(rng: np.random.Generator, height: int, width: int, mean: int, depth: int) -> Plane:
    """Smooth noise at several scales, the same at every size of the picture."""
    field = np.zeros((height, width))
    for cells in (6, 16, 48):
        grid = rng.standard_normal((cells, cells * 2)).astype(np.float32)
        image = Image.fromarray(grid, mode="F").resize((width, height), Image.Resampling.BICUBIC)
        field += np.asarray(image) / cells**0.5
    field *= depth / field.std()
    return np.clip(field + mean, 24, 220).astype(np.uint8)


def _head(rng: np.random.Generator, height: int) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """Luma and mask of an egg-shaped face with eyes and mouth."""
    h, w = int(height * 0.62) & ~1, int(height * 0.46) & ~1
    yy, xx = np.mgrid[0:h, 0:w]
    r = np.hypot((yy - h / 2) / (h / 2), (xx - w / 2) / (w / 2))
    luma = np.clip(190 - 70 * r + np.asarray(_texture(rng, h, w, 0, 5), float) - 24, 40, 225)
    for ex in (0.33, 0.67):
        luma[np.hypot((yy - h * 0.42) / h, (xx - w * ex) / w) < 0.05] = 35
    luma[(abs(yy - h * 0.72) < h * 0.02) & (abs(xx - w / 2) < w * 0.18)] = 60
    return luma.astype(np.uint8), r < 1


def _stamp(plane: Plane, what: Plane, mask: npt.NDArray[np.bool_], top: int, left: int) -> None:
    view = plane[top : top + mask.shape[0], left : left + mask.shape[1]]
    np.copyto(view, what[: view.shape[0], : view.shape[1]], where=mask[: view.shape[0], : view.shape[1]])


def _disc(y: Plane, x: float, top: float, radius: int) -> None:
    across = np.arange(-radius, radius + 1)
    mask: npt.NDArray[np.bool_] = across[:, None] ** 2 + across[None, :] ** 2 <= radius**2
    _stamp(y, np.full(mask.shape, 225, np.uint8), mask, int(top) - radius, int(x) - radius)


def _plate(y: Plane, text: Plane, top: int, left: int) -> None:
    """Text on a dark plate."""
    view = y[top : top + text.shape[0], left : left + text.shape[1]]
    view[:] = text[: view.shape[0], : view.shape[1]]


def _text(text: str, size: int) -> Plane:
    font = ImageFont.load_default(size)
    box = font.getbbox(text)
    image = Image.new("L", (int(box[2]) + 8, int(size * 1.25)), 24)
    ImageDraw.Draw(image).text((4, 0), text, font=font, fill=235)
    return np.asarray(image)


def _glyphs(size: int) -> dict[str, Plane]:
    return {char: _text(char, size) for char in _CHARS}


def _clock(glyphs: dict[str, Plane], seconds: float) -> Plane:
    return np.concatenate([glyphs[char] for char in f"{seconds:05.2f}"], axis=1)


def _chroma(hue: float, saturation: float) -> tuple[np.uint8, np.uint8]:
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, 0.55)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return np.uint8(128 + 126 * (b - y)), np.uint8(128 + 160 * (r - y))


def _frame(y: Plane, u: Plane, v: Plane) -> av.VideoFrame:
    height, width = y.shape
    packed = np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)]).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(packed, format="yuv420p")
