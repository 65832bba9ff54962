"""When a picture is written: only when something changed, and not more often than wanted."""

from collections.abc import Iterator


class Pacer:
    """Turns moments of change into moments of pictures, so that the frame rate follows the content.

    A change is shown at once, or when the shortest interval since the last picture is over; further changes until then
    ride along. Where nothing changes a picture is repeated now and then, because players seek by pictures.

    Args:
        shortest_ns: Least time between two pictures; its inverse is the highest frame rate. May be changed.
        longest_ns: Most time between two pictures.
    """

    def __init__(self, shortest_ns: int, longest_ns: int) -> None:
        self.shortest_ns = shortest_ns
        self._longest_ns = longest_ns
        self._last_ns: int | None = None
        self._pending_ns: int | None = None

    def changed(self, at_ns: int) -> None:
        """Something changes at `at_ns`; call `due(at_ns)` before."""
        if self._pending_ns is None:
            earliest = at_ns if self._last_ns is None else self._last_ns + self.shortest_ns
            self._pending_ns = max(at_ns, earliest)

    def due(self, until_ns: int) -> Iterator[int]:
        """The moments before `until_ns` at which a picture has to be written, in order."""
        while (at_ns := self._next()) is not None and at_ns < until_ns:
            self._last_ns, self._pending_ns = at_ns, None
            yield at_ns

    def _next(self) -> int | None:
        if self._pending_ns is not None or self._last_ns is None:
            return self._pending_ns
        return self._last_ns + self._longest_ns
