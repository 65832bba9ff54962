"""Is anybody heard? Judged from encoded audio alone: the level that senders declare, else the size of the packets."""

from collections.abc import Iterable
from dataclasses import dataclass

from meetfleet.tape.frame import LEVEL_UNKNOWN, EncodedFrame, FrameKind

SPEECH_DBOV = 50  # -dBov; speech is 15..45, room noise 60 and more (RFC 6464: 0 is loudest, 127 silence)
SPEECH_BYTES = 40  # an Opus packet of 20 ms: comfort noise has 1..10 bytes, speech 60 and more
LOUD_FRAMES = 5


@dataclass(slots=True)
class SoundWatch:
    """Collects since the last `take` how many frames held sound, and whether they name a source."""

    _loud: int = 0
    _named: int = 0

    def feed(self, frames: Iterable[EncodedFrame]) -> None:
        for frame in frames:
            if frame.kind is FrameKind.AUDIO and _is_loud(frame):
                self._loud += 1
                self._named += bool(frame.csrcs)

    def take(self) -> tuple[bool, bool]:
        """Whether somebody was heard since the last call, and whether the packets said who."""
        heard, named = self._loud >= LOUD_FRAMES, self._named > 0
        self._loud = self._named = 0
        return heard, named


def _is_loud(frame: EncodedFrame) -> bool:
    if frame.audio_level == LEVEL_UNKNOWN:
        return len(frame.payload) >= SPEECH_BYTES
    return frame.audio_level <= SPEECH_DBOV
