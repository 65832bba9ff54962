"""What a stay tells the control plane, and notes on the tape beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meetfleet.bot.gated_tape import GatedTape
from meetfleet.bot.observations import Finish
from meetfleet.bot.witness import Witness
from meetfleet.domain.clock import Clock
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import Command, EventType
from meetfleet.platforms.screen import Screen
from meetfleet.tape.records import CommandSeen, ScreenSeen, StateSeen

Tell = Callable[[EventType, dict[str, Any]], None]


@dataclass(slots=True)
class Reports:
    """Writes states, screens and answers to both. Nothing here blocks or raises."""

    tell: Tell
    tape: GatedTape
    witness: Witness
    clock: Clock

    def state(self, state: BotState, finish: Finish | None = None) -> None:
        """The bot is in another state; with the reason and its evidence from the end on."""
        data: dict[str, Any] = {"state": state.value}
        if finish:
            data |= {
                "reason": finish.reason.value,
                "detail": finish.detail,
                "evidence": self.witness.evidence(finish, self.clock.now_ns()),
            }
        else:
            self.tape.note(StateSeen(state))
        self.tell(EventType.STATE, data)

    def end_on_tape(self, finish: Finish) -> None:
        """The last state of the take."""
        self.tape.note(StateSeen(BotState.LEAVING, finish.reason, finish.detail))

    def screen(self, screen: Screen) -> None:
        """The page was looked at; only a change is told."""
        if not self.witness.saw(screen, self.clock.now_ns()):
            return
        self.tape.append(ScreenSeen(screen.name, screen.evidence, screen.url))
        data = {"name": screen.name, "evidence": screen.evidence[:200], "url": screen.url}
        self.tell(EventType.SCREEN, data)

    def answer(self, command: Command, *, ok: bool, detail: str = "", code: str = "") -> None:
        """How an order went."""
        self.tape.note(CommandSeen(command.seq, command.type, ok, detail))
        self.tell(EventType.COMMAND_DONE, {"seq": command.seq, "ok": ok, "detail": detail, "code": code})

    def warning(self, text: str) -> None:
        self.tell(EventType.LOG, {"level": "warning", "text": text})
