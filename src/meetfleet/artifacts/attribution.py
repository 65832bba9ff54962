"""Who spoke: evidence merged into claims, strongest first. Unknown beats wrong.

Own track of a participant, then CSRC by the roster of that time, then the platform's signals, captions' names, marks
in the page.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meetfleet.artifacts.roster_book import Ownership, Ref, RosterBook
from meetfleet.artifacts.speaking_book import SignalSpan, SpeakingBook
from meetfleet.tape.records import Evidence

_CONFIDENCE = {Evidence.TRACK: 1.0, Evidence.CSRC: 0.99, Evidence.SIGNAL: 0.8, Evidence.CAPTION: 0.6, Evidence.DOM: 0.5}
_LOOKED_BACK = 0.9
_LATE_NS = 500_000_000  # a mark may come after the short word it belongs to
_SHORT_NS = 1_000_000_000
_EDGE_NS = 1_000_000_000
_CLAIM_NS = 60_000_000
_MOST = 0.6
_HARDLY = 0.35
_ALONE_NS = 400_000_000
_FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Sounding:
    """A source and when it sounds, on the meeting clock.

    Attributes:
        source: Any identity; claims give it back.
        refs: What the roster may call it, strongest first, with the evidence each would be.
        names_nobody: It is, or may be, several people at once: the mix of the page.
    """

    source: object
    take: int
    refs: tuple[tuple[Evidence, Ref], ...]
    spans: tuple[tuple[int, int], ...]
    names_nobody: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A source sounds from `start_ns` to `end_ns`, and this participant is heard; None if nobody knows."""

    source: object
    start_ns: int
    end_ns: int
    participant_id: str | None
    evidence: Evidence | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Owned:
    """A source belongs to a participant from `start_ns` to `end_ns`, sounding or not."""

    source: object
    start_ns: int
    end_ns: int
    participant_id: str
    evidence: Evidence
    known_ns: int


def owned(sounding: Sounding, roster: RosterBook) -> list[Owned]:
    """Whose a source was over time, by the strongest kind of reference that the rosters know."""
    if sounding.names_nobody:
        return []
    for evidence, ref in sounding.refs:
        owners = roster.owners(ref)
        if owners:
            return list(_ranges(sounding.source, evidence, owners))
    return []


def _ranges(source: object, evidence: Evidence, owners: list[Ownership]) -> Iterable[Owned]:
    ends = [owner.start_ns for owner in owners[1:]] + [_FOREVER]
    for owner, end_ns in zip(owners, ends, strict=True):
        if owner.participant_id is not None and end_ns > owner.start_ns:
            yield Owned(source, owner.start_ns, end_ns, owner.participant_id, evidence, owner.known_ns)


def attribute(soundings: list[Sounding], roster: RosterBook, signals: SpeakingBook) -> list[Claim]:
    """Claims every span of sound for somebody, or for nobody; spans may be split. Sorted by time.

    Args:
        soundings: All sources of the tape.
    """
    named: list[Claim] = []
    unnamed: list[tuple[Sounding, int, int]] = []
    for sounding in soundings:
        ranges = owned(sounding, roster)
        for start_ns, end_ns in sounding.spans:
            claims, rest = _by_owner(sounding, start_ns, end_ns, ranges)
            named += claims
            unnamed += [(sounding, a, b) for a, b in rest]
    claims = named + _by_signals(unnamed, named, signals)
    return sorted(claims, key=lambda c: (c.start_ns, c.end_ns, c.participant_id or "", str(c.source)))


def _by_owner(
    sounding: Sounding, start_ns: int, end_ns: int, ranges: list[Owned]
) -> tuple[list[Claim], list[tuple[int, int]]]:
    claims: list[Claim] = []
    rest: list[tuple[int, int]] = []
    at_ns = start_ns
    for owner in ranges:
        first, last = max(at_ns, owner.start_ns), min(end_ns, owner.end_ns)
        if first >= last:
            continue
        if first > at_ns:
            rest.append((at_ns, first))
        confidence = _CONFIDENCE[owner.evidence] if first >= owner.known_ns else _LOOKED_BACK
        claims.append(Claim(sounding.source, first, last, owner.participant_id, owner.evidence, confidence))
        at_ns = last
    if at_ns < end_ns:
        rest.append((at_ns, end_ns))
    return claims, rest


