"""How large the picture is."""

from enum import StrEnum

from meetfleet.artifacts.video.geometry import Size
from meetfleet.artifacts.video.plan import Layout


class Resolution(StrEnum):
    """Names of picture sizes, all 16:9. AUTO is no larger than what the sharpest camera or screen fills."""

    P360 = "360p"
    P540 = "540p"
    P720 = "720p"
    P1080 = "1080p"
    AUTO = "auto"


SIZES = {
    Resolution.P360: Size(640, 360),
    Resolution.P540: Size(960, 540),
    Resolution.P720: Size(1280, 720),
    Resolution.P1080: Size(1920, 1080),
}


def canvas_size(resolution: Resolution, layout: Layout, sharpest: tuple[int, int]) -> Size:
    """The size of the picture in pixels.

    Args:
        sharpest: Width and height of the largest picture that any track sent, zeros if unknown.
    """
    if resolution is not Resolution.AUTO:
        return SIZES[resolution]
    if not any(sharpest):
        return SIZES[Resolution.P720]
    lines = min(sharpest)  # a phone held upright has as many lines as one held level
    enough = next((size for size in SIZES.values() if size.height >= lines), SIZES[Resolution.P1080])
    smallest = SIZES[Resolution.P720 if layout is Layout.GALLERY_VIEW else Resolution.P360]
    return max(enough, smallest, key=lambda size: size.height)
