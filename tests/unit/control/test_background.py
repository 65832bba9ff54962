import asyncio

import pytest

from meetfleet import background
from meetfleet.background import MAX_FAILURES, Background


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(background, "_MAX_PAUSE_S", 0.0)


async def test_a_service_that_dies_is_started_again():
    starts = 0
    runs = asyncio.Event()

    async def service() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise OSError("gone")
        runs.set()
        await asyncio.Event().wait()

    owner = Background()
    owner.start("service", service)
    await asyncio.wait_for(runs.wait(), 10)
    assert starts == 3
    assert owner.ailing == ["service"]
    assert not owner.broken.is_set()
    await owner.stop()


async def test_a_service_that_just_returns_counts_as_dead():
    starts = 0

    async def service() -> None:
        nonlocal starts
        starts += 1

    owner = Background()
    owner.start("service", service)
    await asyncio.wait_for(owner.broken.wait(), 10)
    assert starts == MAX_FAILURES
    await owner.stop()


async def test_services_that_run_are_well_and_end_when_told_in_reverse_order():
    ended: list[str] = []

    def service(name: str):
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        return run

    owner = Background()
    for name in ("first", "second"):
        owner.start(name, service(name))
    await asyncio.sleep(0)
    assert owner.ailing == []
    await owner.stop()
    assert ended == ["second", "first"]
