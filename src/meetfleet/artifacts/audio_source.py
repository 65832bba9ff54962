"""One voice as the wire names it: its packets placed, measured, decoded into the mix and kept in a file of its own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from meetfleet.artifacts import opus
from meetfleet.artifacts.mixer import Mixer
from meetfleet.artifacts.ogg import OggOpusWriter
from meetfleet.artifacts.opus_decoder import SILENT_DB, OpusDecoder, Sound, level_db
from meetfleet.artifacts.opus_encoder import FRAME_SAMPLES, INAUDIBLE_DB, OpusEncoder
from meetfleet.artifacts.placement import Placer
from meetfleet.artifacts.recording_line import SAMPLE_RATE_HZ, RecordingLine, to_ns, to_samples
from meetfleet.artifacts.voice_activity import VoiceActivity
from meetfleet.domain.errors import MediaError
from meetfleet.tape.frame import LEVEL_UNKNOWN

_QUIET_DB = 60
_LOST_SAMPLES = 2880  # up to 60 ms are taken for lost packets, more for a pause
_PIECE_SAMPLES = 960


class SourceKey(NamedTuple):
    """What the wire calls a voice.

    Attributes:
        track_id: -1 where a CSRC names the source: it may move between tracks.
        source_id: The CSRC, else the SSRC.
    """

    take: int
    track_id: int
    source_id: int
    codec: str


class Packet(NamedTuple):
    """One frame of a source, in order.

    Attributes:
        stream: Identity of the RTP stream and epoch that carried it.
        ticks: Unwrapped RTP timestamp in that stream.
        ideal: Its RTP time on the meeting clock, samples at 48 kHz since the tape's origin.
        level: -dBov or LEVEL_UNKNOWN.
    """

    stream: tuple[int, int, int]
    ticks: int
    clock_rate_hz: int
    ideal: int
    level: int
    payload: bytes


@dataclass(slots=True)
class SoundDesk:
    """What all sources of one tape write to.

    Attributes:
        origin_ns: The meeting moment of sample 0.
        directory: Where each source keeps its file.
    """

    mixer: Mixer
    line: RecordingLine
    origin_ns: int
    directory: Path
    broken_packets: int = 0


@dataclass(slots=True)
class AudioSource:
    """Base of the two kinds of voice; see `opus_source` and `pcm_source` below.

    Attributes:
        tracks: Tracks it was seen on.
        stream_id: MediaStream id of the latest of them.
        first, last: Places of its first and latest packet.
        is_muted: Left out of the mix: it is the bot itself.
        is_mix: Holds everybody at once and names nobody.
    """

    key: SourceKey
    desk: SoundDesk
    is_mix: bool = False
    rung: str = ""
    is_muted: bool = False
    tracks: set[int] = field(default_factory=set[int])
    stream_id: str | None = None
    first: int | None = None
    last: int = 0
    activity: VoiceActivity = field(default_factory=VoiceActivity)
    packets: int = 0
    lost_samples: int = 0
    _placer: Placer = field(default_factory=Placer)
    _ogg: OggOpusWriter | None = None
    _stream: tuple[int, int, int] | None = None
    _ticks: int = 0

    @property
    def path(self) -> Path:
        take, track, source, codec = self.key
        return self.desk.directory / f"{take}-{track}-{source}-{codec}.ogg"

    @property
    def serial(self) -> int:
        return (self.key.source_id + 97 * self.key.take + 7919 * (self.key.track_id + 1)) & 0xFFFFFFFF

    @property
    def has_file(self) -> bool:
        return self._ogg is not None

    def add(self, packet: Packet) -> None:
        """Takes the next packet in order.

        Raises:
            MediaError: it is unusable; the source goes on with the next.
        """
        raise NotImplementedError

    def finish(self, total_samples: int) -> None:
        """Writes what is held and ends the source's file at the recording's length."""
        if self._ogg is not None:
            self._ogg.close(total_samples, {})

    def abandon(self) -> None:
        """Closes the file without completing it."""
        if self._ogg is not None:
            self._ogg.abandon()

    def _step(self, packet: Packet) -> int | None:
        """Samples since the last packet by RTP timestamps; None where another stream took over."""
        same = packet.stream == self._stream
        step = (packet.ticks - self._ticks) * SAMPLE_RATE_HZ // packet.clock_rate_hz if same else None
        self._stream, self._ticks = packet.stream, packet.ticks
        return step

    def _mix(self, position: int, sound: Sound) -> None:
        if not self.is_muted:
            self.desk.mixer.add(position, sound)

    def _write(self, position: int, samples: int, payload: bytes) -> None:
        self.first = position if self.first is None else self.first
        self.last = position
        at_ns = self.desk.line.position_ns(self.desk.origin_ns + to_ns(position))
        if at_ns is None or self.is_mix:
            return
        if self._ogg is None:
            channels = opus.channel_count(payload)
            self._ogg = OggOpusWriter(self.path, channels=channels, serial=self.serial)
        self._ogg.add(to_samples(at_ns), samples, payload)


@dataclass(slots=True)
class OpusSource(AudioSource):
    """A voice taped as Opus packets. Only those that can be heard are decoded."""

    _decoder: OpusDecoder | None = None
    _sounds: bool = False
    _before: bytes | None = None

    def add(self, packet: Packet) -> None:
        samples = opus.packet_samples(packet.payload)
        self.packets += 1
        step = self._step(packet)
        level, sound = packet.level, None
        if opus.is_discontinuous(packet.payload):
            level = SILENT_DB
        elif level == LEVEL_UNKNOWN:
            sound = self._decode(packet.payload)
            level = level_db(sound)
        end = self._placer.end
        position = self._placer.place(packet.ideal, samples, step=step, is_quiet=level >= _QUIET_DB)
        if position is None:
            return
        if end is not None and position > end:
            self._bridge(end, position - end)
        self.activity.add(position, samples, level)
        self._write(position, samples, packet.payload)
        self._hear(position, packet.payload, level, sound)

    def _bridge(self, end: int, missing: int) -> None:
        """Between two packets nothing came: lost ones are concealed, after a pause the decoder begins anew."""
        if self._sounds and self._decoder is not None:
            self._mix(end - opus.PRE_SKIP_SAMPLES, self._decoder.conceal(missing))
        if missing > _LOST_SAMPLES:
            self._sounds, self._before = False, None
        elif self._sounds:
            self.lost_samples += missing

    def _hear(self, position: int, payload: bytes, level: int, sound: Sound | None) -> None:
        if level >= INAUDIBLE_DB:
            self._sounds, self._before = False, payload
            return
        if sound is None:
            sound = self._decode(payload) if self._sounds else self._begin(payload)
        self._sounds = True
        self._mix(position - opus.PRE_SKIP_SAMPLES, sound)

    def _begin(self, payload: bytes) -> Sound:
        """After silence: a fresh decoder, warmed up with the packet before if there was one."""
        if self._decoder is not None:
            self._decoder.reset()
        if self._before is not None:
            self._decode(self._before)
        return self._decode(payload)

    def _decode(self, payload: bytes) -> Sound:
        if self._decoder is None:
            self._decoder = OpusDecoder()
        return self._decoder.decode(payload)


@dataclass(slots=True)
class PcmSource(AudioSource):
    """A voice, or the whole meeting, taped as 16-bit sound (raw and page rung)."""

    _encoder: OpusEncoder | None = None

    def add(self, packet: Packet) -> None:
        sound = self._sound(packet)
        self.packets += 1
        step, level = self._step(packet), level_db(sound)
        position = self._placer.place(packet.ideal, len(sound), step=step, is_quiet=level >= _QUIET_DB)
        if position is None:
            return
        for start in range(0, len(sound), _PIECE_SAMPLES):
            piece = sound[start : start + _PIECE_SAMPLES]
            self.activity.add(position + start, len(piece), level_db(piece))
        if level < INAUDIBLE_DB:
            self._mix(position, sound)
        self._encode(position, sound)

    def finish(self, total_samples: int) -> None:
        if self._encoder is not None:
            for position, payload in self._encoder.flush():
                self._write(position, FRAME_SAMPLES, payload)
        AudioSource.finish(self, total_samples)

    def _encode(self, position: int, sound: Sound) -> None:
        if self.is_mix:
            return
        if self._encoder is None:
            self._encoder = OpusEncoder()
        for at, payload in self._encoder.add(position, sound):
            self._write(at, FRAME_SAMPLES, payload)

    def _sound(self, packet: Packet) -> Sound:
        if len(packet.payload) < 2 or len(packet.payload) % 2:
            raise MediaError("A piece of PCM sound of odd length.")
        sound = np.frombuffer(packet.payload, "<i2").astype(np.float32)
        if packet.clock_rate_hz == SAMPLE_RATE_HZ:
            return sound
        length = len(sound) * SAMPLE_RATE_HZ // packet.clock_rate_hz
        places = np.arange(length, dtype=np.float32) * (packet.clock_rate_hz / SAMPLE_RATE_HZ)
        return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
