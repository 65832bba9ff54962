"""The probe in the lab's Google Meet replica: real WebRTC, a strict policy, TLS, the address space of the internet."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from lab_visit import Visit, visit
from loopback_meeting import RATE_HZ, best_match, joined_pcm

from meetfleet.browser.probe import ProbeOptions
from meetfleet.domain.clock import SystemClock
from meetfleet.lab import four_people_demo, six_people
from meetfleet.lab.presets import busy_minute
from meetfleet.lab.script import AudioPath, Media, Network, Share
from meetfleet.tape.records import Rung

pytestmark = [pytest.mark.lab, pytest.mark.slow]


NATIVE, NETEQ, E2EE, WORKLET = AudioPath.NATIVE, AudioPath.NETEQ, AudioPath.E2EE, AudioPath.WORKLET


async def listen(visitor: Visit, seconds: float) -> int:
    """Stays that long; returns until when (ns) everything sent must have arrived."""
    await asyncio.sleep(seconds)
    until_ns = SystemClock().now_ns()
    await asyncio.sleep(1.5)
    return until_ns


@pytest.mark.parametrize(("audio", "seconds"), [(NATIVE, 62), (NETEQ, 15)])
async def test_every_frame_sent_is_on_the_tape_bit_by_bit(audio: AudioPath, seconds: float) -> None:
    async with visit(six_people().with_page(audio=audio)) as visitor:
        until_ns = await listen(visitor, seconds)
        for kind, at_least in (("audio", 20 * seconds), ("video", 6 * 20 * seconds)):
            sent = visitor.sent(kind, before_ns=until_ns)
            assert sum(sent.values()) > at_least
            assert not sent - visitor.taped(kind), kind
        assert visitor.sink.rungs("audio") == [Rung.ENCODED]
        assert visitor.sink.rungs("video") == [Rung.ENCODED]
        assert visitor.probe.health().dropped == 0


async def test_packets_name_their_speakers() -> None:
    async with visit(six_people()) as visitor:
        until_ns = await listen(visitor, 12)
        media = visitor.room.truth()["visits"][-1]["sent"]
        said = {(m["ssrc"], m["rtp_timestamp"]): (m["csrc"], m["level"]) for m in media if m["kind"] == "audio"}
        taped = [f for f in visitor.sink.of(kind="audio") if f.arrival_ns < until_ns]
        assert len(taped) > 200
        for frame in taped:
            csrc, level = said[frame.ssrc, frame.rtp_timestamp]
            assert (frame.csrcs, frame.audio_level) == ((csrc,), level)


async def test_what_the_page_decrypts_is_taped_decrypted() -> None:
    async with visit(four_people_demo().with_page(audio=E2EE)) as visitor:
        until_ns = await listen(visitor, 12)
        sent = visitor.sent("audio", before_ns=until_ns)
        taped = visitor.taped("audio")
        assert {(ssrc, rtp) for ssrc, rtp, _ in sent} <= {(ssrc, rtp) for ssrc, rtp, _ in taped}
        assert not sent & taped  # what was sent is scrambled
        assert visitor.sink.rungs() == [Rung.ENCODED]


LOWER = [
    (NATIVE, (Rung.RAW,), Rung.RAW),
    (E2EE, (Rung.RAW, Rung.PAGE), Rung.RAW),
    (NATIVE, (Rung.PAGE,), Rung.PAGE),
    (NETEQ, (Rung.PAGE,), Rung.PAGE),
    (WORKLET, tuple(Rung), Rung.PAGE),
]


@pytest.mark.parametrize(("audio", "rungs", "rung"), LOWER)
async def test_the_lower_rungs_hear_what_was_said(audio: AudioPath, rungs: tuple[Rung, ...], rung: Rung) -> None:
    async with visit(four_people_demo().with_page(audio=audio), ProbeOptions(rungs=rungs)) as visitor:
        await listen(visitor, 16)
        assert visitor.sink.rungs() == [rung]
        truth = visitor.room.reference_audio().astype(float)
        frames = visitor.sink.of(kind="audio", rung=rung)
        assert {t.codec for t in visitor.sink.tracks.values() if t.kind == "audio"} == {"pcm_s16le"}
        assert correlation(mixed(frames), truth) > 0.95


async def test_packets_whose_levels_prove_nothing_are_heard_by_their_decoders() -> None:
    room = four_people_demo(media=Media(true_levels=False))
    async with visit(room) as visitor:
        await listen(visitor, 20)
        assert visitor.sink.rungs()[-1] == Rung.RAW
        frames = visitor.sink.of(kind="audio", rung=Rung.RAW)
        assert correlation(mixed(frames), visitor.room.reference_audio().astype(float)) > 0.95


async def test_receivers_that_come_late_take_over_from_the_page() -> None:
    async with visit(six_people().with_page(late_audio_s=8.0)) as visitor:
        visitor.probe.someone_speaks(True)  # as the platform's signals say, while nothing is heard
        async with asyncio.timeout(60):
            while visitor.sink.rungs()[-1:] != [Rung.ENCODED]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert visitor.sink.rungs() == [Rung.PAGE, Rung.ENCODED]
        await listen(visitor, 5)
        assert len(visitor.taped("audio")) > 50


async def test_a_room_without_cameras_has_sound_and_shared_screens() -> None:
    room = six_people(media=Media(cameras=False), shares=(Share("Ada Brandt", 1.0, 8.0),))
    async with visit(room) as visitor:
        await listen(visitor, 5)
        assert visitor.taped("audio")
        assert len([t for t in visitor.sink.tracks.values() if t.kind == "video"]) == 1


async def test_a_probe_for_sound_alone_is_sent_no_pictures_and_hears_who_joins_late() -> None:
    async with visit(busy_minute(), ProbeOptions(tape_video=False)) as visitor:
        until_ns = await listen(visitor, 14)
        assert not visitor.sent("video", before_ns=until_ns)
        sent = visitor.sent("audio", before_ns=until_ns)
        assert len(sent) > 200
        assert not sent - visitor.taped("audio")
        assert visitor.sink.rungs() == [Rung.ENCODED]


def mixed(frames: list) -> np.ndarray:
    """All PCM tracks of one context on its clock, added up."""
    by_track: dict[int, list] = {}
    for frame in frames:
        by_track.setdefault(frame.track_id, []).append(frame)
    start = min(f.rtp_timestamp for f in frames)
    sound = np.zeros(max(f.rtp_timestamp for f in frames) - start + RATE_HZ)
    for track in by_track.values():
        part, at = joined_pcm(track), min(f.rtp_timestamp for f in track) - start
        sound[at : at + len(part)] += part
    return sound


def correlation(sound: np.ndarray, truth: np.ndarray, piece_s: float = 0.5) -> float:
    """Median over the loud pieces of `sound`, each wherever it fits into the truth: a jitter buffer may shift them."""
    size = round(piece_s * RATE_HZ)
    pieces = [sound[at : at + size] for at in range(0, len(sound) - size, size)]
    loud = [p for p in pieces if np.sqrt((p * p).mean()) > 500]
    assert len(loud) > 10
    return float(np.median([best_match(truth, p)[0] for p in loud]))


async def test_a_look_shows_everybody_and_then_the_decoders_rest_again() -> None:
    widths = "[...document.querySelectorAll('main video')].map(v => v.videoWidth).filter(Boolean)"
    async with visit(six_people()) as visitor:
        await asyncio.sleep(4)
        assert await visitor.page.evaluate(widths) == [16] * 6
        assert await visitor.probe.request_live(3.0)
        assert min(await visitor.page.evaluate(widths)) >= 320
        png = await visitor.probe.screenshot()
        await asyncio.sleep(1)
        assert await visitor.page.evaluate(widths) == [16] * 6
        assert len(png) > 100_000


async def test_signals_of_the_platform_arrive() -> None:
    options = ProbeOptions(labels=("*",), rpc=("$rpc/",))
    async with visit(four_people_demo(), options) as visitor:
        await asyncio.sleep(5)
        channels = {channel for channel, _ in visitor.sink.signals}
        assert "data/collections" in channels
        assert any(payload for channel, payload in visitor.sink.signals if channel == "data/collections")


async def test_loss_on_the_line_loses_audio_only() -> None:
    async with visit(replace(six_people(), network=Network(loss_percent=3))) as visitor:
        until_ns = await listen(visitor, 12)
        sent, taped = visitor.sent("video", before_ns=until_ns), visitor.taped("video")
        assert sum((sent - taped).values()) < 0.02 * sum(sent.values())
        assert visitor.sink.rungs() == [Rung.ENCODED]
