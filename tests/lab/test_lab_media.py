"""What the lab sends is what a browser receives, frame by frame."""

import asyncio
import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from labkit import TEE, at_the_door, browser_for, likeness, two_people, visit
from PIL import Image

from meetfleet.lab import Lab, six_people
from meetfleet.lab.clockstrip import Source, read
from meetfleet.lab.presets import busy_minute
from meetfleet.lab.script import Host, Media, Network, Person, RoomScript, Share, Span, VideoCodec

pytestmark = pytest.mark.lab

LISTEN_S = 9.0


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_every_frame_arrives_as_it_was_sent_with_its_speaker_and_loudness(codec: VideoCodec) -> None:
    script = replace(busy_minute(), host=Host(admits_after_s=0.2), media=Media(codec=codec))
    async with at_the_door(script, TEE) as v:
        await v.join()
        await asyncio.sleep(LISTEN_S)
        received = await v.frames()
        truth = v.room.truth()
    sent = {(s["ssrc"], s["rtp_timestamp"]): s for s in truth["visits"][0]["sent"]}
    assert Counter(f["kind"] for f in received).keys() == {"audio", "video"}
    for frame in received:
        original = sent[frame["ssrc"], frame["rtp"]]
        assert frame["sha1"] == original["sha1"]
        if frame["kind"] == "audio":
            assert frame["csrcs"] == [original["csrc"]]
            assert original["level"] == 127 or frame["level"] == pytest.approx(
                10 ** (-original["level"] / 20), rel=0.01
            )
    arrived = {(f["ssrc"], f["rtp"]) for f in received}
    last_ns = max(sent[key]["at_ns"] for key in arrived)
    due = {key for key, s in sent.items() if s["at_ns"] < last_ns - 500_000_000}
    assert due - arrived == set()


async def test_lost_video_packets_are_sent_again() -> None:
    script = two_people(network=Network(loss_percent=5))
    async with at_the_door(script, TEE) as v:
        await v.join()
        await asyncio.sleep(6)
        received = await v.frames()
        sent = v.room.truth()["visits"][0]["sent"]
    arrived = {f["sha1"] for f in received if f["kind"] == "video"}
    due = [s for s in sent if s["kind"] == "video" and s["at_ns"] < sent[-1]["at_ns"] - 2_000_000_000]
    assert len(due) > 100
    assert [s for s in due if s["sha1"] not in arrived] == []


async def test_six_people_are_seen_and_each_picture_says_whose_it_is() -> None:
    async with at_the_door(six_people(host=Host(admits_after_s=0.2))) as v:
        await v.join()
        await v.until("[...document.querySelectorAll('video')].filter(v => v.videoWidth === 640).length === 6")
        tiles = await v.page.evaluate(
            "[...document.querySelectorAll('.tile')].filter((t) => t.querySelector('video').videoWidth).map((t) => {"
            " const r = t.getBoundingClientRect();"
            " return [t.querySelector('.notranslate').textContent, r.x, r.y, r.width, r.height]; })"
        )
        picture = np.asarray(Image.open(io.BytesIO(await v.page.screenshot())).convert("RGB"))
        numbers = {p["name"]: p["number"] for p in v.room.truth()["participants"]}
    seen = {name: read(picture, (x, y, w, h)) for name, x, y, w, h in tiles}
    assert {name: reading and reading.actor for name, reading in seen.items()} == numbers
    frames = [reading.frame for reading in seen.values() if reading]
    assert max(frames) - min(frames) <= 5


async def test_decoded_sound_is_the_reference() -> None:
    async with at_the_door(two_people()) as v:
        await v.join()
        await asyncio.sleep(1)
        heard = await v.record(5)
        pieces = likeness(heard, v.room.reference_audio())
    assert len(pieces) >= 5
    assert float(np.median(pieces)) > 0.95


async def test_layer_camera_share_and_late_joiner_change_what_is_sent() -> None:
    people = (
        Person("Ann", low_layer=(Span(2.0, 6.0),)),
        Person("Bob", joins_at=2.0, camera_off=(Span(6.0),)),
    )
    script = RoomScript(
        people=people, shares=(Share("Ann", 3.0, 7.0, ("One",)),), host=Host(0.1), media=Media(video_loop_s=4)
    )
    async with at_the_door(script, TEE) as v:
        await v.join()
        await v.until("[...document.querySelectorAll('video')].some(v => v.videoWidth === 320)")
        await v.until("[...document.querySelectorAll('video')].some(v => v.videoWidth === 1280)")
        await v.room.wait_for("share_stopped", 10)
        await v.until("![...document.querySelectorAll('.tile')].some(t => t.innerText.includes('Presenting'))")
        await asyncio.sleep(1.5)
        received = {f["sha1"] for f in await v.frames()}
        truth = v.room.truth()
    ann, bob = truth["participants"]
    (share,) = truth["shares"]
    sent = truth["visits"][0]["sent"]
    at = {
        source: [s["at_ns"] for s in sent if s["source"] == device and s["kind"] == "video"]
        for source, device in (("ann", ann["device_id"]), ("bob", bob["device_id"]), ("share", share["device_id"]))
    }
    assert min(at["bob"]) >= bob["present"][0]["start_ns"]
    assert max(at["bob"]) <= bob["camera_on"][0]["end_ns"] + 40_000_000
    assert share["start_ns"] <= min(at["share"]) < max(at["share"]) < share["end_ns"] + 40_000_000
    assert max(at["ann"]) > max(at["bob"])
    assert {s["sha1"] for s in sent[:-50] if s["kind"] == "video"} <= received


async def test_several_bots_and_rooms_run_side_by_side() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        first = await lab.open_room(two_people(name="first"))
        second = await lab.open_room(two_people(name="second"))
        visitors = [await visit(browser, room, TEE) for room in (first, first, second)]
        for n, v in enumerate(visitors):
            await v.join(f"Bot {n}")
        await asyncio.sleep(3)
        got = [{f["sha1"] for f in await v.frames() if f["kind"] == "video"} for v in visitors]
        assert all(len(frames) > 50 for frames in got)
        assert [len(room.truth(sent=False)["visits"]) for room in (first, second)] == [2, 1]
        names = await visitors[0].page.evaluate(
            "[...document.querySelectorAll('.tile .notranslate')].map(t => t.textContent)"
        )
        assert {"Ann", "Bob", "Bot 0", "Bot 1"} <= set(names)
        assert first.zero_ns != second.zero_ns


async def test_strips_tell_the_source_of_a_shared_screen() -> None:
    script = RoomScript(
        people=(Person("Ann"),), shares=(Share("Ann", 0.5),), host=Host(0.1), media=Media(video_loop_s=4)
    )
    async with at_the_door(script) as v:
        await v.join()
        await v.until("[...document.querySelectorAll('video')].some(v => v.videoWidth === 1280)")
        await asyncio.sleep(0.5)
        x, y, w, h = await v.page.evaluate(
            "(() => { const r = document.querySelector('.tile.large').getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })()"
        )
        picture = np.asarray(Image.open(io.BytesIO(await v.page.screenshot())).convert("RGB"))
    reading = read(picture, (x, y, w, h))
    assert reading is not None
    assert (reading.actor, reading.source) == (1, Source.SCREEN)
