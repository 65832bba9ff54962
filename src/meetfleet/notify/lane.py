"""One receiver's queue in memory: who is tried next, and how many at once. No I/O, so that it can be reasoned about."""

from collections import deque
from collections.abc import Iterable
from uuid import UUID

from meetfleet.store.repositories.messages import DueMessage

AT_ONCE = 64
"""Attempts under way to one receiver at a time."""
WINDOW = 512
"""Messages of one receiver in memory at a time."""
FAILING = 20
"""After so many failures in a row a receiver is tried gently."""
GENTLE_PAUSE_S = 0.05
_HASTE_S = 0.001

CALLBACK_PREFIX = "callback:"


class Lane:
    """A bot's messages are first tried in the order they were written, one at a time; those that failed before wait
    for no other and hold up none. A receiver that only fails gets at most twenty attempts a second, so that a dead
    one costs little whatever is told; ordinary traffic never comes near that.

    Attributes:
        key: The endpoint's id, or `callback:` and a host.
        hungry: Whether the database may hold due messages that are not here.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.hungry = True
        self.held: set[UUID] = set()
        self.under_way = 0
        self._ready: deque[DueMessage] = deque()
        self._behind: dict[UUID, deque[DueMessage]] = {}
        self._failures = 0
        self._not_before = 0.0

    @property
    def endpoint_id(self) -> UUID | None:
        return None if self.key.startswith(CALLBACK_PREFIX) else UUID(self.key)

    @property
    def room(self) -> int:
        """How many more messages should be fetched; none while many wait here."""
        free = WINDOW - len(self.held)
        return free if free >= WINDOW // 2 else 0

    @property
    def is_idle(self) -> bool:
        return not self.held and not self.hungry

    def take(self, messages: Iterable[DueMessage]) -> None:
        """Messages in the order they were written."""
        for message in messages:
            if message.id in self.held:
                continue
            self.held.add(message.id)
            bot = self._in_order(message)
            if bot is not None and bot in self._behind:
                self._behind[bot].append(message)
                continue
            if bot is not None:
                self._behind[bot] = deque()
            self._ready.append(message)

    def next(self, now_s: float) -> DueMessage | None:
        """The message to try now, which then is under way; None if there is none, or not yet.

        Args:
            now_s: Seconds on any clock that never goes back.
        """
        if not self._ready or self.under_way >= AT_ONCE or self.pause_s(now_s) > 0:
            return None
        if self._failures >= FAILING:
            self._not_before = now_s + GENTLE_PAUSE_S
        self.under_way += 1
        return self._ready.popleft()

    def pause_s(self, now_s: float) -> float:
        """How long a receiver that only fails is left alone yet."""
        left_s = self._not_before - now_s
        return left_s if self._ready and self._failures >= FAILING and left_s > _HASTE_S else 0.0

    def tried(self, message: DueMessage, *, delivered: bool) -> None:
        """An attempt ended; the message stays held until that is written down."""
        self.under_way -= 1
        self._failures = 0 if delivered else self._failures + 1
        bot = self._in_order(message)
        if bot is None:
            return
        if self._behind[bot]:
            self._ready.append(self._behind[bot].popleft())
        else:
            del self._behind[bot]

    def settled(self, message_id: UUID) -> None:
        """What became of the message is written down."""
        self.held.discard(message_id)

    def drop_waiting(self) -> None:
        """Forgets what is not under way."""
        for message in self._ready:
            self.held.discard(message.id)
            bot = self._in_order(message)
            if bot is not None:
                self.held.difference_update(behind.id for behind in self._behind.pop(bot))
        self._ready.clear()
        for behind in self._behind.values():
            self.held.difference_update(message.id for message in behind)
            behind.clear()

    def _in_order(self, message: DueMessage) -> UUID | None:
        """The bot whose order the message keeps."""
        return message.bot_id if message.tries == 0 and message.endpoint_id is not None else None
