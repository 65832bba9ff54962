"""The last evidence: what Meet's page itself shows of people, speakers and captions, when its signals fail us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meetfleet.tape.records import Caption, Evidence, Participant, Roster, Speaking

READ_SURFACE = Path(__file__).with_name("surface.js").read_text(encoding="utf-8")
STOP_AFTER_QUIET_LOOKS = 2
OWN_LABELS = frozenset({"You", "Sie", "Du", "Ich"})


@dataclass(frozen=True, slots=True)
class Person:
    """A participant as the page shows one. `participant_id` is made from the name where the page tells none."""

    participant_id: str
    name: str
    is_self: bool = False
    is_host: bool = False
    speaks: bool = False


@dataclass(frozen=True, slots=True)
class CaptionRow:
    row: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Surface:
    """One reading of the page."""

    people: tuple[Person, ...] = ()
    captions: tuple[CaptionRow, ...] = ()

    @property
    def roster(self) -> Roster:
        return Roster(tuple(Participant(p.participant_id, p.name, p.is_self, p.is_host) for p in self.people))


def read_surface(raw: Mapping[str, Any]) -> Surface:
    """Joins tiles (which have ids) and the open panel (which is complete): the same name is the same person."""
    tiles: list[Mapping[str, Any]] = raw["tiles"]
    people = {t["id"]: Person(t["id"], t["name"], t["is_self"], False, t["speaks"]) for t in tiles if t["name"]}
    by_name = {p.name: p.participant_id for p in people.values()}
    for row in raw["listed"]:
        known = row["id"] or by_name.get(row["name"]) or f"name:{row['name']}"
        shown = people.get(known)
        is_self = row["is_self"] or (shown is not None and shown.is_self)
        people[known] = Person(known, row["name"], is_self, row["is_host"], shown is not None and shown.speaks)
    captions = tuple(CaptionRow(c["row"], c["name"], c["text"]) for c in raw["captions"])
    return Surface(tuple(people.values()), captions)


@dataclass(slots=True)
class SpeakerMarks:
    """Turns marks seen at each look into starts and stops; a mark must be gone for two looks to count as silence."""

    _quiet: dict[str, int] = field(default_factory=dict[str, int])

    def update(self, people: Sequence[Person]) -> list[Speaking]:
        speaking_now = {p.participant_id for p in people if p.speaks and not p.is_self}
        changes = [Speaking(i, True, Evidence.DOM) for i in sorted(speaking_now - self._quiet.keys())]
        for participant_id in list(self._quiet):
            self._quiet[participant_id] = 0 if participant_id in speaking_now else self._quiet[participant_id] + 1
            if self._quiet[participant_id] >= STOP_AFTER_QUIET_LOOKS:
                del self._quiet[participant_id]
                changes.append(Speaking(participant_id, False, Evidence.DOM))
        self._quiet.update({i: 0 for i in speaking_now if i not in self._quiet})
        return changes


@dataclass(slots=True)
class CaptionRows:
    """Turns caption rows that grow and vanish into revisions: each row is one caption, final when it is gone."""

    _open: dict[int, Caption] = field(default_factory=dict[int, Caption])

    def update(self, rows: Sequence[CaptionRow], roster: Roster) -> list[Caption]:
        changes: list[Caption] = []
        for row in rows:
            before = self._open.get(row.row)
            if before is None or before.text != row.text:
                caption = self._caption(row, roster, before.version + 1 if before else 1)
                self._open[row.row] = caption
                changes.append(caption)
        for gone in self._open.keys() - {row.row for row in rows}:
            changes.append(_final(self._open.pop(gone)))
        return changes

    def _caption(self, row: CaptionRow, roster: Roster, version: int) -> Caption:
        person = _person_called(row.name, roster)
        name = person.name if person else row.name
        return Caption(f"row-{row.row}", person.participant_id if person else None, name, row.text, version)


def _final(c: Caption) -> Caption:
    return Caption(c.caption_id, c.participant_id, c.name, c.text, c.version + 1, True, c.language)


def _person_called(name: str, roster: Roster) -> Participant | None:
    """The one participant of this name; nobody if two share it, for no name is better than a wrong one."""
    if name in OWN_LABELS:
        return next((p for p in roster.participants if p.is_self), None)
    matches = [p for p in roster.participants if p.name == name]
    return matches[0] if len(matches) == 1 else None
