"""When who says what: the script's lines laid out in ticks of 20 ms, once the length of each is known."""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from meetfleet.lab.media.opus import PACKET_S
from meetfleet.lab.media.studio import SpokenClip
from meetfleet.lab.script import Line, RoomScript

TICKS_PER_S = round(1 / PACKET_S)
FIRST_WORD_S = 1.0
"""When the first line without a time of its own starts."""
LOOP_HOURS = 4


@dataclass(frozen=True, slots=True, order=True)
class Utterance:
    """A line at its place in room time. `start_tick` is the tick of its first packet (which is silent)."""

    start_tick: int
    who: str
    text: str = field(compare=False)
    clip: SpokenClip = field(compare=False)
    number: int = field(compare=False, default=0)

    @property
    def end_tick(self) -> int:
        return self.start_tick + len(self.clip.clip.packets)


def lay_out(script: RoomScript, clips: Sequence[SpokenClip]) -> list[Utterance]:
    """Places the lines of `script_lines(script)`, whose clips come in the same order; a looping script repeats them."""
    lines = script_lines(script)
    once: list[Utterance] = []
    free_tick = round(FIRST_WORD_S * TICKS_PER_S)
    for number, (line, clip) in enumerate(zip(lines, clips, strict=True)):
        start = round(line.at * TICKS_PER_S) if line.at is not None else free_tick + round(line.pause * TICKS_PER_S)
        once.append(Utterance(max(0, start), line.who, line.text, clip, number))
        free_tick = once[-1].end_tick
    if not script.loop or not once:
        return sorted(once)
    return sorted(_repeated(once, _period(once), script.duration_s))


def script_lines(script: RoomScript) -> list[Line]:
    """Every line with its speaker: the conversation first, then people's own lines."""
    own = [
        Line(line.text, person.name, FIRST_WORD_S if line.at is None and n == 0 else line.at, line.pause)
        for person in script.people
        for n, line in enumerate(person.lines)
    ]
    return [*script.conversation, *own]


def _period(once: Sequence[Utterance]) -> int:
    """A loop starts again a pause after its last word, on a whole second."""
    last = max(utterance.end_tick for utterance in once)
    return math.ceil((last + TICKS_PER_S // 2) / TICKS_PER_S) * TICKS_PER_S


def _repeated(once: Sequence[Utterance], period: int, duration_s: float | None) -> Iterable[Utterance]:
    end = round((duration_s or LOOP_HOURS * 3600) * TICKS_PER_S)
    for turn in range(math.ceil(end / period)):
        for u in once:
            start = u.start_tick + turn * period
            if start + len(u.clip.clip.packets) <= end:
                yield Utterance(start, u.who, u.text, u.clip, u.number + turn * len(once))


class Voice:
    """What one person says, asked for tick by tick."""

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self.utterances = sorted(utterances)

    def at(self, tick: int) -> Utterance | None:
        """The utterance that has a packet at this tick."""
        index = bisect_right(self.utterances, tick, key=lambda u: u.start_tick) - 1
        if index < 0:
            return None
        found = self.utterances[index]
        return found if tick < found.end_tick else None

    def busy(self, start_tick: int, ticks: int) -> Utterance | None:
        """An utterance that overlaps this time."""
        return next((u for u in self.utterances if u.start_tick < start_tick + ticks and start_tick < u.end_tick), None)

    def add(self, utterance: Utterance) -> None:
        insort(self.utterances, utterance)
