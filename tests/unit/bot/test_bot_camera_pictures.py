from collections.abc import Sequence

import pytest

from meetfleet.bot.camera import Camera
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import CameraLoop, CameraSpec

RECORDING, PAUSED, IN_CALL = BotState.RECORDING, BotState.PAUSED, BotState.IN_CALL


class Screen:
    """Remembers what it was told to show."""

    def __init__(self) -> None:
        self.shown: list[tuple[bytes, ...]] = []

    def show(self, pictures: Sequence[bytes], each_s: float) -> None:
        self.shown.append(tuple(pictures))


async def camera_with(there: dict[int, bytes], spec: CameraSpec | None) -> tuple[Camera, Screen]:
    async def fetch(number: int) -> bytes | None:
        return there.get(number)

    screen = Screen()
    camera = Camera(spec, fetch, screen.show)
    await camera.run()
    return camera, screen


@pytest.mark.parametrize(
    ("there", "count", "expected"),
    [
        ({1: b"1", 2: b"2", 3: b"3"}, 3, [b"1", b"2", b"3", b"2"]),
        ({1: b"1", 2: b"2"}, 2, [b"1", b"2", b"2", b"2"]),
        ({1: b"1"}, 1, [b"1", b"1", b"1", b"1"]),
        ({1: b"1", 3: b"3"}, 3, [b"1", b"1", b"3", b"1"]),
        ({2: b"2"}, 2, [b"2", b"2", b"2", b"2"]),
    ],
    ids=["all three", "no third", "only one", "second not to be had", "first not to be had"],
)
async def test_each_status_has_its_picture_and_does_with_an_earlier_one(
    there: dict[int, bytes], count: int, expected: list[bytes]
) -> None:
    camera, screen = await camera_with(there, CameraSpec(count, CameraLoop.BOT_STATUS))
    now: list[bytes] = []
    for state in (IN_CALL, RECORDING, PAUSED, RECORDING):
        camera.enter(state)
        now.append(screen.shown[-1][0])
    assert now == expected
    assert all(len(pictures) == 1 for pictures in screen.shown)


async def test_pictures_that_take_turns_begin_as_soon_as_one_is_there_whatever_the_status() -> None:
    camera, screen = await camera_with({1: b"1", 3: b"3"}, CameraSpec(3))
    camera.enter(PAUSED)
    assert screen.shown == [(b"1",), (b"1", b"3")]


async def test_without_pictures_nothing_is_ever_shown() -> None:
    for spec in (None, CameraSpec(2), CameraSpec(1, CameraLoop.BOT_STATUS)):
        camera, screen = await camera_with({}, spec)
        camera.enter(RECORDING)
        assert screen.shown == []
