"""Scenes: which tile stands where, and what it shows, at every moment. Pure: a plan and a layout in, scenes out."""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from meetfleet.artifacts.video.geometry import Rect, Size, grid, inset, split, strip, strip_capacity, whole
from meetfleet.artifacts.video.plan import Camera, Layout, Person, Share, TrackKey, VideoPlan
from meetfleet.artifacts.video.spans import Span, holding

GALLERY_LIMIT = 25
GAP = 8
_Source = TypeVar("_Source", Camera, Share)


class TileKind(StrEnum):
    """What a tile is about."""

    CAMERA = "camera"
    SCREEN = "screen"
    PAGE = "page"
    MORE = "more"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Tile:
    """One box of the picture.

    Attributes:
        track: Whose newest picture fills it; None is a still with the initials.
        name: Whom it shows; for a LINE who presents. Empty is nobody known.
        count: How many people a MORE tile stands for.
        is_speaking: Marked as the active speaker (gallery only).
    """

    rect: Rect
    kind: TileKind
    participant_id: str = ""
    name: str = ""
    track: TrackKey | None = None
    count: int = 0
    is_speaking: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """From this moment (nanoseconds on the meeting clock) these tiles show, until the next scene."""

    start_ns: int
    tiles: tuple[Tile, ...]


def build_scenes(plan: VideoPlan, layout: Layout, canvas: Size) -> list[Scene]:
    """Every scene of the recording; the first starts at time zero, and no two in a row are the same."""
    stage = _Stage(plan, canvas)
    arrange = stage.speaker_view if layout is Layout.SPEAKER_VIEW else stage.gallery_view
    scenes: list[Scene] = []
    for at_ns in _moments(plan):
        tiles = arrange(at_ns)
        if not scenes or scenes[-1].tiles != tiles:
            scenes.append(Scene(at_ns, tiles))
    return scenes


def shown_spans(scenes: Sequence[Scene], end_ns: int) -> dict[TrackKey, list[Span]]:
    """When each track is on the picture, sorted; only these stretches need decoding."""
    shown: dict[TrackKey, list[Span]] = {}
    ends = [*(scene.start_ns for scene in scenes[1:]), end_ns][: len(scenes)]
    for scene, until_ns in zip(scenes, ends, strict=True):
        for track in {tile.track for tile in scene.tiles if tile.track is not None}:
            mine = shown.setdefault(track, [])
            if mine and mine[-1].end_ns == scene.start_ns:
                mine[-1] = Span(mine[-1].start_ns, until_ns)
            else:
                mine.append(Span(scene.start_ns, until_ns))
    return shown


def _moments(plan: VideoPlan) -> list[int]:
    """Every moment within the recording at which a scene can change."""
    if not plan.recorded:
        return []
    spans: list[Span] = [*plan.recorded]
    for lists in (
        [p.present for p in plan.people],
        [c.live for c in plan.cameras],
        [s.live for s in plan.shares],
        [live for _, live in plan.pages],
    ):
        spans.extend(span for one in lists for span in one)
    edges = {edge for span in spans for edge in (span.start_ns, span.end_ns)}
    edges.update(shot.start_ns for shot in plan.shots)
    first, last = plan.recorded[0].start_ns, plan.recorded[-1].end_ns
    return sorted(edge for edge in edges if first <= edge < last)


def _newest(sources: Iterable[_Source], at_ns: int) -> _Source | None:
    """The source that went live last, of those that are live now."""
    live = [(span.start_ns, source) for source in sources if (span := holding(source.live, at_ns))]
    return max(live, key=lambda item: item[0])[1] if live else None


