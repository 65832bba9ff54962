"""The four ways in which a page may play sound: each is heard, and each starves the recorder in its own way."""

import asyncio

import numpy as np
import pytest
from labkit import TEE, at_the_door, likeness, two_people

from meetfleet.lab.scramble import scramble

pytestmark = pytest.mark.lab

# Listens to what the page plays through Web Audio: its connections to the destination are copied to an analyser.
LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) setTimeout(() => {
    window.ear ??= to.context.createAnalyser();
    connect.call(this, window.ear);
  }, 50);
  return connect.call(this, to, ...rest);
};
"""
RECEIVER_LOUDNESS = """async () => {
  const context = new AudioContext(), buffer = new Float32Array(2048);
  const ears = window.receivers_.filter((r) => r.track.kind === 'audio').map((r) => {
    const ear = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream([r.track])).connect(ear);
    return ear;
  });
  let peak = 0;
  for (let n = 0; n < 60; n++) {
    for (const ear of ears) {
      ear.getFloatTimeDomainData(buffer);
      peak = Math.max(peak, ...buffer.map(Math.abs));
    }
    await new Promise((done) => setTimeout(done, 40));
  }
  return [ears.length, peak];
}"""
KEEP_RECEIVERS = """
window.receivers_ = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(config) { super(config); this.addEventListener('track', (e) => window.receivers_.push(e.receiver)); }
};
"""


@pytest.mark.parametrize("path", ["neteq", "worklet"])
async def test_worklet_paths_play_the_reference_while_receivers_are_silent_or_missing(path: str) -> None:
    async with at_the_door(two_people().with_page(audio=path), LISTEN, KEEP_RECEIVERS) as v:
        await v.join()
        assert v.room.events.of("page_audio_path")[0].data["path"] == path
        await v.until("!!window.ear")
        heard = await v.record(4)
        pieces = likeness(heard, v.room.reference_audio())
        receivers, peak = await v.page.evaluate(RECEIVER_LOUDNESS)
        assert await v.page.evaluate("document.querySelectorAll('audio').length") == 0
        assert await v.page.evaluate("[...document.querySelectorAll('video')].some(v => v.videoWidth)")
    assert receivers == (3 if path == "neteq" else 0)
    assert peak < 0.001
    assert len(pieces) >= 4
    assert float(np.median(pieces)) > 0.95


async def test_without_encoded_streams_the_neteq_page_falls_back_to_native_receivers() -> None:
    strip = "delete RTCRtpReceiver.prototype.createEncodedStreams;"
    async with at_the_door(two_people().with_page(audio="neteq"), strip, KEEP_RECEIVERS) as v:
        await v.join()
        assert v.room.events.of("page_audio_path")[0].data["path"] == "native"
        receivers, peak = await v.page.evaluate(RECEIVER_LOUDNESS)
    assert receivers == 3
    assert peak > 0.02


async def test_end_to_end_encryption_plays_the_reference_but_its_frames_are_noise() -> None:
    async with at_the_door(two_people().with_page(audio="e2ee")) as v:
        await v.join()
        await asyncio.sleep(1)
        heard = await v.record(4)
        pieces = likeness(heard, v.room.reference_audio())
        sent = [s for s in v.room.truth()["visits"][0]["sent"] if s["kind"] == "audio"]
        clips = {sha for a in v.room.stage.actors.values() for u in a.voice.utterances for sha in u.clip.clip.digests}
    assert float(np.median(pieces)) > 0.95
    assert sent
    assert not {s["sha1"] for s in sent} & clips


async def test_late_audio_streams_arrive_seconds_after_the_call_began() -> None:
    async with at_the_door(two_people().with_page(late_audio_s=3.0), TEE) as v:
        await v.join()
        await asyncio.sleep(1.5)
        assert [f for f in await v.frames() if f["kind"] == "audio"] == []
        await v.until("window.frames_.some(f => f.kind === 'audio')", 10)


def test_scrambling_is_its_own_inverse_and_leaves_the_first_byte() -> None:
    packet = bytes(range(7, 107))
    assert scramble(scramble(packet)) == packet
    assert scramble(packet)[0] == packet[0]
    assert scramble(packet)[1:] != packet[1:]
