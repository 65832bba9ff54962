"""Names and initials as patches: drawn once with Pillow, kept, and pasted for every picture."""

import unicodedata
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from meetfleet.artifacts.video.canvas import Colour, Patch, Plane, colour
from meetfleet.artifacts.video.fonts import Font, font_for, writable
from meetfleet.artifacts.video.geometry import Size, even

WHITE = colour(255, 255, 255)
BOX = colour(24, 26, 31)
TILE = colour(43, 46, 54)
DISCS = tuple(
    colour(*rgb)
    for rgb in (
        (66, 104, 196), (38, 128, 116), (164, 82, 64), (128, 84, 168), (84, 124, 52), (176, 66, 108), (52, 116, 156),
        (148, 108, 40),
    )
)  # fmt: skip
LONGEST_NAME = 60


@lru_cache(maxsize=512)
def name_patch(text: str, height: int, widest: int) -> Patch | None:
    """A name in white on a dark box, cut with an ellipsis when wider than `widest`; None when nothing is left of it.

    Args:
        height: Of the box, in pixels.
        widest: Of the box, in pixels.
    """
    text = _one_line(text)
    font = font_for(text, round(height * 0.58))
    text = _cut(writable(text, font), font, widest - height)
    if not text:
        return None
    size = Size(min(even(widest), even(font.getlength(text) + height) + 2), even(height))
    mask = Image.new("L", (size.width, size.height))
    ImageDraw.Draw(mask).text((size.width / 2, size.height / 2), text, fill=255, font=font, anchor="mm")
    return _tinted(size, BOX, [(mask, WHITE)])


@lru_cache(maxsize=256)
def still_patch(name: str, key: str, size: Size) -> Patch:
    """A still tile for somebody without a picture: initials in a disc whose colour belongs to the person.

    Args:
        name: Display name; empty draws an empty disc.
        key: What chooses the colour: the participant's id.
    """
    radius = even(min(size.width, size.height) * 0.24)
    centre = (size.width / 2, size.height / 2)
    disc = Image.new("L", (size.width, size.height))
    corners = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    ImageDraw.Draw(disc).ellipse(corners, fill=255)
    letters = initials(name)
    mask = Image.new("L", (size.width, size.height))
    font = font_for(letters, max(8, round(radius * 0.8)))
    ImageDraw.Draw(mask).text(centre, writable(letters, font), fill=255, font=font, anchor="mm")
    return _tinted(size, TILE, [(disc, DISCS[sum((key or name).encode()) % len(DISCS)]), (mask, WHITE)])


@lru_cache(maxsize=64)
def count_patch(count: int, size: Size) -> Patch:
    """A tile that stands for `count` people for whom there is no room."""
    mask = Image.new("L", (size.width, size.height))
    font = font_for("+0123456789", max(8, round(size.height * 0.22)))
    ImageDraw.Draw(mask).text((size.width / 2, size.height / 2), f"+{count}", fill=255, font=font, anchor="mm")
    return _tinted(size, TILE, [(mask, WHITE)])


def initials(name: str) -> str:
    """The first letters of the first and the last word, in capitals: `Ada King Lovelace` is `AL`."""
    words = [letters for word in name.split() if (letters := "".join(c for c in word if c.isalnum()))]
    if not words:
        return ""
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def _one_line(text: str) -> str:
    kept = (c for c in unicodedata.normalize("NFC", text[: LONGEST_NAME * 4]) if c.isspace() or c.isprintable())
    return " ".join("".join(kept).split())[:LONGEST_NAME]


def _cut(text: str, font: Font, widest: float) -> str:
    if font.getlength(text) <= widest:
        return text
    while text and font.getlength(text + "…") > widest:
        text = text[:-1].rstrip()
    return text + "…" if text else ""


def _tinted(size: Size, ground: Colour, layers: list[tuple[Image.Image, Colour]]) -> Patch:
    """Blends colours over a ground by their masks, in luma at full and in chroma at half resolution."""
    planes: list[Plane] = []
    for index in range(3):
        shape = (size.height, size.width) if index == 0 else (size.height // 2, size.width // 2)
        plane = np.full(shape, ground[index], np.float32)
        for mask, paint in layers:
            scaled = mask if index == 0 else mask.resize((shape[1], shape[0]), Image.Resampling.BOX)
            plane += (paint[index] - plane) * (np.asarray(scaled, np.float32) / 255)
        planes.append(np.rint(plane).astype(np.uint8))
    return Patch((planes[0], planes[1], planes[2]))
