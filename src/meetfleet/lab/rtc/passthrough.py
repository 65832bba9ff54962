"""Sends ready-made frames through an aiortc sender, which only knows how to encode. No other file touches its insides.

Pinned to what aiortc 1.16 and aioice 0.13 look like inside: `RTCRtpSender.send` starts `_run_rtp` and `_run_rtcp`;
`_retransmit` and `_send_keyframe` answer RTCP; sender reports read the four mangled counters below; a transceiver
keeps what was agreed in `_codecs`, `_headerExtensions` and `_offerDirection`; an ICE connection keeps `_protocols`.
`supported()` checks it.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs import is_rtx

from meetfleet.lab.rtc.rtp import (
    HISTORY,
    Extensions,
    Packetizer,
    as_retransmission,
    h264_payloads,
    vp8_payloads,
)

_OURS = "_RTCRtpSender__"
_COUNTERS = ("ntp_timestamp", "rtp_timestamp", "octet_count", "packet_count")
_NTP_EPOCH_S = 2_208_988_800
_URIS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": "mid",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": "abs_send_time",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": "audio_level",
}


@dataclass(frozen=True, slots=True)
class SentFrame:
    """What a frame looked like on the wire."""

    ssrc: int
    rtp_timestamp: int


class FrameSender:
    """One m-line towards a bot: takes over an aiortc sender before its connection is made.

    Attributes:
        ready: Packets can be sent.
        keyframe_requests: How often the bot asked for one (PLI, FIR).
        loss: Share of packets that are lost on the way, 0..1. Retransmissions are not.
    """

    def __init__(self, transceiver: RTCRtpTransceiver, stream_id: str, *, loss: float = 0.0) -> None:
        self.stream_id = stream_id
        self.ready = False
        self.loss = loss
        self.keyframe_requests = 0
        self.rtp_origin = random.getrandbits(32)
        self._transceiver = transceiver
        self._sender = sender = transceiver.sender
        self._packetizer: Packetizer | None = None
        self._codec = ""
        self._picture_id = random.getrandbits(15)
        self._history: dict[int, bytes] = {}
        self._rtx_payload_type = 0
        self._rtx_sequence = random.getrandbits(15)
        sender._stream_id = stream_id
        instance: Any = sender
        instance._run_rtp = self._run_rtp
        instance._retransmit = self._retransmit
        instance._send_keyframe = self._count_request

    @property
    def ssrc(self) -> int:
        return self._sender._ssrc

    @property
    def mid(self) -> str:
        return self._transceiver.mid or ""

    async def send_audio(self, packet: bytes, rtp_time: int, *, csrc: int, level: int, voice: bool) -> SentFrame | None:
        """Sends one Opus packet. `rtp_time` counts samples of 48 kHz on this stream's unbroken clock."""
        if not self.ready or self._packetizer is None:
            return None
        timestamp = self.rtp_origin + rtp_time & 0xFFFFFFFF
        sequence, data = self._packetizer.packet(
            packet, timestamp, marker=False, send_time_24=_send_time(), csrc=csrc, level=level, voice=voice
        )
        await self._send(sequence, data)
        self._account(timestamp, len(packet), 1)
        return SentFrame(self.ssrc, timestamp)

    async def send_video(self, frame: bytes, rtp_time: int) -> SentFrame | None:
        """Sends one encoded picture. `rtp_time` counts 90 kHz ticks."""
        if not self.ready or self._packetizer is None:
            return None
        timestamp = self.rtp_origin + rtp_time & 0xFFFFFFFF
        if self._codec == "video/vp8":
            payloads = list(vp8_payloads(frame, self._picture_id))
            self._picture_id += 1
        else:
            payloads = list(h264_payloads(frame))
        send_time = _send_time()
        for n, payload in enumerate(payloads, 1):
            marker = n == len(payloads)
            await self._send(*self._packetizer.packet(payload, timestamp, marker=marker, send_time_24=send_time))
        self._account(timestamp, len(frame), len(payloads))
        return SentFrame(self.ssrc, timestamp)

    async def _run_rtp(self, codec: Any) -> None:
        """Stands in for aiortc's loop, which fetches and encodes: says that it runs, and waits to be cancelled."""
        ids = {_URIS[e.uri]: e.id for e in self._transceiver._headerExtensions if e.uri in _URIS}
        self._codec = codec.mimeType.lower()
        self._rtx_payload_type = next(
            (
                c.payloadType
                for c in self._transceiver._codecs
                if is_rtx(c) and c.parameters["apt"] == codec.payloadType
            ),
            0,
        )
        start = random.getrandbits(15)
        self._packetizer = Packetizer(self.ssrc, codec.payloadType, start, self.mid.encode(), Extensions(**ids))
        getattr(self._sender, _OURS + "rtp_started").set()
        self.ready = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ready = False
            getattr(self._sender, _OURS + "rtp_exited").set()

    async def _send(self, sequence: int, packet: bytes) -> None:
        self._history[sequence % HISTORY] = packet
        if not self.loss or random.random() >= self.loss:
            await self._to_transport(packet)

    async def _to_transport(self, packet: bytes) -> None:
        try:
            await self._sender.transport._send_rtp(packet)
        except ConnectionError:
            self.ready = False

    async def _retransmit(self, sequence_number: int) -> None:
        packet = self._history.get(sequence_number % HISTORY)
        if packet is None or int.from_bytes(packet[2:4], "big") != sequence_number or not self._rtx_payload_type:
            return
        rtx = as_retransmission(
            packet, ssrc=self._sender._rtx_ssrc, payload_type=self._rtx_payload_type, sequence=self._rtx_sequence
        )
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        await self._to_transport(rtx)

    def _count_request(self) -> None:
        """A keyframe comes every two seconds anyway; nothing needs to be made."""
        self.keyframe_requests += 1

    def _account(self, timestamp: int, size: int, packets: int) -> None:
        """Keeps what sender reports tell: which RTP time belongs to which wall time."""
        sender = self._sender
        setattr(sender, _OURS + "ntp_timestamp", _ntp())
        setattr(sender, _OURS + "rtp_timestamp", timestamp)
        setattr(sender, _OURS + "octet_count", getattr(sender, _OURS + "octet_count") + size)
        setattr(sender, _OURS + "packet_count", getattr(sender, _OURS + "packet_count") + packets)


