"""Waits between tries: doubling, capped, with jitter, so that a hundred bots do not knock at the same moment."""

import random


class Backoff:
    """Seconds to wait before each next try.

    Args:
        first_s: Upper bound of the first wait; each further one doubles up to `most_s`.
    """

    def __init__(self, first_s: float = 0.5, most_s: float = 15.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> float:
        """Counts a failure; returns the wait: between half and all of the bound."""
        bound = min(self._most_s, self._first_s * 2 ** min(self._failures, 16))
        self._failures += 1
        return bound * (0.5 + random.random() / 2)