class _Stage:
    """Answers who and what there is at a moment, and arranges it."""

    def __init__(self, plan: VideoPlan, canvas: Size) -> None:
        self._plan = plan
        self._canvas = canvas
        self._split = split(canvas)
        self._shot_starts = [shot.start_ns for shot in plan.shots]
        self._cameras: dict[str, list[Camera]] = {}
        for camera in plan.cameras:
            self._cameras.setdefault(camera.participant_id, []).append(camera)

    def speaker_view(self, at_ns: int) -> tuple[Tile, ...]:
        """The active speaker over the whole picture, or small beside a screen share."""
        people = self._present(at_ns)
        share = self._share(at_ns)
        page = self._page(at_ns)
        if page is not None:
            return (page,)
        speaker = self._speaker(people, at_ns)
        if share is None:
            return (self._person(speaker, whole(self._canvas), at_ns),) if speaker else ()
        people_shown = [self._person(speaker, strip(self._split.column, 1, GAP)[0], at_ns)] if speaker else []
        return (*self._screen(share), *people_shown)

    def gallery_view(self, at_ns: int) -> tuple[Tile, ...]:
        """Everybody in equal tiles, or in a column beside a screen share."""
        page = self._page(at_ns)
        if page is not None:
            return (page,)
        people = self._present(at_ns)
        share = self._share(at_ns)
        if share is None:
            rects = grid(min(len(people), GALLERY_LIMIT), inset(self._canvas, GAP), GAP)
            return self._fill(rects, people, at_ns)
        column = self._split.column
        rects = strip(column, min(len(people), strip_capacity(column, GAP)), GAP)
        return (*self._screen(share), *self._fill(rects, people, at_ns))

    def _fill(self, rects: list[Rect], people: list[Person], at_ns: int) -> tuple[Tile, ...]:
        """One person a tile; when there are more people than tiles the last one counts the rest."""
        speaker = self._speaker(people, at_ns)
        if len(people) <= len(rects):
            shown, left_out = people, 0
        else:
            shown = self._seated(people, len(rects) - 1, at_ns)
            left_out = len(people) - len(shown)
        tiles = [
            replace(self._person(person, rect, at_ns), is_speaking=self._has_floor(person, speaker, at_ns))
            for person, rect in zip(shown, rects, strict=False)
        ]
        if left_out:
            tiles.append(Tile(rects[-1], TileKind.MORE, count=left_out))
        return tuple(tiles)

    def _seated(self, people: list[Person], seats: int, at_ns: int) -> list[Person]:
        """Who gets a tile when there are too few: the last speakers, then those with a camera, in order of coming."""
        recent = {who: rank for rank, who in enumerate(self._recent_speakers(at_ns))}
        nobody = len(recent)

        def claim(person: Person) -> tuple[int, bool]:
            return recent.get(person.participant_id, nobody), self._camera(person, at_ns) is None

        chosen = {person.participant_id for person in sorted(people, key=claim)[:seats]}
        return [person for person in people if person.participant_id in chosen]

    def _has_floor(self, person: Person, speaker: Person | None, at_ns: int) -> bool:
        return person is speaker and bool(self._shot_starts) and self._shot_starts[0] <= at_ns

    def _present(self, at_ns: int) -> list[Person]:
        return [person for person in self._plan.people if holding(person.present, at_ns)]

    def _recent_speakers(self, at_ns: int) -> Iterable[str]:
        """Who had the floor, the last one first, each once."""
        upto = bisect.bisect_right(self._shot_starts, at_ns)
        return dict.fromkeys(shot.participant_id for shot in reversed(self._plan.shots[max(0, upto - 200) : upto]))

    def _speaker(self, people: list[Person], at_ns: int) -> Person | None:
        """Who has the floor, or had it last; before the first word who will, or else somebody with a camera."""
        by_id = {person.participant_id: person for person in people}
        for who in self._recent_speakers(at_ns):
            if who in by_id:
                return by_id[who]
        if self._plan.shots and self._shot_starts[0] > at_ns and self._plan.shots[0].participant_id in by_id:
            return by_id[self._plan.shots[0].participant_id]
        return min(people, key=lambda p: self._camera(p, at_ns) is None, default=None)

    def _camera(self, person: Person, at_ns: int) -> TrackKey | None:
        """The track that came last of those with a picture of this person."""
        newest = _newest(self._cameras.get(person.participant_id, ()), at_ns)
        return newest.track if newest else None

    def _share(self, at_ns: int) -> Share | None:
        return _newest(self._plan.shares, at_ns)

    def _page(self, at_ns: int) -> Tile | None:
        """The whole page, where nothing better than the page was captured."""
        for track, live in self._plan.pages:
            if holding(live, at_ns):
                return Tile(whole(self._canvas), TileKind.PAGE, track=track)
        return None

    def _person(self, person: Person, rect: Rect, at_ns: int) -> Tile:
        return Tile(rect, TileKind.CAMERA, person.participant_id, person.name, self._camera(person, at_ns))

    def _screen(self, share: Share) -> tuple[Tile, ...]:
        """The screen, and the line that says whose it is."""
        screen = Tile(self._split.stage, TileKind.SCREEN, share.participant_id, track=share.track)
        names = [p.name for p in self._plan.people if p.participant_id == share.participant_id and p.name]
        return (screen, *(Tile(self._split.line, TileKind.LINE, share.participant_id, name) for name in names))