def offered_to_receive(transceiver: RTCRtpTransceiver) -> bool:
    """Whether the bot's offer lets us send on this m-line."""
    return transceiver._offerDirection in ("sendonly", "sendrecv")


def is_sent_on(transceiver: RTCRtpTransceiver) -> bool:
    return transceiver.currentDirection in ("sendonly", "sendrecv")


class Wire:
    """The UDP sockets under a connection, which can be cut and joined again."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self._pc = pc
        self._cut: list[tuple[Any, Any]] = []

    def cut(self) -> None:
        """From now on nothing comes in and nothing goes out, as if the cable were pulled."""
        if self._cut:
            return
        for protocol in self._protocols():
            self._cut.append((protocol, protocol.transport))
            protocol.datagram_received = _ignore
            protocol.transport = _Hole(protocol.transport)

    def join(self) -> None:
        for protocol, transport in self._cut:
            del protocol.datagram_received
            protocol.transport = transport
        self._cut = []

    def _protocols(self) -> list[Any]:
        transports = {t.sender.transport.transport for t in self._pc.getTransceivers()}
        if self._pc.sctp:
            transports.add(self._pc.sctp.transport.transport)
        return [protocol for ice in transports for protocol in ice._connection._protocols]


class _Hole:
    """A datagram transport into which everything vanishes."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.sendto: Callable[..., None] = _ignore

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _ignore(*_: object) -> None:
    return None


def supported() -> list[str]:
    """What this aiortc lacks of what we rely upon; empty if nothing. For a test and for the first error message."""
    init = RTCRtpSender.__init__.__code__.co_names
    counters = [_OURS + name for name in (*_COUNTERS, "rtp_started", "rtp_exited")]
    methods = [name for name in ("_run_rtp", "_retransmit", "_send_keyframe") if not hasattr(RTCRtpSender, name)]
    return [name for name in counters if name not in init] + methods


def _ntp() -> int:
    """Now as 32.32 fixed point seconds since 1900."""
    return int((time.time() + _NTP_EPOCH_S) * (1 << 32))


def _send_time() -> int:
    """Now as 6.18 fixed point seconds. Source: the abs-send-time extension of webrtc.org."""
    return _ntp() >> 14 & 0xFFFFFF
