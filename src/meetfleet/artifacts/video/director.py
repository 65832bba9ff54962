"""Who is shown large: from speaking turns to shots.

The whole meeting is known when it is rendered, so a cut falls on the first word instead of a second after it, and a
"yes" or a cough that ends at once never moves the picture.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

HOLD_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks from start to end (nanoseconds on the meeting clock)."""

    participant_id: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Shot:
    """From this moment this person has the floor, until the next shot."""

    start_ns: int
    participant_id: str


def direct(turns: Iterable[Turn], *, hold_ns: int = HOLD_NS) -> list[Shot]:
    """Chooses the active speaker over time.

    The last to take the floor has it. Turns shorter than `hold_ns` do not take it, and no shot is shorter than
    `hold_ns`. When a speaker falls silent, one who is still speaking is shown again; in silence the last one stays.

    Args:
        turns: In any order, overlapping as people do.
        hold_ns: The shortest turn that counts and the shortest shot.
    """
    wanted = list(_floor(_claims(turns, hold_ns)))
    shots: list[Shot] = []
    for shot, following in pairwise([*wanted, None]):
        assert shot is not None
        start_ns = max(shot.start_ns, shots[-1].start_ns + hold_ns) if shots else shot.start_ns
        is_over = following is not None and following.start_ns <= start_ns
        is_same = bool(shots) and shots[-1].participant_id == shot.participant_id
        if not is_over and not is_same:
            shots.append(Shot(start_ns, shot.participant_id))
    return shots


def _claims(turns: Iterable[Turn], hold_ns: int) -> list[Turn]:
    """Turns long enough to count, those of one person with pauses under `hold_ns` taken together."""
    claims: dict[str, list[Turn]] = {}
    for turn in sorted(turns, key=lambda t: t.start_ns):
        mine = claims.setdefault(turn.participant_id, [])
        if mine and turn.start_ns - mine[-1].end_ns < hold_ns:
            mine[-1] = Turn(turn.participant_id, mine[-1].start_ns, max(mine[-1].end_ns, turn.end_ns))
        else:
            mine.append(turn)
    return [claim for mine in claims.values() for claim in mine if claim.end_ns - claim.start_ns >= hold_ns]


def _floor(claims: list[Turn]) -> Iterator[Shot]:
    """Who has the floor after each moment at which somebody starts or stops."""
    moments = sorted(
        ((at_ns, claim) for claim in claims for at_ns in (claim.start_ns, claim.end_ns)), key=lambda m: m[0]
    )
    speaking: dict[str, int] = {}
    for at_ns, changes in groupby(moments, key=lambda m: m[0]):
        for _, claim in changes:
            if at_ns == claim.end_ns:
                speaking.pop(claim.participant_id, None)
            else:
                speaking[claim.participant_id] = claim.start_ns
        if speaking:
            yield Shot(at_ns, max(speaking, key=lambda who: (speaking[who], who)))
