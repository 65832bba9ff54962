"""Every picture of a rendered meeting is read back: whom it shows, and that it shows the right moment."""

from pathlib import Path

import numpy as np
import pytest
from video_actors import SECOND, ZERO_NS, Shown, Stagehand, Take, film, pictures

from meetfleet.artifacts.video.director import Turn
from meetfleet.artifacts.video.geometry import Rect, Size, fit, grid, inset, split, strip
from meetfleet.artifacts.video.plan import Layout
from meetfleet.artifacts.video.render import RenderOptions, VideoResult, render_video
from meetfleet.artifacts.video.resolution import Resolution
from meetfleet.artifacts.video.spans import Span
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.tape.records import Participant, Roster, SourceRef, StateSeen

ANN, BOB, CAT, DAN, SCREEN = 0, 1, 2, 3, 4
NAMES = {ANN: "Ann Lee", BOB: "Bob", CAT: "Кэт", DAN: "Dan"}
CANVAS = Size(960, 540)
WHOLE = Rect(0, 0, 960, 540)
STAGE, COLUMN = split(CANVAS).stage, split(CANVAS).column
BESIDE = strip(COLUMN, 1, 8)[0]
END_S = 14.0
TURNS = [(ANN, 0.5, 3), (DAN, 3, 4.5), (ANN, 4.5, 7), (BOB, 7, 9), (CAT, 9, 10.5), (ANN, 10.5, 12), (BOB, 12, 14)]


def person(who: int, *, screen: bool = False) -> Participant:
    camera = (SourceRef("video", stream_id=f"stream-{who}"),) if who != DAN else ()
    shared = (SourceRef("video", stream_id=f"stream-{SCREEN}", is_screen=True),) if screen else ()
    return Participant(f"p{who}", NAMES[who], sources=camera + shared)


def roster(*people: int, sharing: int | None = None) -> Roster:
    bot = Participant("me", "Notetaker", is_self=True)
    return Roster((bot, *(person(who, screen=who == sharing) for who in people)))


def perform(directory: Path) -> None:
    """Ann changes size twice, Bob comes late and without a key frame, Cat's camera falls silent, Dan has none."""
    stage = Stagehand(directory)
    stage.at(0, StateSeen("recording"))
    stage.at(0, roster(ANN, CAT, DAN))
    stage.camera(ANN, film(ANN, [Take(0, 4, 320, 180), Take(4, 8, 160, 90), Take(8, END_S, 320, 180)]))
    stage.camera(CAT, film(CAT, [Take(0, 2)]))
    stage.at(5, roster(ANN, CAT, DAN, BOB))
    without_key = film(BOB, [Take(5, 5.6)])[1:]
    stage.camera(BOB, without_key + film(BOB, [Take(5.6, END_S, 240, 180)]))
    stage.at(10.5, roster(ANN, CAT, DAN, BOB, sharing=ANN))
    stage.camera(SCREEN, film(SCREEN, [Take(10.6, 11.2, 320, 240, fps=5)]))
    stage.at(13, roster(ANN, CAT, BOB))
    stage.write()


def render(tape: Path, out: Path, layout: Layout) -> VideoResult:
    turns = tuple(Turn(f"p{who}", ZERO_NS + round(a * SECOND), ZERO_NS + round(b * SECOND)) for who, a, b in TURNS)
    timeline = Timeline((Span(ZERO_NS, ZERO_NS + round(END_S * SECOND)),), turns)
    return render_video(tape, out, timeline=timeline, layout=layout, options=RenderOptions(Resolution.P540))


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tape")
    perform(directory)
    return directory


@pytest.fixture(scope="module")
def speaker_view(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Shown]:
    out = tmp_path_factory.mktemp("out") / "video.mp4"
    result = render(tape, out, Layout.SPEAKER_VIEW)
    shown = list(pictures(out))
    assert len(shown) == result.pictures
    return shown


