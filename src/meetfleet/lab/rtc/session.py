"""One bot's media connection: answers its offers, carries frames and data channel messages."""

import asyncio
import re
from collections.abc import Callable, Mapping
from hashlib import sha1

import ifaddr
import structlog
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from meetfleet.domain.clock import Clock
from meetfleet.lab.rtc.camera_watch import CameraWatch
from meetfleet.lab.rtc.passthrough import FrameSender, Wire, offered_to_receive
from meetfleet.lab.rtc.sent_log import SentLog, SentMedia
from meetfleet.lab.script import VideoCodec

log = structlog.get_logger()

TICK_S = 0.02
AUDIO_STEP, VIDEO_STEP = 960, 1800
"""RTP clock steps of one tick: 48 kHz and 90 kHz."""
SERVER_CHANNEL = "collections"
AUDIO_CHANNEL = "audio-frames"
CLOSE_TIMEOUT_S = 3.0
CLAIMED_LEVEL = 2
"""-dBov: louder than anybody speaks."""
_MDNS = re.compile(r"^(a=candidate:\S+ \d+ udp \d+ )(\S+\.local)( .*)$", re.MULTILINE | re.IGNORECASE)

OnMessage = Callable[[str, bytes], None]


class MediaSession:
    """The server's end of a bot's RTCPeerConnection.

    Args:
        codec: The one video codec that we answer with.
        seen: Looks at the visitor's camera.
        true_levels: Whether packets claim the level that they hold; else all claim `CLAIMED_LEVEL`.
        scramble: Changes Opus packets before they are sent (the end-to-end encrypted page); None leaves them alone.
        on_state: Called with `connected`, `failed` or `closed`.
        on_open: Called with the label of a data channel that can carry messages now.
        on_message: Called with the label and body of each data channel message.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        codec: VideoCodec,
        loss: float,
        sent: SentLog,
        seen: CameraWatch,
        scramble: Callable[[bytes], bytes] | None,
        true_levels: bool,
        audio_channel: bool,
        on_state: Callable[[str], None],
        on_open: Callable[[str], None],
        on_message: OnMessage,
    ) -> None:
        self.audio: list[FrameSender] = []
        self.video: dict[str, FrameSender] = {}
        self.sent = sent
        self._clock = clock
        self._codec = codec
        self._loss = loss
        self._scramble = scramble
        self._true_levels = true_levels
        self._audio_channel = audio_channel
        self._on_open = on_open
        self._on_message = on_message
        self._channels: dict[str, RTCDataChannel] = {}
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._wire = Wire(self._pc)
        self._pc.on("connectionstatechange", lambda: on_state(self._pc.connectionState))
        self._pc.on("datachannel", self._opened_by_page)
        self._pc.on("track", seen.watch)

    @property
    def connected(self) -> bool:
        return self._pc.connectionState == "connected"

    async def answer(self, sdp: str, streams: Mapping[str, str]) -> str:
        """Answers an offer.

        Args:
            streams: Which stream the page wants on which m-line: mid -> stream id. Audio m-lines need no entry.
        """
        await self._pc.setRemoteDescription(RTCSessionDescription(without_mdns(sdp), "offer"))
        for transceiver in self._pc.getTransceivers():
            if not offered_to_receive(transceiver):
                continue
            known = [*self.audio, *self.video.values()]
            if any(sender.mid == transceiver.mid for sender in known):
                continue
            if transceiver.kind == "audio":
                self.audio.append(FrameSender(transceiver, f"audio-{len(self.audio)}", loss=self._loss))
            elif stream_id := streams.get(transceiver.mid or ""):
                transceiver.setCodecPreferences(_preferred(self._codec))
                self.video[stream_id] = FrameSender(transceiver, stream_id, loss=self._loss)
            else:
                continue
            transceiver.direction = "sendonly"
        # the codecs are chosen while the offer is taken in, so preferences made above need it taken in again
        await self._pc.setRemoteDescription(RTCSessionDescription(without_mdns(sdp), "offer"))
        if not self._channels and self._pc.sctp is not None:
            self._open(SERVER_CHANNEL)
            if self._audio_channel:
                self._open(AUDIO_CHANNEL)
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        names = {sender.mid: stream_id for stream_id, sender in self.video.items()}
        return with_msids(self._pc.localDescription.sdp, names)

    async def send_audio(
        self,
        slot: int,
        packet: bytes,
        tick: int,
        *,
        source: str,
        csrc: int,
        level: int,
        voice: bool,
        frame: int,
        sha: str,
    ) -> None:
        """Sends an Opus packet on the pool's stream `slot`."""
        if self._audio_channel:
            self.post(AUDIO_CHANNEL, bytes((slot,)) + (tick * AUDIO_STEP & 0xFFFFFFFF).to_bytes(4, "big") + packet)
            return
        if slot >= len(self.audio):
            return
        sender = self.audio[slot]
        payload, sha = self._scrambled(packet, sha)
        level = level if self._true_levels else CLAIMED_LEVEL
        sent = await sender.send_audio(payload, tick * AUDIO_STEP, csrc=csrc, level=level, voice=voice)
        if sent:
            self._note(sender, "audio", source, sent.ssrc, sent.rtp_timestamp, csrc, level, frame, payload, sha)

    async def send_video(self, stream_id: str, picture: bytes, tick: int, *, source: str, frame: int, sha: str) -> None:
        sender = self.video.get(stream_id)
        if sender is None:
            return
        sent = await sender.send_video(picture, tick * VIDEO_STEP)
        if sent:
            self._note(sender, "video", source, sent.ssrc, sent.rtp_timestamp, None, None, frame, picture, sha)

    def post(self, label: str, data: bytes) -> bool:
        """Sends a message on an open data channel; False if there is none of this label."""
        channel = self._channels.get(label)
        if channel is None or channel.readyState != "open":
            return False
        channel.send(data)
        return True

    def cut(self) -> None:
        """Nothing passes any more, in either direction."""
        self._wire.cut()

    def join(self) -> None:
        self._wire.join()

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._pc.close()
        except TimeoutError:
            log.warning("A media connection did not close in time")

    def _scrambled(self, packet: bytes, sha: str) -> tuple[bytes, str]:
        if self._scramble is None:
            return packet, sha
        scrambled = self._scramble(packet)
        return scrambled, sha1(scrambled).hexdigest() if self.sent.enabled else ""

    def _note(
        self,
        sender: FrameSender,
        kind: str,
        source: str,
        ssrc: int,
        rtp_timestamp: int,
        csrc: int | None,
        level: int | None,
        frame: int,
        payload: bytes,
        sha: str,
    ) -> None:
        if self.sent.enabled:
            now = self._clock.now_ns()
            self.sent.add(
                SentMedia(
                    sender.stream_id,
                    sender.mid,
                    kind,
                    source,
                    ssrc,
                    rtp_timestamp,
                    csrc,
                    level,
                    frame,
                    len(payload),
                    sha,
                    now,
                )
            )

    def _open(self, label: str) -> None:
        channel = self._channels[label] = self._pc.createDataChannel(label)
        channel.on("open", lambda: self._on_open(label))

    def _opened_by_page(self, channel: RTCDataChannel) -> None:
        self._channels[channel.label] = channel
        self._on_open(channel.label)

        def received(data: str | bytes) -> None:
            self._on_message(channel.label, data.encode() if isinstance(data, str) else data)

        channel.on("message", received)


