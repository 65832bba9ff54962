"""What the sound artifacts found out and the video must agree with: what is recorded, and who speaks when."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meetfleet.artifacts.video.director import Turn
from meetfleet.artifacts.video.spans import Span
from meetfleet.domain.errors import MediaError


@dataclass(frozen=True, slots=True)
class Timeline:
    """Shared by every artifact of a recording; all times are nanoseconds on the meeting clock.

    Attributes:
        recorded: Sorted and separate; time zero is the first start, pauses lie between.
        turns: Who speaks when, by the platform's participant ids.
    """

    recorded: tuple[Span, ...]
    turns: tuple[Turn, ...] = ()

    def write(self, path: Path) -> None:
        """Writes it as JSON: `{"recorded": [[start, end]], "turns": [[participant_id, start, end]]}`."""
        recorded = [[span.start_ns, span.end_ns] for span in self.recorded]
        turns = [[turn.participant_id, turn.start_ns, turn.end_ns] for turn in self.turns]
        path.write_text(json.dumps({"recorded": recorded, "turns": turns}), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote.

        Raises:
            MediaError: code `no_timeline`: missing or not of this form.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            recorded = tuple(Span(int(start), int(end)) for start, end in raw["recorded"])
            turns = tuple(Turn(str(who), int(start), int(end)) for who, start, end in raw["turns"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise MediaError(f"The time line {path.name} cannot be read: {error}", code="no_timeline") from error
        return cls(recorded, turns)
