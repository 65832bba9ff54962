"""Which of the bots that wait get a place on one machine now: a choice that grows bot by bot."""

from collections.abc import Iterable
from uuid import UUID

from meetfleet.control.playground import Ground
from meetfleet.fleet.capacity import Capacity, Load, Running, refusal
from meetfleet.store.repositories.bots import LiveGroup
from meetfleet.store.tables import BotRow


class Choice:
    """One round of placing.

    Attributes:
        going: Who gets a place.
        turned_away: How many bots ended because they cannot have what they need.
        held_teams: Teams whose bots have to wait.
        aside: Bots of the sandbox that have to wait for their rooms, or cannot have one.
        grounds: What bots of the sandbox are told besides.
        reasons: Why bots wait: of one team, or (None) of all.
    """

    def __init__(self, room: Capacity) -> None:
        self._room = room
        self._load: Load | None = None
        self.going: list[BotRow] = []
        self.turned_away = 0
        self.held_teams: set[UUID] = set()
        self.aside: set[UUID] = set()
        self.grounds: dict[UUID, Ground] = {}
        self.reasons: list[tuple[str, UUID | None]] = []

    def note_running(self, groups: Iterable[LiveGroup]) -> None:
        """What already runs on the machine."""
        if self._load is None:
            self._load = sum((_load_of(group) for group in groups), Load())

    def is_full(self, bot: BotRow) -> bool:
        """Whether the machine has no room for this bot; all others then wait for the same reason."""
        why = refusal(self._room, self._load or Load(), bot.recording_mode)
        if why is not None:
            self.reasons.append((why, None))
        return why is not None

    def take(self, bot: BotRow) -> None:
        self.going.append(bot)
        self._load = (self._load or Load()) + Load.one(Running(bot.recording_mode, None, is_joining=True))

    def take_in_sandbox(self, bot: BotRow, ground: Ground | None) -> None:
        """Gives a place in the sandbox, if that is ready."""
        if ground is None:
            self.aside.add(bot.id)
        else:
            self.grounds[bot.id] = ground
            self.take(bot)

    def hold(self, team_id: UUID, why: str | None = None) -> None:
        """Lets a team's bots wait."""
        self.held_teams.add(team_id)
        if why is not None:
            self.reasons.append((why, team_id))

    def going_of(self, team_id: UUID) -> int:
        """How many of those who go count for a team; bots of the sandbox count for nobody."""
        return sum(bot.team_id == team_id and not bot.is_sandbox for bot in self.going)


def _load_of(group: LiveGroup) -> Load:
    if group.joining or group.cores is None or group.memory_bytes is None:
        return Load.one(Running(group.mode, None, group.joining), group.count)
    return Load(group.count, 0, group.cores, group.memory_bytes)
