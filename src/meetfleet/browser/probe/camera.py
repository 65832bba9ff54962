"""What the page's camera shows, as we tell its scripts: kept for those that come, or come back, later."""

import base64
from collections.abc import Iterable, Sequence

from meetfleet.browser.probe.script_link import ScriptLink


class CameraFeed:
    """The pictures of one page's camera.

    Attributes:
        is_lit: The page has decoded at least one of them.
    """

    def __init__(self) -> None:
        self.is_lit = False
        self._pictures: list[str] = []
        self._each_ms = 0

    def show(self, pictures: Sequence[bytes], each_s: float, links: Iterable[ScriptLink]) -> None:
        """JPEGs that take turns from now on, beginning with the first."""
        self._pictures = [base64.b64encode(picture).decode() for picture in pictures]
        self._each_ms = round(each_s * 1000)
        self.tell(links)

    def tell(self, links: Iterable[ScriptLink]) -> None:
        """Tells scripts what to show, if there is anything. A camera may be asked for in any frame of the page."""
        for link in links:
            if self._pictures and link.kind == "window":
                link.command("camera", pictures=self._pictures, everyMs=self._each_ms)