def _by_signals(unnamed: list[tuple[Sounding, int, int]], named: list[Claim], signals: SpeakingBook) -> list[Claim]:
    kinds = [(e, signals.spans(e)) for e in (Evidence.SIGNAL, Evidence.CAPTION, Evidence.DOM)]
    claims: list[Claim] = []
    for sounding, start_ns, end_ns in unnamed:
        pieces = [(start_ns, end_ns)]
        if sounding.names_nobody:
            pieces = _without(pieces, [(c.start_ns, c.end_ns) for c in named])
        others = [(a, b) for other, a, b in unnamed if other is not sounding and not other.names_nobody]
        for piece in pieces:
            claims += _claim(sounding, *piece, kinds, [] if sounding.names_nobody else others)
    return claims


def _claim(
    sounding: Sounding,
    start_ns: int,
    end_ns: int,
    kinds: list[tuple[Evidence, list[SignalSpan]]],
    others: list[tuple[int, int]],
) -> list[Claim]:
    """Asks each kind of evidence in turn; the first that says anything decides.

    Args:
        others: When other unnamed sources sound. Whose mark belongs to which is told by the time one sounds alone.
    """
    alone = _without([(start_ns, end_ns)], others)
    is_alone = alone == [(start_ns, end_ns)]
    for evidence, spans in kinds:
        near = [s for s in spans if s.start_ns < end_ns + _LATE_NS and s.end_ns > start_ns]
        if not near:
            continue
        if evidence is Evidence.CAPTION and len({s.participant_id for s in near}) > 1:
            break  # captions say who, but hardly when: those of two people name nobody
        confidence = _CONFIDENCE[evidence]
        return [
            Claim(sounding.source, a, b, who, evidence if who else None, confidence if who else 0.0)
            for a, b, who in _decide(start_ns, end_ns, near, alone, is_alone)
        ]
    return [Claim(sounding.source, start_ns, end_ns, None, None, 0.0)]


def _decide(
    start_ns: int, end_ns: int, near: list[SignalSpan], alone: list[tuple[int, int]], may_split: bool
) -> list[tuple[int, int, str | None]]:
    """Who is heard in a span of sound near which these are said to speak.

    Args:
        alone: The parts of the span in which no other unnamed source sounds.
        may_split: One voice after the other may be in it. Not so where several sources sound at once.
    """
    people = {s.participant_id for s in near}
    if may_split:
        if len(people) == 1 and end_ns - start_ns <= _SHORT_NS:
            return [(start_ns, end_ns, near[0].participant_id)]
        return _fill(start_ns, end_ns, _pieces(start_ns, end_ns, near))
    length_ns = sum(b - a for a, b in alone)
    if length_ns < _ALONE_NS:
        return [(start_ns, end_ns, None)]
    ranked = sorted(((_overlap_ns(alone, near, who) / length_ns, who) for who in people), reverse=True)
    if ranked[0][0] < _MOST or (len(ranked) > 1 and ranked[1][0] > _HARDLY):
        return [(start_ns, end_ns, None)]
    return [(start_ns, end_ns, ranked[0][1])]


def _overlap_ns(spans: list[tuple[int, int]], near: list[SignalSpan], who: str) -> int:
    mine = [s for s in near if s.participant_id == who]
    return sum(max(0, min(b, s.end_ns) - max(a, s.start_ns)) for a, b in spans for s in mine)


def _pieces(start_ns: int, end_ns: int, near: list[SignalSpan]) -> list[tuple[int, int, str]]:
    clipped = ((max(start_ns, s.start_ns), min(end_ns, s.end_ns), s.participant_id) for s in near)
    return sorted(piece for piece in clipped if piece[1] - piece[0] >= _CLAIM_NS)


def _fill(start_ns: int, end_ns: int, pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str | None]]:
    """Marks lag: sound shortly before or after one belongs to it. What lies further off stays nobody's."""
    out: list[tuple[int, int, str | None]] = []
    covered = start_ns
    for first, last, who in pieces:
        if first > covered:
            if first - covered <= _EDGE_NS:
                first = covered
            else:
                out.append((covered, first, None))
        out.append((first, last, who))
        covered = max(covered, last)
    if covered >= end_ns:
        return out
    if out and end_ns - covered <= _EDGE_NS:
        latest = max(range(len(out)), key=lambda i: out[i][1])
        out[latest] = (out[latest][0], end_ns, out[latest][2])
        return out
    return [*out, (covered, end_ns, None)]


def _without(pieces: list[tuple[int, int]], holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    for hole_start, hole_end in holes:
        pieces = [
            part
            for a, b in pieces
            for part in ((a, min(b, hole_start)), (max(a, hole_end), b))
            if part[1] - part[0] >= _CLAIM_NS
        ]
    return pieces