def without_mdns(sdp: str) -> str:
    """Replaces a browser's `.local` candidates by this machine's own addresses: lab and browser share the machine."""

    def real(match: re.Match[str]) -> str:
        return "\r\n".join(f"{match[1].rstrip()} {address}{match[3]}".rstrip() for address in own_addresses())

    return _MDNS.sub(real, sdp)


def with_msids(sdp: str, names: Mapping[str, str]) -> str:
    """Names the MediaStream of each m-line (mid -> stream id), as the platform does and aiortc does not."""
    session, *media = re.split(r"(?=^m=)", sdp, flags=re.MULTILINE)
    return session + "".join(_with_msid(part, names) for part in media)


def _with_msid(media: str, names: Mapping[str, str]) -> str:
    mid = re.search(r"^a=mid:(\S+)", media, re.MULTILINE)
    stream_id = names.get(mid[1]) if mid else None
    if stream_id is None:
        return media
    unnamed = re.sub(r"^a=msid:.*\r\n", "", media, flags=re.MULTILINE)
    return f"{unnamed}a=msid:{stream_id} {stream_id}-track\r\n"


def own_addresses() -> list[str]:
    """IPv4 addresses of this machine, loopback last and only if there is no other."""
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [ip for ip in found if not ip.startswith("127.")] or found


def _preferred(codec: VideoCodec) -> list[RTCRtpCodecCapability]:
    wanted = f"video/{codec}"
    codecs = RTCRtpSender.getCapabilities("video").codecs
    return [c for c in codecs if c.mimeType.lower() in (wanted, "video/rtx")]
