"""The probe against a meeting within one page, on a page with a strict policy in the public address space."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from loopback_meeting import (
    RATE_HZ,
    Meeting,
    best_match,
    joined_pcm,
    meeting_with_probe,
    read_wave,
    synthesise,
    until,
)
from PIL import Image

from meetfleet.browser.probe import ProbeOptions
from meetfleet.tape.records import Rung

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise(tmp_path_factory.mktemp("speech"))


@pytest.mark.parametrize("mode", ["native", "observe", "e2ee", "worker", "neteq"])
async def test_packets_on_the_tape_equal_packets_on_the_wire_or_their_decryption(speech: Path, mode: str) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode=mode, audio=2, video=2)
        await meeting.speak(0)
        await meeting.speak(1)
        await asyncio.sleep(4)
        lost = await meeting.page.evaluate("meeting.lost()")
        sent = await meeting.hang_up()
        if mode in ("e2ee", "worker"):  # the page mends what was scrambled: what it plays is taped
            sent = type(sent)({(kind, rtp, mended(payload)): n for (kind, rtp, payload), n in sent.items()})
        assert len(sent) > 400
        taped = meeting.sink.media()
        missing = [entry[:2] for entry in sent - taped]
        assert len(missing) <= lost, missing
        assert len(taped) - len(sent) < 60  # the last moment's
        assert meeting.sink.rungs() == [Rung.ENCODED]


def mended(payload: str) -> str:
    data = bytes.fromhex(payload)
    return (data[:1] + bytes(b ^ 0x5A for b in data[1:])).hex()


async def test_a_packet_carries_level_sequence_number_arrival_and_stream(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=1)
        await meeting.speak()
        await until(lambda: len(meeting.sink.of(kind="audio")) > 100)
        (info,) = meeting.sink.tracks.values()
        frames = meeting.sink.of(kind="audio")
        assert (info.codec, info.clock_rate_hz, info.rung, info.mid) == ("opus", 48000, "encoded", "0")
        assert info.stream_id == await meeting.page.evaluate("meeting.sources[0].target.stream.id")
        assert min(f.audio_level for f in frames) < 40
        numbers = [f.sequence_number for f in frames]
        lost = await meeting.page.evaluate("meeting.lost()")
        assert len({n for n in numbers if n is not None}) == len(numbers)
        assert (numbers[-1] or 0) - (numbers[0] or 0) + 1 <= len(numbers) + lost
        spans_ns = [(f.arrival_ns - frames[0].arrival_ns) for f in frames]
        media_ns = (frames[-1].rtp_timestamp - frames[0].rtp_timestamp) / RATE_HZ * 1e9
        assert abs(spans_ns[-1] - media_ns) < 0.2e9


async def test_a_page_without_receivers_is_taped_from_its_loudspeaker(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode="worklet")
        await meeting.speak()
        truth = read_wave(speech)
        await asyncio.sleep(len(truth) / RATE_HZ + 1.5)
        assert meeting.sink.rungs() == [Rung.PAGE]
        sound = joined_pcm(meeting.sink.of(rung="page", is_mix=True))
        assert len(sound) > 0.95 * len(truth)
        assert matches_piecewise(sound, truth) > 0.95


@pytest.mark.parametrize("rung", [Rung.RAW, Rung.PAGE])
async def test_decoded_sound_matches_the_speech_on_the_lower_rungs(speech: Path, rung: Rung) -> None:
    async with meeting_with_probe(speech, ProbeOptions(rungs=(rung,))) as meeting:
        await meeting.start(audio=1)
        await asyncio.sleep(1)
        await meeting.speak()
        truth = read_wave(speech)
        await asyncio.sleep(len(truth) / RATE_HZ + 1.5)
        assert meeting.sink.rungs() == [rung]
        frames = meeting.sink.of(rung=rung)
        assert all(f.rtp_timestamp % 960 == frames[0].rtp_timestamp % 960 for f in frames)
        assert matches_piecewise(joined_pcm(frames), truth) > 0.9  # the jitter buffer stretches time between pieces


def matches_piecewise(sound: np.ndarray, truth: np.ndarray, piece_s: float = 0.3) -> float:
    """Median correlation of the loud pieces of `truth`, each wherever it fits."""
    size = round(piece_s * RATE_HZ)
    pieces = (truth[at : at + size] for at in range(0, len(truth) - size, size))
    return float(np.median([best_match(sound, p)[0] for p in pieces if np.sqrt((p * p).mean()) > 500]))


async def test_the_rungs_that_did_not_serve_leave_nothing_on_the_tape(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=1)
        await meeting.speak()
        await asyncio.sleep(5)
        assert {t.rung for t in meeting.sink.tracks.values()} == {"encoded"}


async def test_messages_of_chosen_channels_and_calls_become_signals(speech: Path) -> None:
    options = ProbeOptions(labels=("collections",), rpc=("speech.wav",))
    async with meeting_with_probe(speech, options) as meeting:
        await meeting.start(audio=1)
        await until_open(meeting)
        await meeting.page.evaluate("meeting.channel.send(new Uint8Array([1, 2, 255]))")
        await meeting.page.evaluate("meeting.received.send('hello')")
        await until(lambda: len(meeting.sink.signals) >= 5)
        signals = meeting.sink.signals
        assert ("data-out/collections", b"\x01\x02\xff") in signals
        assert ("data/collections", b"\x01\x02\xff") in signals
        assert ("data/collections", b"hello") in signals
        assert ("rpc/speech.wav", await asyncio.to_thread(speech.read_bytes)) in signals


async def until_open(meeting: Meeting) -> None:
    for _ in range(100):
        if await meeting.page.evaluate("meeting.channel.readyState === 'open' && !!meeting.received"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the data channel did not open")


async def test_decoders_of_proven_packets_get_silence_and_the_page_still_sees_levels(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode="observe", audio=1)
        await meeting.speak()
        await until(lambda: meeting.sink.rungs() == [Rung.ENCODED])
        await until_starved(meeting)
        before, level = await meeting.page.evaluate("meeting.heard()"), 0.0
        for _ in range(12):
            await asyncio.sleep(0.1)
            level = max(level, (await meeting.page.evaluate("meeting.heard()"))["level"])
        after = await meeting.page.evaluate("meeting.heard()")
        assert level > 0.01
        assert after["energy"] - before["energy"] < 1e-4
        sent = await meeting.hang_up()
        assert len(sent) > 100
        assert len(sent - meeting.sink.media()) <= 3  # what a starved machine loses within itself


async def test_packets_that_become_unreadable_are_decoded_again_and_heard_by_the_next_rung(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=1)
        await meeting.speak()
        await until_starved(meeting)
        await meeting.page.evaluate("() => { meeting.scrambles = true }")
        before = await meeting.page.evaluate("meeting.heard()")
        for _ in range(6):  # until the next checks
            await meeting.speak()
            await asyncio.sleep(4)
            if Rung.RAW in meeting.sink.rungs():
                break
        assert meeting.sink.rungs()[:2] == [Rung.ENCODED, Rung.RAW]
        assert (await meeting.page.evaluate("meeting.heard()"))["energy"] > before["energy"] + 0.01
        assert meeting.sink.of(rung="raw")


async def until_starved(meeting: Meeting) -> None:
    """Speaks on until packets are proven and what is decoded is silence."""
    for _ in range(20):
        before = await meeting.page.evaluate("meeting.heard()")
        await meeting.speak()
        await asyncio.sleep(1)
        after = await meeting.page.evaluate("meeting.heard()")
        if before["energy"] > 0 and after["energy"] - before["energy"] < 1e-4:
            return
    raise AssertionError("the decoder hears everything")


async def test_a_probe_for_sound_alone_receives_no_video_and_the_page_reads_what_it_wished(speech: Path) -> None:
    async with meeting_with_probe(speech, ProbeOptions(tape_video=False)) as meeting:
        await meeting.start(audio=1, video=2)
        await meeting.speak()
        await until(lambda: len(meeting.sink.of(kind="audio")) > 50)
        assert (await meeting.page.evaluate("meeting.heard()"))["kinds"] == ["audio"]
        lines = await meeting.page.evaluate(
            "meeting.receiver.getTransceivers().map(t => [t.receiver.track.kind, t.direction, t.currentDirection])"
        )
        assert sorted(lines) == [["audio", "recvonly", "recvonly"]] + 2 * [["video", "recvonly", "inactive"]]


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1"])
async def test_decoders_get_black_pictures_until_somebody_looks(speech: Path, codec: str) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=0, video=1, codec=codec)
        await until(lambda: len(meeting.sink.of(kind="video")) > 50)
        assert await video_width(meeting) == 16
        assert {t.codec for t in meeting.sink.tracks.values()} == {codec}
        assert await meeting.probe.request_live(2.0)
        assert await video_width(meeting) == 320
        await asyncio.sleep(2.2)
        assert await video_width(meeting) == 16
        if codec != "av1":  # whose packets do not carry the encoder's temporal delimiters and sizes
            assert await meeting.hang_up() <= meeting.sink.media()


async def video_width(meeting: Meeting) -> int:
    return await meeting.page.evaluate("document.querySelector('video').videoWidth")


async def test_a_screenshot_shows_real_pictures(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=0, video=1)
        await until(lambda: len(meeting.sink.of(kind="video")) > 25)
        assert not is_red(await meeting.page.screenshot())
        assert is_red(await meeting.probe.screenshot())


async def test_busy_parts_of_the_page_are_drawn_only_when_somebody_looks(speech: Path) -> None:
    async with meeting_with_probe(speech, ProbeOptions(undrawn=("#ticker",))) as meeting:
        await meeting.start(audio=0, video=1)
        await meeting.page.evaluate(TICKER)
        await until(lambda: len(meeting.sink.of(kind="video")) > 25)
        assert not has_blue(await meeting.page.screenshot())
        assert await meeting.page.evaluate("document.getElementById('ticker').textContent") == "news"
        assert has_blue(await meeting.probe.screenshot())


TICKER = """() => {
  const box = document.createElement('div');
  box.id = 'ticker';
  box.style = 'position: fixed; right: 0; bottom: 0; width: 200px; height: 100px';
  const text = document.createElement('div');
  text.style = 'background: #00f; color: #00f; height: 100px';
  text.textContent = 'news';
  box.append(text);
  document.body.append(box);
}"""


def has_blue(png: bytes) -> bool:
    """Whether the ticker is painted in the lower right corner."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return picture.getpixel((picture.width - 50, picture.height - 50)) == (0, 0, 255)


