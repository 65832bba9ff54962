"""How far a transcript is from what was said: word error rate, and which words are which."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word that somebody said, in seconds."""

    speaker: str
    text: str
    start_s: float
    end_s: float

    @property
    def plain(self) -> str:
        """Without case and punctuation."""
        return "".join(c for c in self.text.lower() if c.isalnum())


@dataclass(frozen=True, slots=True)
class Alignment:
    """The cheapest way from the truth to what was found.

    Attributes:
        errors: Words left out, put in, or taken for others.
        pairs: Words of both that are the same.
    """

    errors: int
    pairs: tuple[tuple[TimedWord, TimedWord], ...]
    said: int

    @property
    def error_rate(self) -> float:
        return self.errors / max(1, self.said)


def align(truth: Sequence[TimedWord], found: Sequence[TimedWord]) -> Alignment:
    """Levenshtein's distance over words, case and punctuation aside."""
    costs = [list(range(len(found) + 1))]
    for i, said in enumerate(truth, start=1):
        row = [i]
        for j, heard in enumerate(found, start=1):
            same = costs[i - 1][j - 1] + (said.plain != heard.plain)
            row.append(min(same, costs[i - 1][j] + 1, row[j - 1] + 1))
        costs.append(row)
    return Alignment(costs[-1][-1], tuple(reversed(_pairs(costs, truth, found))), len(truth))


def _pairs(
    costs: list[list[int]], truth: Sequence[TimedWord], found: Sequence[TimedWord]
) -> list[tuple[TimedWord, TimedWord]]:
    """The way back from the end of the table, equal words first."""
    pairs: list[tuple[TimedWord, TimedWord]] = []
    i, j = len(truth), len(found)
    while i and j:
        equal = truth[i - 1].plain == found[j - 1].plain
        if costs[i][j] == costs[i - 1][j - 1] + (not equal):
            i, j = i - 1, j - 1
            if equal:
                pairs.append((truth[i], found[j]))
        elif costs[i][j] == costs[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs
