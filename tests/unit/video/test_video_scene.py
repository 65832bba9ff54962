from meetfleet.artifacts.video.director import Shot
from meetfleet.artifacts.video.geometry import Size
from meetfleet.artifacts.video.plan import Camera, Layout, Person, Share, TrackKey, VideoPlan
from meetfleet.artifacts.video.scene import GALLERY_LIMIT, Scene, Tile, TileKind, build_scenes, shown_spans
from meetfleet.artifacts.video.spans import Span

HD = Size(1280, 720)
ANN, BOB, SCREEN = TrackKey(1, 0), TrackKey(1, 1), TrackKey(1, 2)


def plan(**changes: object) -> VideoPlan:
    fields: dict[str, object] = {
        "recorded": (Span(0, 100),),
        "people": (Person("ann", "Ann", (Span(0, 100),)), Person("bob", "Bob", (Span(20, 100),))),
        "cameras": (Camera("ann", ANN, (Span(0, 60),)), Camera("bob", BOB, (Span(25, 100),))),
        "shots": (Shot(10, "ann"), Shot(40, "bob")),
    }
    return VideoPlan(**(fields | changes))  # type: ignore[arg-type]


def at(scenes: list[Scene], moment: int) -> tuple[Tile, ...]:
    return [scene for scene in scenes if scene.start_ns <= moment][-1].tiles


def speaker(**changes: object) -> list[Scene]:
    return build_scenes(plan(**changes), Layout.SPEAKER_VIEW, HD)


def gallery(**changes: object) -> list[Scene]:
    return build_scenes(plan(**changes), Layout.GALLERY_VIEW, HD)


def test_the_speaker_fills_the_picture_from_time_zero() -> None:
    scenes = speaker()
    assert scenes[0].start_ns == 0
    (tile,) = at(scenes, 0)
    assert (tile.participant_id, tile.track, tile.rect.size) == ("ann", ANN, HD)
    assert at(scenes, 45)[0].track == BOB


def test_a_speaker_who_left_gives_way_to_the_one_before() -> None:
    people = (Person("ann", "Ann", (Span(0, 100),)), Person("bob", "Bob", (Span(20, 50),)))
    assert at(speaker(people=people), 55)[0].participant_id == "ann"


def test_a_camera_that_ends_becomes_a_still_with_the_name() -> None:
    (tile,) = at(speaker(shots=(Shot(10, "ann"),)), 70)
    assert (tile.track, tile.name, tile.kind) == (None, "Ann", TileKind.CAMERA)


def test_a_screen_share_is_large_and_the_speaker_small_beside_it() -> None:
    screen, line, small = at(speaker(shares=(Share("bob", SCREEN, (Span(30, 80),)),)), 50)
    assert (screen.kind, screen.track) == (TileKind.SCREEN, SCREEN)
    assert (line.kind, line.name) == (TileKind.LINE, "Bob")
    assert screen.rect.width > 4 * small.rect.width
    assert small.track == BOB


def test_the_newest_of_two_screens_is_shown() -> None:
    other = TrackKey(1, 3)
    shares = (Share("bob", SCREEN, (Span(30, 80),)), Share("ann", other, (Span(50, 60),)))
    scenes = speaker(shares=shares)
    assert [at(scenes, moment)[0].track for moment in (40, 55, 65)] == [SCREEN, other, SCREEN]


def test_of_two_cameras_of_one_person_the_newer_is_shown() -> None:
    again = TrackKey(2, 0)
    cameras = (Camera("ann", ANN, (Span(0, 60),)), Camera("ann", again, (Span(30, 90),)))
    scenes = speaker(cameras=cameras, shots=(Shot(0, "ann"),))
    assert [at(scenes, moment)[0].track for moment in (10, 40, 95)] == [ANN, again, None]


def test_the_gallery_flows_anew_as_people_come_and_go() -> None:
    scenes = gallery()
    assert [len(at(scenes, moment)) for moment in (5, 30)] == [1, 2]
    assert [tile.name for tile in at(scenes, 30)] == ["Ann", "Bob"]


def test_the_gallery_marks_who_speaks_but_nobody_before_the_first_word() -> None:
    scenes = gallery()
    assert [tile.is_speaking for tile in at(scenes, 5)] == [False]
    assert [tile.is_speaking for tile in at(scenes, 50)] == [False, True]


def test_a_crowd_keeps_its_speakers_and_counts_the_rest() -> None:
    crowd = tuple(Person(f"p{i}", f"P{i}", (Span(0, 100),)) for i in range(40))
    tiles = at(gallery(people=crowd, cameras=(), shots=(Shot(10, "p39"),)), 50)
    assert len(tiles) == GALLERY_LIMIT
    assert "p39" in [tile.participant_id for tile in tiles]
    assert (tiles[-1].kind, tiles[-1].count) == (TileKind.MORE, 40 - GALLERY_LIMIT + 1)


def test_the_page_is_shown_where_nothing_better_was_captured() -> None:
    page = TrackKey(1, 9)
    for scenes in (speaker(pages=((page, (Span(70, 90),)),)), gallery(pages=((page, (Span(70, 90),)),))):
        assert [tile.kind for tile in at(scenes, 75)] == [TileKind.PAGE]
        assert TileKind.PAGE not in [tile.kind for tile in at(scenes, 95)]


def test_nobody_there_is_an_empty_picture() -> None:
    assert build_scenes(VideoPlan((Span(0, 10),)), Layout.SPEAKER_VIEW, HD) == [Scene(0, ())]
    assert build_scenes(VideoPlan(()), Layout.GALLERY_VIEW, HD) == []


def test_only_what_is_shown_needs_decoding() -> None:
    shown = shown_spans(speaker(), 100)
    assert shown == {ANN: [Span(0, 40)], BOB: [Span(40, 100)]}