def is_red(png: bytes) -> bool:
    """Whether the first tile shows the first actor's red picture."""
    red, green, blue = Image.open(io.BytesIO(png)).convert("RGB").getpixel((200, 20))
    return red > 150 and green < 80 and blue < 80


async def test_the_page_cannot_tell(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.page.goto(meeting.origin, wait_until="load")
        seen = await meeting.page.evaluate("""async () => {
            const clean = document.createElement('iframe');
            const pc = new RTCPeerConnection();
            const make = String(RTCRtpReceiver.prototype.createEncodedStreams);
            let refused = '';
            try { RTCPeerConnection() } catch (error) { refused = error.name }
            return {
                instance: pc instanceof RTCPeerConnection && pc.constructor === RTCPeerConnection,
                alias: webkitRTCPeerConnection === RTCPeerConnection,
                name: [RTCPeerConnection.name, pc.addTrack.name, RTCPeerConnection.prototype.addTrack.length],
                native: make.includes('[native code]'),
                own: Object.getOwnPropertyNames(pc),
                insertable: pc.getConfiguration().encodedInsertableStreams,
                reconfigured: pc.setConfiguration({}) === undefined,
                refused,
                globals: Object.keys(window).filter(k => !['window','meeting'].includes(k)).length,
                enumerable: Object.getOwnPropertyDescriptor(window, 'RTCPeerConnection').enumerable,
            };
        }""")
        globals_seen = seen.pop("globals")
        assert seen == {
            "instance": True,
            "alias": True,
            "name": ["RTCPeerConnection", "addTrack", 1],
            "native": True,
            "own": [],
            "insertable": False,
            "reconfigured": True,
            "refused": "TypeError",
            "enumerable": False,
        }
        page = await meeting.page.evaluate("() => { const f = document.createElement('iframe'); return 0 }")
        assert page == 0
        assert globals_seen > 0


async def test_a_second_call_for_streams_is_refused_as_the_browser_does(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(mode="observe", audio=1)
        name = await meeting.page.evaluate("""() => {
            try { meeting.receiver.getReceivers()[0].createEncodedStreams() } catch (error) { return error.name }
        }""")
        assert name == "InvalidStateError"


async def test_a_reloaded_page_goes_on_with_new_tracks(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        for _ in range(2):
            await meeting.start(audio=1)
            await meeting.speak()
            count = len(meeting.sink.of(kind="audio"))
            await until(lambda count=count: len(meeting.sink.of(kind="audio")) > count + 20)
        assert list(meeting.sink.tracks) == [0, 1]


async def test_health_tells_of_a_frozen_page(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await meeting.start(audio=1)
        await meeting.speak()
        await until(lambda: meeting.probe.health().frames_per_s > 5)
        assert meeting.probe.health().connected
        await meeting.page.evaluate("() => { const end = performance.now() + 1500; while (performance.now() < end); }")
        await until(lambda: meeting.probe.health().stall_ms > 1000)
        assert meeting.probe.health().dropped == 0
