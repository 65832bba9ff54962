"""Where each packet of one voice goes on the time line: steady while it sounds, corrected while it is quiet."""

from meetfleet.artifacts.opus import GRID_SAMPLES

_SILENT_GAP = 2880  # 60 ms without packets: whatever the correction, nobody hears it
_CONTIGUOUS = 480  # 10 ms: two streams that carry one voice in turn agree within this
_CORRECT_QUIET = 240  # 5 ms
_CORRECT_FORCED = 720  # 15 ms: sound itself moves only when nothing quiet came for minutes


class Placer:
    """Places packets in samples at 48 kHz, on a grid of 2.5 ms, without overlap.

    Each packet comes with its ideal place (its RTP time on the meeting clock). Within a run the places follow the
    RTP timestamps exactly; the difference to the ideal, which grows as the sender's clock drifts, is taken out where
    it cannot be heard: in gaps and in quiet packets, of which one may be dropped.

    Attributes:
        end: Where the last placed packet ends.
    """

    def __init__(self) -> None:
        self.end: int | None = None
        self._last = 0

    def place(self, ideal: int, samples: int, *, step: int | None, is_quiet: bool) -> int | None:
        """Returns where the packet goes, or None if it is to be left out.

        Args:
            step: Samples since the previous packet by RTP timestamps; None at the start of a stream.
        """
        if self.end is None:
            return self._take(_grid(ideal), samples)
        base = self._base(ideal, step, self.end)
        error = abs(ideal - base)
        if base - self.end >= _SILENT_GAP:
            return self._take(max(_grid(ideal), self.end), samples)
        if error > _CORRECT_FORCED or (is_quiet and error >= _CORRECT_QUIET):
            return self._take(_grid(ideal), samples)
        return self._take(base, samples)

    def _base(self, ideal: int, step: int | None, end: int) -> int:
        if step is not None:
            base = self._last + step
            return end if abs(base - end) < GRID_SAMPLES else base
        return end if abs(ideal - end) <= _CONTIGUOUS else _grid(ideal)

    def _take(self, position: int, samples: int) -> int | None:
        self._last = position
        if self.end is not None and position < self.end:
            return None
        self.end = position + samples
        return position


def _grid(samples: int) -> int:
    return (samples + GRID_SAMPLES // 2) // GRID_SAMPLES * GRID_SAMPLES
