"""Who was in the meeting when, and whose media was whose, from roster snapshots over time."""

from bisect import bisect_right
from dataclasses import dataclass, field

from meetfleet.tape.records import Participant, Roster, SourceRef, TrackKind

Ref = tuple[str, int, int | str]
"""(`csrc` | `track` | `stream`, take, id)"""


@dataclass(slots=True)
class Attendance:
    """One participant id as the platform gave it.

    Attributes:
        name: The latest that was not empty.
        spans: When the rosters listed it, on the meeting clock; the last may still be open (end None).
    """

    participant_id: str
    name: str
    is_self: bool
    is_host: bool
    spans: list[tuple[int, int | None]] = field(default_factory=list[tuple[int, "int | None"]])

    @property
    def first_ns(self) -> int:
        return self.spans[0][0]


@dataclass(slots=True)
class Person:
    """One human being: a participant id, and those the same name rejoined under.

    Attributes:
        user_id: 1, 2, ... in the order of first appearance; stable over rejoins.
    """

    user_id: int
    name: str
    participant_ids: list[str]
    is_host: bool
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """From `start_ns` on (until the next one) this participant owns a source; None for nobody.

    Attributes:
        known_ns: When the roster said so; earlier sound is theirs only by looking back.
    """

    start_ns: int
    participant_id: str | None
    known_ns: int


class RosterBook:
    """Fed with snapshots in order of time.

    A roster often lags behind the media it explains, so an owner is believed up to `look_back_ns` before the roster
    named them, or from the take's start if there was no roster before. An owner keeps a source until
    somebody else gets it: nobody reuses a source within seconds.
    """

    def __init__(self, look_back_ns: int = 60_000_000_000) -> None:
        self._look_back_ns = look_back_ns
        self._people: dict[str, Attendance] = {}
        self._owners: dict[Ref, list[tuple[int, str | None]]] = {}
        self._first_roster_ns: dict[int, int] = {}

    def see(self, take: int, at_ns: int, roster: Roster) -> None:
        """Takes a full snapshot."""
        self._first_roster_ns.setdefault(take, at_ns)
        present = {p.participant_id for p in roster.participants}
        for participant in roster.participants:
            self._see_participant(at_ns, participant)
        for attendance in self._people.values():
            if attendance.participant_id not in present:
                _close(attendance, at_ns)
        self._see_sources(take, at_ns, roster)

    def end_take(self, last_ns: int) -> None:
        """Nobody is seen after the bot left."""
        for attendance in self._people.values():
            _close(attendance, last_ns)

    def self_ids(self) -> set[str]:
        """The bot's own participant ids."""
        return {pid for pid, attendance in self._people.items() if attendance.is_self}

    def is_self(self, ref: Ref) -> bool:
        """Whether a source is the bot's own, as far as is known now."""
        owners = self._owners.get(ref)
        person = self._people.get(owners[-1][1] or "") if owners else None
        return person is not None and person.is_self

    def owners(self, ref: Ref) -> list[Ownership]:
        """Who owned a source from when on, in order; empty if no roster ever named it."""
        history = self._owners.get(ref, [])
        take = ref[1]
        out: list[Ownership] = []
        for at_ns, participant_id in history:
            if participant_id is None:
                continue
            previous = out[-1] if out else None
            if previous is not None and previous.participant_id == participant_id:
                continue
            free_ns = self._free_since(history, at_ns)
            if free_ns is None:
                start_ns = at_ns
            elif previous is None and at_ns == self._first_roster_ns.get(take):
                start_ns = 0
            else:
                start_ns = max(free_ns, at_ns - self._look_back_ns)
            out.append(Ownership(start_ns, participant_id, at_ns))
        return out

    def _free_since(self, history: list[tuple[int, str | None]], at_ns: int) -> int | None:
        """Since when nobody owned the source before `at_ns`; None if somebody did until then."""
        index = bisect_right(history, at_ns, key=lambda entry: entry[0]) - 2
        if index < 0:
            return 0
        return history[index][0] if history[index][1] is None else None

    def people(self) -> list[Person]:
        """Everybody but the bot, in the order of appearance.

        An id that appears under the name of somebody who is no longer there is that person come back. Two people of
        one name who are there at once stay two.
        """
        people: list[Person] = []
        for attendance in sorted(self._people.values(), key=lambda a: (a.first_ns, a.participant_id)):
            if attendance.is_self:
                continue
            last_ns = attendance.spans[-1][1] or attendance.spans[-1][0]
            earlier = next((p for p in reversed(people) if self._is_same(p, attendance)), None)
            if earlier is not None:
                earlier.participant_ids.append(attendance.participant_id)
                earlier.last_ns = max(earlier.last_ns, last_ns)
                earlier.is_host = earlier.is_host or attendance.is_host
            else:
                ids = [attendance.participant_id]
                people.append(
                    Person(len(people) + 1, attendance.name, ids, attendance.is_host, attendance.first_ns, last_ns)
                )
        return people

    def _is_same(self, person: Person, attendance: Attendance) -> bool:
        if not attendance.name or person.name != attendance.name:
            return False
        return not any(self._overlap(self._people[pid], attendance) for pid in person.participant_ids)

    def _overlap(self, a: Attendance, b: Attendance) -> bool:
        return any(
            (b_end is None or a_start < b_end) and (a_end is None or b_start < a_end)
            for a_start, a_end in a.spans
            for b_start, b_end in b.spans
        )

    def _see_participant(self, at_ns: int, participant: Participant) -> None:
        known = self._people.get(participant.participant_id)
        if known is None:
            known = self._people[participant.participant_id] = Attendance(
                participant.participant_id, participant.name, participant.is_self, participant.is_host
            )
        known.name = participant.name.strip() or known.name
        known.is_self = known.is_self or participant.is_self
        known.is_host = known.is_host or participant.is_host
        if not known.spans or known.spans[-1][1] is not None:
            known.spans.append((at_ns, None))

    def _see_sources(self, take: int, at_ns: int, roster: Roster) -> None:
        owners: dict[Ref, str] = {}
        disputed: set[Ref] = set()
        for participant in roster.participants:
            for source in participant.sources:
                for ref in _refs(take, source):
                    if owners.setdefault(ref, participant.participant_id) != participant.participant_id:
                        disputed.add(ref)
        for ref, participant_id in owners.items():
            self._set_owner(ref, at_ns, None if ref in disputed else participant_id)
        for ref in self._owners:
            if ref[1] == take and ref not in owners:
                self._set_owner(ref, at_ns, None)

    def _set_owner(self, ref: Ref, at_ns: int, participant_id: str | None) -> None:
        history = self._owners.setdefault(ref, [])
        if not history or history[-1][1] != participant_id:
            history.append((at_ns, participant_id))


def _refs(take: int, source: SourceRef) -> list[Ref]:
    if source.kind != TrackKind.AUDIO:
        return []
    refs: list[Ref] = []
    if source.csrc is not None:
        refs.append(("csrc", take, source.csrc))
    if source.track_id is not None:
        refs.append(("track", take, source.track_id))
    if source.stream_id is not None:
        refs.append(("stream", take, source.stream_id))
    return refs


def _close(attendance: Attendance, at_ns: int) -> None:
    if attendance.spans and attendance.spans[-1][1] is None:
        attendance.spans[-1] = (attendance.spans[-1][0], at_ns)
