"""The one lifecycle of a bot, and what may follow what. The three APIs only project it."""

from enum import StrEnum


class BotState(StrEnum):
    """Where a bot is in its life. `completed`, `failed` and `cancelled` are final."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    PICKUP_DELAYED = "pickup_delayed"
    STARTING = "starting"
    JOINING = "joining"
    WAITING_ROOM = "waiting_room"
    WAITING_HOST = "waiting_host"
    IN_CALL = "in_call"
    RECORDING = "recording"
    PAUSED = "paused"
    LEAVING = "leaving"
    PROCESSING = "processing"
    TRANSCRIBING = "transcribing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL

    @property
    def is_in_queue(self) -> bool:
        """Whether the bot was sent and has no place to run yet."""
        return self in IN_QUEUE

    @property
    def is_live(self) -> bool:
        """Whether a bot process is expected to exist and report."""
        return self in LIVE


_S = BotState
FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})
IN_QUEUE = frozenset({_S.QUEUED, _S.PICKUP_DELAYED})
LIVE = frozenset(
    {_S.STARTING, _S.JOINING, _S.WAITING_ROOM, _S.WAITING_HOST, _S.IN_CALL, _S.RECORDING, _S.PAUSED, _S.LEAVING}
)
WAITING = frozenset({_S.WAITING_ROOM, _S.WAITING_HOST})
JOINING = frozenset({_S.STARTING, _S.JOINING})
IN_MEETING = frozenset({_S.IN_CALL, _S.RECORDING, _S.PAUSED})

# A batch of events can skip states that passed while the link was down, so each state may be followed by any later
# one of its own phase; what may never happen is a step back or out of a final state.
_FORWARD: dict[BotState, frozenset[BotState]] = {
    _S.SCHEDULED: frozenset({_S.QUEUED, _S.FAILED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.PICKUP_DELAYED, _S.STARTING, _S.FAILED, _S.CANCELLED}),
    _S.PICKUP_DELAYED: frozenset({_S.STARTING, _S.FAILED, _S.CANCELLED}),
    _S.STARTING: frozenset({_S.JOINING, _S.QUEUED, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.JOINING: frozenset({_S.WAITING_ROOM, _S.WAITING_HOST, _S.IN_CALL, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.WAITING_ROOM: frozenset({_S.JOINING, _S.WAITING_HOST, _S.IN_CALL, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.WAITING_HOST: frozenset({_S.JOINING, _S.WAITING_ROOM, _S.IN_CALL, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.IN_CALL: frozenset({_S.RECORDING, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.RECORDING: frozenset({_S.PAUSED, _S.IN_CALL, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.PAUSED: frozenset({_S.RECORDING, _S.LEAVING, _S.PROCESSING, _S.FAILED}),
    _S.LEAVING: frozenset({_S.PROCESSING, _S.FAILED}),
    _S.PROCESSING: frozenset({_S.TRANSCRIBING, _S.COMPLETED, _S.FAILED}),
    _S.TRANSCRIBING: frozenset({_S.COMPLETED, _S.FAILED}),
    _S.COMPLETED: frozenset({_S.TRANSCRIBING}),
    _S.FAILED: frozenset({_S.TRANSCRIBING}),
    _S.CANCELLED: frozenset(),
}


def may_follow(current: BotState, following: BotState) -> bool:
    """Whether a bot in `current` may enter `following`.

    A finished bot may only go back to `transcribing` (retranscription), and never becomes live again.
    """
    return following in _FORWARD[current]
