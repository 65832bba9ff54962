import io
import struct
import zlib
from uuid import UUID

import pytest
from PIL import Image

from meetfleet.control.camera import Camera
from meetfleet.control.pictures import pressed
from meetfleet.domain.errors import MediaError, NotFound, Unauthenticated
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CameraLoop
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotEventRow, EventKind
from meetfleet.testing.control_plane import ControlPlane

RED, BLACK = (200, 30, 30), (0, 0, 0)
URL = "https://cdn.example.org/me.png?signature=hush"


def encoded(kind: str, size: tuple[int, int] = (640, 360), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, RED).save(file, kind, **options)
    return file.getvalue()


def near(colour: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(a - b) < 12 for a, b in zip(colour, wanted, strict=True))


async def picture_of(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(await pressed(data)))
    assert (image.format, image.size, image.mode) == ("JPEG", (1280, 720), "RGB")
    return image


def oversized_png() -> bytes:
    """A few bytes that claim to be 60,000 pixels square."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_the_three_kinds_of_pictures_come_out_as_one(kind: str) -> None:
    image = await picture_of(encoded(kind))
    assert near(image.getpixel((5, 5)), RED)
    assert near(image.getpixel((1270, 710)), RED)


async def test_another_shape_stands_whole_in_the_middle_on_black() -> None:
    image = await picture_of(encoded("PNG", (300, 300)))
    assert near(image.getpixel((640, 360)), RED)
    assert near(image.getpixel((640, 5)), RED)
    assert near(image.getpixel((100, 360)), BLACK)
    assert near(image.getpixel((1180, 360)), BLACK)


async def test_a_picture_taken_upright_is_turned_as_its_exif_data_say() -> None:
    sideways = Image.new("RGB", (400, 200), BLACK)
    sideways.paste(RED, (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees to show
    file = io.BytesIO()
    sideways.save(file, "JPEG", exif=exif)
    image = await picture_of(file.getvalue())
    assert near(image.getpixel((640, 100)), RED)
    assert near(image.getpixel((640, 620)), BLACK)


async def test_nothing_else_of_the_original_file_is_passed_on() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    assert b"taken at home" in encoded("JPEG", exif=exif)
    assert b"taken at home" not in await pressed(encoded("JPEG", exif=exif))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded("GIF"),
        encoded("BMP"),
        encoded("PNG")[:200],
        encoded("JPEG")[:300],
        oversized_png(),
    ],
    ids=["empty", "svg", "gif", "bmp", "cut png", "cut jpeg", "bomb"],
)
async def test_what_is_no_such_picture_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(MediaError) as raised:
        await pressed(data)
    assert raised.value.code == "picture_unusable"
    assert "Traceback" not in raised.value.message


async def notes(plane: ControlPlane, bot_id: UUID) -> list[BotEventRow]:
    async with plane.database.transaction() as session:
        return [e for e in await BotRepository(session).events(bot_id) if e.kind is EventKind.CAMERA]


async def test_a_bot_is_told_of_its_pictures_and_gets_them_over_the_link(plane: ControlPlane) -> None:
    plane.web.bodies[URL] = encoded("PNG")
    camera = Camera(urls=(URL, "https://cdn.example.org/2.png"), loop=CameraLoop.BOT_STATUS)
    one = await plane.started_bot(camera=camera)
    assert one.spec.camera is not None
    assert (one.spec.camera.pictures, one.spec.camera.loop) == (2, CameraLoop.BOT_STATUS)
    assert "cdn.example.org" not in one.spec.to_json()
    picture = await plane.pictures.picture(one.id, one.spec.token, 1)
    assert Image.open(io.BytesIO(picture)).size == (1280, 720)
    (note,) = await notes(plane, one.id)
    assert note.evidence == {"picture": 1, "host": "cdn.example.org", "ok": True, "why": None}


async def test_a_picture_that_cannot_be_had_is_noted_and_stops_nothing(plane: ControlPlane) -> None:
    plane.web.bodies["https://cdn.example.org/2"] = b"no picture"
    one = await plane.started_bot(camera=Camera(urls=(URL, "https://cdn.example.org/2")))
    for number in (1, 2):
        with pytest.raises(NotFound):
            await plane.pictures.picture(one.id, one.spec.token, number)
    first, second = await notes(plane, one.id)
    assert first.evidence["why"] == "The answer was 404."
    assert second.evidence["why"] == "This is no JPEG, PNG or WebP picture."
    assert not any("hush" in str(note.evidence) for note in (first, second))
    await one.be("joining", "in_call", "recording")
    assert (await plane.row(one.id)).state is BotState.RECORDING


async def test_only_the_bot_itself_gets_its_pictures_and_no_others_than_its_own(plane: ControlPlane) -> None:
    plane.web.bodies[URL] = encoded("PNG")
    one, bare = await plane.started_bot(camera=Camera(urls=(URL,))), await plane.started_bot()
    with pytest.raises(Unauthenticated):
        await plane.pictures.picture(one.id, "guess", 1)
    for bot, number in ((one, 0), (one, 2), (bare, 1)):
        with pytest.raises(NotFound):
            await plane.pictures.picture(bot.id, bot.spec.token, number)
    assert bare.spec.camera is None