@pytest.fixture(scope="module")
def gallery_view(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Shown]:
    out = tmp_path_factory.mktemp("out") / "video.mp4"
    render(tape, out, Layout.GALLERY_VIEW)
    return list(pictures(out))


def expected_speaker(at_s: float) -> tuple[int | None, Rect]:
    """Whom the large (or, beside a screen, the small) tile shows; None is a still."""
    who = [ANN, *(who for who, start_s, _ in TURNS if start_s <= at_s)][-1]
    if 10.6 <= at_s < 13:
        return who, fit(Size(240, 180), BESIDE) if who == BOB else BESIDE
    if who in (CAT, DAN):
        return None, WHOLE
    return who, fit(Size(240, 180), WHOLE) if who == BOB else WHOLE


def test_every_picture_of_the_speaker_view_shows_the_speaker_of_that_moment(speaker_view: list[Shown]) -> None:
    for shown in speaker_view:
        who, box = expected_speaker(shown.at_s)
        strip = shown.strip(box)
        if who is None:
            assert strip is None, shown.at_s
            continue
        assert strip is not None, shown.at_s
        assert strip[0] == who, shown.at_s
        assert 0 <= shown.at_s - strip[1] < 0.14, shown.at_s


def test_a_shared_screen_is_large_and_stays_while_nothing_moves_on_it(speaker_view: list[Shown]) -> None:
    box = fit(Size(320, 240), STAGE)
    during = [shown for shown in speaker_view if 10.6 <= shown.at_s < 13]
    assert during
    for shown in during:
        strip = shown.strip(box)
        assert strip is not None
        assert strip[0] == SCREEN
        assert strip[1] == pytest.approx(min(11.0, shown.at_s), abs=0.25)
    outside = [s.strip(box) for s in speaker_view if not 10.6 <= s.at_s < 13]
    assert SCREEN not in [strip[0] for strip in outside if strip]


def test_pictures_come_when_the_camera_takes_them(speaker_view: list[Shown]) -> None:
    times = [shown.at_s for shown in speaker_view if 0.6 < shown.at_s < 2.9]
    gaps = np.diff(times)
    assert gaps.min() > 0.08
    assert gaps.max() < 0.12
    still = [shown.at_s for shown in speaker_view if 3 <= shown.at_s < 4.5]
    assert len(still) <= 3


def expected_gallery(at_s: float) -> list[int]:
    if at_s < 5:
        return [ANN, CAT, DAN]
    return [ANN, CAT, DAN, BOB] if at_s < 13 else [ANN, CAT, BOB]


def has_camera(who: int, at_s: float) -> bool:
    lives = {ANN: (0, END_S), CAT: (0, 4.9), BOB: (5.6, END_S)}
    start_s, end_s = lives.get(who, (0, 0))
    return start_s <= at_s < end_s


def test_every_tile_of_the_gallery_shows_its_person(gallery_view: list[Shown]) -> None:
    for shown in (s for s in gallery_view if not 10.6 <= s.at_s < 13):
        people = expected_gallery(shown.at_s)
        for who, rect in zip(people, grid(len(people), inset(CANVAS, 8), 8), strict=True):
            strip = shown.strip(fit(Size(240, 180), rect) if who == BOB else rect)
            assert (strip is not None) == has_camera(who, shown.at_s), (who, shown.at_s)
            if strip is not None:
                assert strip[0] == who
                assert 0 <= shown.at_s - strip[1] < (0.14 if who != CAT else 3.2)


def test_the_gallery_puts_people_in_a_column_beside_the_screen(gallery_view: list[Shown]) -> None:
    during = [shown for shown in gallery_view if 10.7 <= shown.at_s < 13]
    assert during
    for shown in during:
        screen, ann = (
            shown.strip(fit(Size(320, 240), STAGE)),
            shown.strip(strip(COLUMN, 4, 8)[0]),
        )
        assert screen is not None
        assert ann is not None
        assert (screen[0], ann[0]) == (SCREEN, ANN)
