"""A network that goes away, and comes back or does not."""

import asyncio

import pytest
from labkit import TEE, at_the_door, two_people

pytestmark = pytest.mark.lab


async def test_a_short_drop_shows_reconnecting_and_recovers_with_media() -> None:
    async with at_the_door(two_people(), TEE) as v:
        await v.join()
        await asyncio.sleep(1)
        await v.room.do("drop_network")
        await v.until_text("Reconnecting")
        await asyncio.sleep(0.3)
        before = len(await v.frames())
        await asyncio.sleep(1.5)
        assert len(await v.frames()) == before
        await v.room.do("restore_network")
        await v.until("!document.body.innerText.includes('Reconnecting')", 15)
        await v.until(f"window.frames_.length > {before + 50}", 15)
        assert v.room.in_call
        assert not v.room.events.of("bot_vanished")


@pytest.mark.slow
async def test_after_a_long_drop_the_page_builds_a_new_connection() -> None:
    async with at_the_door(two_people(duration_s=120), TEE) as v:
        await v.join()
        await v.room.do("drop_network")
        await v.room.wait_for("media_closed", 90)  # ICE consent has run out
        await v.room.do("restore_network")
        await v.room.wait_for("media_connected", 30, count=2)
        before = len(await v.frames())
        await v.until(f"window.frames_.length > {before + 50}", 15)


async def test_while_the_network_is_gone_the_page_stays_at_reconnecting() -> None:
    async with at_the_door(two_people(conversation=())) as v:
        await v.join()
        await v.room.do("drop_network")
        await v.until_text("Reconnecting")
        await asyncio.sleep(3)
        assert "Reconnecting" in await v.page.evaluate("document.body.innerText")
        assert v.room.events.of("network")


async def test_a_frozen_page_answers_nothing_until_it_thaws() -> None:
    async with at_the_door(two_people(conversation=())) as v:
        await v.join()
        await v.room.do("freeze", seconds=2)
        await asyncio.sleep(0.3)
        with pytest.raises(Exception, match="did not answer"):
            await v.page.evaluate("1", timeout_s=0.5)
        assert await v.page.evaluate("1 + 1", timeout_s=10) == 2
