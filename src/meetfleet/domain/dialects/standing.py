"""How a stored bot stands: the facts of its row from which every dialect reads its status."""

from dataclasses import dataclass

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState


@dataclass(frozen=True, slots=True)
class Standing:
    """What must be true of a bot for it to show a certain status.

    Attributes:
        reasons: Its end reason is one of these (None stands for no reason yet); empty if the reason does not matter.
        recorded: Whether recording ever started; None if it does not matter.
        resumed: Whether recording was ever paused; None if it does not matter.
    """

    state: BotState
    reasons: frozenset[EndReason | None] = frozenset()
    recorded: bool | None = None
    resumed: bool | None = None
