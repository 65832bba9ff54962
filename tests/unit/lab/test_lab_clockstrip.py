import av
import numpy as np
import pytest
from PIL import Image

from meetfleet.lab.clockstrip import ClockReading, Source, draw, read
from meetfleet.lab.media.picture import Camera, Screen
from meetfleet.lab.media.video import encode_video
from meetfleet.lab.script import VideoCodec

READING = ClockReading(37, 54321, Source.CAMERA)


def picture(reading: ClockReading = READING, width: int = 640, height: int = 360) -> np.ndarray:
    luma = np.random.default_rng(1).integers(40, 200, (height, width), dtype=np.uint8)
    draw(luma, reading)
    return np.repeat(luma[..., None], 3, axis=2)


def scaled(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("source", list(Source))
@pytest.mark.parametrize(("actor", "frame"), [(1, 0), (63, 65535), (2, 749), (21, 0x5555)])
def test_what_is_drawn_is_read(actor: int, frame: int, source: Source) -> None:
    assert read(picture(ClockReading(actor, frame, source))) == ClockReading(actor, frame, source)


@pytest.mark.parametrize(("width", "height"), [(160, 90), (320, 180), (426, 240), (853, 480), (1280, 720), (211, 119)])
def test_it_survives_scaling(width: int, height: int) -> None:
    assert read(scaled(picture(), width, height)) == READING


@pytest.mark.parametrize(("width", "height"), [(640, 640), (1280, 400), (500, 600), (1000, 360)])
def test_it_is_found_between_black_bars(width: int, height: int) -> None:
    fit = min(width / 640, height / 360)
    w, h = round(640 * fit), round(360 * fit)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    canvas[top : top + h, left : left + w] = scaled(picture(), w, h)
    assert read(canvas) == READING


def test_it_is_read_in_a_tile_of_a_larger_image() -> None:
    canvas = np.full((720, 1280, 3), 90, np.uint8)
    canvas[200:380, 700:1020] = scaled(picture(), 320, 180)
    assert read(canvas, (700, 200, 320, 180)) == READING
    assert read(canvas, (699, 201, 321, 180)) == READING


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("small", [False, True])
def test_every_picture_of_a_camera_is_read_after_encoding_and_scaling_to_a_quarter(
    codec: VideoCodec, small: bool
) -> None:
    clip = encode_video(Camera(5, "Ann", 2, small), codec)
    decoder = av.CodecContext.create("vp8" if codec is VideoCodec.VP8 else "h264", "r")
    decoded = [frame for data in clip.frames for frame in decoder.decode(av.Packet(data))]
    decoded += decoder.decode(None)
    assert len(decoded) == len(clip.frames) == 50
    for n, frame in enumerate(decoded):
        expected = ClockReading(5, n, Source.SMALL_CAMERA if small else Source.CAMERA)
        image = frame.to_ndarray(format="rgb24")
        assert read(image) == expected
        assert read(scaled(image, 160, 90)) == expected


def test_a_second_generation_at_low_quality_is_still_read() -> None:
    clip = encode_video(Camera(3, "Bob", 2), VideoCodec.VP8)
    decoder = av.CodecContext.create("vp8", "r")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.options = {"preset": "ultrafast", "crf": "32", "tune": "zerolatency"}
    encoder.framerate = 25
    again = av.CodecContext.create("h264", "r")
    readings = []
    for data in clip.frames:
        for frame in decoder.decode(av.Packet(data)):
            for packet in encoder.encode(frame.reformat(320, 180, "yuv420p")):
                readings += [read(f.to_ndarray(format="rgb24")) for f in again.decode(packet)]
    assert readings
    assert [r and r.frame for r in readings] == list(range(len(readings)))


def test_pictures_without_a_strip_give_no_reading() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        assert read(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8)) is None
    assert read(np.zeros((90, 160, 3), np.uint8)) is None
    assert read(np.full((90, 160, 3), 255, np.uint8)) is None


def test_one_wrong_block_gives_no_reading_rather_than_a_wrong_one() -> None:
    for column in range(1, 17):
        rgb = picture()
        x = round((0.1 + 0.8 * column / 18) * 640)
        rgb[15:32, x : x + 28] = 255 - rgb[15:32, x : x + 28]
        assert read(rgb) is None


def test_slides_carry_the_strip_of_a_screen() -> None:
    frames = list(Screen(7, "Cyd", ("One", "Two")).frames())
    assert len(frames) == 40
    assert read(frames[25].to_ndarray(format="rgb24")) == ClockReading(7, 25, Source.SCREEN)
    assert ClockReading(7, 25, Source.SCREEN).seconds == 5.0
