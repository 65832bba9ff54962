"""When a bot must believe that the control plane does not know it any more, and not only that something went wrong."""

ENDED = 409  # the link's own word for it: this process is no longer served
DENIED = frozenset({401, 403, 404, 410})
PATIENCE_S = 60.0
TIMES = 5
_NS = 1_000_000_000


class Disowning:
    """Judges the link's answers. Pure: fed with status codes and the time.

    A server that restarts, or a proxy before it, may deny a bot for a moment; only denial without any other answer in
    between, for a while and several times, is for good.
    """

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._times = 0

    def answered(self, status: int, now_ns: int) -> bool:
        """Takes one answer; returns whether the bot is disowned for good."""
        if status == ENDED:
            return True
        if status not in DENIED:
            self._since_ns, self._times = None, 0
            return False
        self._since_ns = now_ns if self._since_ns is None else self._since_ns
        self._times += 1
        return self._times >= TIMES and now_ns - self._since_ns >= PATIENCE_S * _NS
