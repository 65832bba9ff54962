"""What tapes do to pictures: pauses, gaps, broken and late frames, other codecs, tracks without an owner."""

from dataclasses import replace
from pathlib import Path

import pytest
from video_actors import SECOND, ZERO_NS, CameraFrame, Shown, Stagehand, Take, film, pictures

from meetfleet.artifacts.video.director import Turn
from meetfleet.artifacts.video.geometry import Rect, grid, inset
from meetfleet.artifacts.video.plan import Layout
from meetfleet.artifacts.video.render import RenderOptions, VideoResult, render_video
from meetfleet.artifacts.video.resolution import SIZES, Resolution
from meetfleet.artifacts.video.spans import Span
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.domain.errors import MediaError
from meetfleet.tape.records import Participant, Roster, SourceRef

WHOLE = Rect(0, 0, 640, 360)
ANN = Participant("ann", "Ann", sources=(SourceRef("video", stream_id="stream-0"),))
BOB = Participant("bob", "Bob", sources=(SourceRef("video", stream_id="stream-1"),))


def span(start_s: float, end_s: float) -> Span:
    return Span(ZERO_NS + round(start_s * SECOND), ZERO_NS + round(end_s * SECOND))


def turn(who: str, start_s: float, end_s: float) -> Turn:
    return Turn(who, ZERO_NS + round(start_s * SECOND), ZERO_NS + round(end_s * SECOND))


def show(
    tmp_path: Path, *recorded: Span, layout: Layout = Layout.SPEAKER_VIEW, turns: tuple[Turn, ...] = ()
) -> tuple[VideoResult, list[Shown]]:
    out = tmp_path / "video.mp4"
    options = RenderOptions(Resolution.P360)
    result = render_video(tmp_path / "tape", out, timeline=Timeline(recorded, turns), layout=layout, options=options)
    return result, list(pictures(out))


def stage(tmp_path: Path, frames: list[CameraFrame], codec: str = "vp8", **info: object) -> Stagehand:
    hand = Stagehand(tmp_path / "tape")
    hand.at(0, Roster((ANN,)))
    hand.camera(0, frames, codec, **info)
    return hand


def moments(shown: list[Shown]) -> list[tuple[float, float | None]]:
    """When each picture is shown and when it was taken."""
    strips = [(picture.at_s, picture.strip(WHOLE)) for picture in shown]
    return [(at_s, strip[1] if strip else None) for at_s, strip in strips]


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1", "jpeg"])
def test_every_codec_is_shown(tmp_path: Path, codec: str) -> None:
    stage(tmp_path, film(0, [Take(0, 1), Take(1, 2, 160, 90)], codec), codec).write()
    result, shown = show(tmp_path, span(0, 2))
    assert result.unreadable == 0
    assert len(shown) >= 20
    for at_s, taken_s in moments(shown):
        assert taken_s is not None
        assert 0 <= at_s - taken_s < 0.14


def test_a_pause_is_cut_out_and_time_goes_on(tmp_path: Path) -> None:
    stage(tmp_path, film(0, [Take(0, 6)])).write()
    result, shown = show(tmp_path, span(1, 2), span(4, 6))
    assert result.duration_s == 3
    for at_s, taken_s in moments(shown):
        assert taken_s is not None
        assert 0 <= at_s + (1 if at_s < 1 else 3) - taken_s < 0.14


def test_after_a_gap_of_the_tape_the_last_picture_holds_then_a_still_until_a_key_frame(tmp_path: Path) -> None:
    stage(tmp_path, film(0, [Take(0, 8), Take(8, 10)])).write(segment_s=1)
    for segment in sorted((tmp_path / "tape").iterdir())[2:4]:
        segment.unlink()
    _, shown = show(tmp_path, span(0, 10))
    for at_s, taken_s in moments(shown):
        if at_s < 4.5:
            assert taken_s is not None
            assert taken_s <= 2.6
        elif 5.6 <= at_s < 8:
            assert taken_s is None
        elif at_s >= 8:
            assert taken_s is not None
            assert 0 <= at_s - taken_s < 0.14


def test_a_broken_frame_shows_no_garbage(tmp_path: Path) -> None:
    frames = film(0, [Take(0, 2), Take(2, 3)])
    frames[10] = replace(frames[10], payload=b"")
    frames[12] = replace(frames[12], payload=b"\xff\x00")
    stage(tmp_path, frames).write()
    _, shown = show(tmp_path, span(0, 3))
    for at_s, taken_s in moments(shown):
        assert taken_s is not None
        assert taken_s <= at_s
        if at_s >= 2:
            assert at_s - taken_s < 0.14


