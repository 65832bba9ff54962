"""Finding a font that can write a name: the machine's fonts for any script, Pillow's own when there are none."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PREFERRED = (
    "NotoSans-Regular", "DejaVuSans", "LiberationSans-Regular", "Arial Unicode", "Arial", "SegoeUI", "Helvetica",
    "NotoSansCJK-Regular", "NotoSansArabic-Regular", "NotoSansHebrew-Regular", "NotoSansDevanagari-Regular",
    "NotoSansThai-Regular", "PingFang", "msyh", "YuGothR", "malgun", "wqy-microhei", "DroidSansFallbackFull",
)  # fmt: skip
SUFFIXES = (".ttf", ".otf", ".ttc")
SCAN_LIMIT = 60


def font_for(text: str, size: int) -> Font:
    """The first font that knows every character of `text`, or the one that knows most of them.

    Args:
        size: Pixels.
    """
    best, best_known = ImageFont.load_default(size), -1
    for font in _candidates(size):
        known = sum(1 for character in text if _knows(font, character))
        if known == len(text):
            return font
        if known > best_known:
            best, best_known = font, known
    return best


def writable(text: str, font: Font) -> str:
    """The text without the characters that the font would draw as an empty box."""
    return "".join(character for character in text if _knows(font, character))


def _candidates(size: int) -> Iterator[Font]:
    for path in _font_files():
        if (font := _load(path, size)) is not None:
            yield font
    yield ImageFont.load_default(size)


@cache
def _load(path: Path, size: int) -> Font | None:
    try:
        return ImageFont.truetype(path, size)
    except OSError:  # not a font, or a bitmap font without this size
        return None


@cache
def _knows(font: Font, character: str) -> bool:
    """Whether the font has a picture of its own for the character: an unknown one looks like U+10FFFE."""
    if character.isspace():
        return True
    return _drawn(font, character) != _drawn(font, "\U0010fffe")


@cache
def _drawn(font: Font, character: str) -> tuple[tuple[int, ...], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(cast(bytes, mask))


@cache
def _font_files() -> tuple[Path, ...]:
    """Fonts of this machine: preferred ones first, then others up to a limit (a scan costs milliseconds a font)."""
    files: dict[str, Path] = {}
    for directory in _font_directories():
        for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if path.suffix.lower() in SUFFIXES:
                files.setdefault(path.stem, path)
    preferred = [files[stem] for stem in PREFERRED if stem in files]
    others = [path for stem, path in files.items() if stem not in PREFERRED and _is_plain(stem)]
    return tuple([*preferred, *others][:SCAN_LIMIT])


def _is_plain(stem: str) -> bool:
    return not any(word in stem for word in ("Bold", "Italic", "Oblique", "Emoji", "Mono", "Symbol", "Light", "Black"))


def _font_directories() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"
    if sys.platform == "win32":
        return (Path(os.sep, "Windows", "Fonts"),)
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts"
