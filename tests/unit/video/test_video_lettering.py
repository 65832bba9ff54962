import numpy as np
import pytest
from PIL import ImageFont

from meetfleet.artifacts.video import fonts
from meetfleet.artifacts.video.canvas import Canvas, colour, views
from meetfleet.artifacts.video.compositor import Compositor
from meetfleet.artifacts.video.geometry import Rect, Size
from meetfleet.artifacts.video.lettering import count_patch, initials, name_patch, still_patch
from meetfleet.artifacts.video.plan import TrackKey
from meetfleet.artifacts.video.scene import Scene, Tile, TileKind


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada King Lovelace", "AL"),
        ("bob", "B"),
        ("  (guest)  mary-jane o'neil ", "GO"),
        ("Żaneta Ćwik", "ŻĆ"),
        ("李小龍", "李"),
        ("🎉 !!", ""),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_first_and_last_word(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_a_name_is_white_on_dark_and_as_wide_as_it_needs() -> None:
    short, long = name_patch("Ann", 30, 600), name_patch("Annabella Vandermeer", 30, 600)
    assert short is not None
    assert long is not None
    assert short.size.height == 30
    assert short.size.width < long.size.width <= 600
    assert short.planes[0].min() < 50
    assert short.planes[0].max() > 200


def test_a_name_too_long_is_cut() -> None:
    patch = name_patch("A name that goes on and on and on and on", 30, 200)
    assert patch is not None
    assert patch.size.width <= 200


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u0000\n"])
def test_a_name_without_letters_has_no_label(name: str) -> None:
    assert name_patch(name, 30, 200) is None


def test_characters_that_no_font_knows_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_font_files", lambda: ())
    font = fonts.font_for("Ann \U000e0041", 20)
    assert fonts.writable("Ann \U000e0041", font) == "Ann "


def test_the_font_that_knows_the_whole_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    latin, greek = ImageFont.load_default(20), ImageFont.load_default(21)
    monkeypatch.setattr(fonts, "_candidates", lambda size: iter((latin, greek)))
    monkeypatch.setattr(fonts, "_knows", lambda font, character: font is greek or character.isascii())
    assert fonts.font_for("Ann", 20) is latin
    assert fonts.font_for("Άννα", 20) is greek


def test_people_keep_their_colour() -> None:
    size = Size(160, 90)
    one, same, other = still_patch("Ann", "p1", size), still_patch("Ann", "p1", size), still_patch("Ann", "p2", size)
    assert (one.planes[1] == same.planes[1]).all()
    assert (one.planes[1] != other.planes[1]).any()
    assert one.planes[0].shape == (90, 160)
    assert one.planes[2].shape == (45, 80)
    assert count_patch(7, size).planes[0].max() > 200


def test_colours_are_limited_range() -> None:
    assert colour(0, 0, 0) == (16, 128, 128)
    assert colour(255, 255, 255) == (235, 128, 128)
    assert colour(255, 0, 0)[2] == 240


def test_an_outline_stays_inside_the_picture() -> None:
    canvas = Canvas(Size(64, 36))
    canvas.outline(Rect(0, 0, 32, 36), 4, colour(255, 255, 255))
    luma = views(canvas.frame)[0]
    assert (luma[:, 32:36] == 235).all()
    assert (luma[:, :32] != 235).all()


def test_only_tiles_that_changed_are_painted() -> None:
    compositor = Compositor(Size(320, 180))
    left, right = Rect(0, 0, 160, 90), Rect(160, 0, 160, 90)
    compositor.show(
        Scene(0, (Tile(left, TileKind.CAMERA, "a", ""), Tile(right, TileKind.CAMERA, "b", "", TrackKey(1, 1))))
    )
    luma = views(compositor.compose())[0]
    luma[:90, :160] = 7
    source = Canvas(Size(64, 36))
    source.fill(Rect(0, 0, 64, 36), colour(255, 255, 255))
    assert compositor.picture(TrackKey(1, 1), source.frame)
    assert not compositor.picture(TrackKey(1, 9), source.frame)
    compositor.compose()
    assert (luma[:90, :160] == 7).all()
    assert np.abs(luma[10:80, 170:310].astype(int) - 235).max() <= 2
    assert compositor.picture(TrackKey(1, 1), None)
    compositor.compose()
    assert luma[10:80, 170:310].max() < 150
