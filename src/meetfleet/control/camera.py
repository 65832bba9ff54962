"""What a bot shows as its camera, as its row remembers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from meetfleet.domain.link import CameraLoop, CameraSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What a bot's row remembers of its pictures.

    Attributes:
        each_s: How long each is shown, in `auto`.
    """

    urls: tuple[str, ...]
    loop: CameraLoop = CameraLoop.AUTO
    each_s: float = 30

    def to_dict(self) -> dict[str, Any]:
        return {"urls": list(self.urls), "loop": self.loop.value, "each_s": self.each_s}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> Self | None:
        return cls(urls=tuple(raw["urls"]), loop=CameraLoop(raw["loop"]), each_s=raw["each_s"]) if raw else None

    @property
    def spec(self) -> CameraSpec:
        """What the bot is told of it."""
        return CameraSpec(len(self.urls), self.loop, self.each_s)