def test_frames_that_arrive_late_or_twice_are_put_in_order(tmp_path: Path) -> None:
    frames = film(0, [Take(0, 3)])
    frames[11:14] = [frames[12], frames[13], frames[11], frames[12]]
    stage(tmp_path, frames).write()
    result, shown = show(tmp_path, span(0, 3))
    assert result.unreadable == 0
    for at_s, taken_s in moments(shown):
        assert taken_s is not None
        assert 0 <= at_s - taken_s < 0.14


def test_frames_that_stand_on_the_tape_before_their_track_is_announced_are_shown(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 3)]))
    hand.announce_late(0, 0.35)
    hand.write()
    result, shown = show(tmp_path, span(0, 3))
    assert result.decoded == 30
    assert all(taken_s is not None for _, taken_s in moments(shown))


def test_a_camera_that_is_switched_off_is_a_still_at_once(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2)]))
    hand.at(1.5, Roster((replace(ANN, sources=(replace(ANN.sources[0], muted=True),)),)))
    hand.write()
    _, shown = show(tmp_path, span(0, 3))
    assert all((taken_s is not None) == (at_s < 1.5) for at_s, taken_s in moments(shown))


def test_a_track_that_passes_from_hand_to_hand_shows_each_owner(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2)]) + film(1, [Take(2, 4)]))
    hand.at(2, Roster((Participant("ann", "Ann"), replace(BOB, sources=ANN.sources))))
    hand.write()
    _, shown = show(tmp_path, span(0, 4), turns=(turn("ann", 0, 2), turn("bob", 2, 4)))
    for picture in shown:
        strip = picture.strip(WHOLE)
        assert strip is not None
        assert strip[0] == (0 if picture.at_s < 2 else 1)


def test_a_camera_that_no_roster_names_is_shown_without_a_name(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2)]))
    hand.camera(7, film(7, [Take(0, 2)]))
    hand.write()
    _, shown = show(tmp_path, span(0, 2), layout=Layout.GALLERY_VIEW)
    tiles = grid(2, inset(SIZES[Resolution.P360], 8), 8)
    for picture in shown:
        strips = [picture.strip(tile) for tile in tiles]
        assert [strip and strip[0] for strip in strips] == [0, 7]


def test_the_bot_itself_is_never_shown(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2)]))
    me = Participant("me", "Notetaker", is_self=True, sources=(SourceRef("video", stream_id="stream-9"),))
    hand.at(0.001, Roster((ANN, me)))
    hand.camera(9, film(9, [Take(0, 2)]))
    hand.write()
    _, shown = show(tmp_path, span(0, 2), turns=(turn("me", 0, 2),))
    assert all(strip is not None and strip[0] == 0 for strip in (picture.strip(WHOLE) for picture in shown))


def test_the_page_fills_the_picture_where_only_the_page_was_captured(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2)]))
    hand.camera(5, film(5, [Take(2, 4, fps=2)], "jpeg"), "jpeg", rung="page")
    hand.write()
    _, shown = show(tmp_path, span(0, 4))
    for picture in shown:
        strip = picture.strip(WHOLE)
        assert strip is not None
        assert strip[0] == (0 if picture.at_s < 2 else 5)


def test_only_frames_on_the_way_to_a_shown_picture_are_decoded(tmp_path: Path) -> None:
    hand = stage(tmp_path, film(0, [Take(0, 2), Take(2, 4), Take(4, 6)]))
    hand.at(0.001, Roster((ANN, BOB)))
    hand.camera(1, film(1, [Take(0, 2), Take(2, 4), Take(4, 6)]))
    hand.write()
    result, _ = show(tmp_path, span(0, 6), turns=(turn("ann", 0, 4.5), turn("bob", 4.5, 6)))
    assert result.decoded == 45 + 20


def test_a_meeting_without_any_video_still_names_who_speaks(tmp_path: Path) -> None:
    hand = Stagehand(tmp_path / "tape")
    hand.at(0, Roster((Participant("ann", "Ann"), Participant("bob", "Bob"))))
    hand.at(9, Roster((Participant("ann", "Ann"),)))
    hand.write()
    result, shown = show(tmp_path, span(0, 10), turns=(turn("ann", 0, 5), turn("bob", 5, 10)))
    assert result.duration_s == 10
    assert (shown[0].luma != shown[-2].luma).any()
    assert shown[0].luma.max() > 200


def test_a_recording_without_length_is_refused(tmp_path: Path) -> None:
    stage(tmp_path, film(0, [Take(0, 1)])).write()
    with pytest.raises(MediaError) as refused:
        show(tmp_path, span(1, 1))
    assert refused.value.code == "nothing_recorded"
    assert not list(tmp_path.glob("video*"))
