"""All sound of one tape while it is fed: streams to voices, voices to the mix, the mix to FLAC."""

from pathlib import Path

from meetfleet.artifacts.audio_source import AudioSource, OpusSource, Packet, PcmSource, SoundDesk, SourceKey
from meetfleet.artifacts.audio_stream import AudioStream, TimedFrame
from meetfleet.artifacts.flac import FlacWriter
from meetfleet.artifacts.mixer import Mixer
from meetfleet.artifacts.recording_line import RecordingLine, to_samples
from meetfleet.domain.errors import MediaError
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import TrackInfo

_SETTLED_NS = 4_000_000_000  # nothing is placed further back than this behind the newest event
_ENCODE_NS = 500_000_000


class SoundBuild:
    """Fed with frames in order of time.

    Args:
        directory: Where it keeps its files until they are done.
        origin_ns: The meeting moment of sample 0.

    Attributes:
        sources: Every voice so far.
        late_packets: Frames that came too late to be placed; `duplicate_packets` are second copies.
    """

    def __init__(self, directory: Path, origin_ns: int, line: RecordingLine) -> None:
        self.desk = SoundDesk(Mixer(), line, origin_ns, directory)
        self.sources: dict[SourceKey, AudioSource] = {}
        self.late_packets = 0
        self.duplicate_packets = 0
        self._line = line
        self._streams: dict[tuple[int, int], AudioStream] = {}
        self._infos: dict[int, TrackInfo] = {}
        self._take = 0
        self._flac: FlacWriter | None = None
        self._encoded_ns = 0

    @property
    def flac_path(self) -> Path:
        return self.desk.directory / "output.flac"

    def see_track(self, info: TrackInfo) -> None:
        """A track of the current take, or its new codec."""
        old = self._infos.get(info.track_id)
        if old is not None and (old.codec, old.clock_rate_hz) != (info.codec, info.clock_rate_hz):
            self._flush_streams(info.track_id)
        self._infos[info.track_id] = info

    def track(self, track_id: int) -> TrackInfo | None:
        return self._infos.get(track_id)

    def add(self, frame: EncodedFrame) -> None:
        """Takes a frame of sound."""
        info = self._infos.get(frame.track_id)
        if info is None or info.codec not in ("opus", "pcm_s16le"):
            self.desk.broken_packets += 1
            return
        key = frame.track_id, frame.ssrc
        stream = self._streams.get(key)
        if stream is None:
            stream = AudioStream(info.track_id, info.clock_rate_hz, self.desk.origin_ns)
            self._streams[key] = stream
        self.advance(frame.arrival_ns)
        self._deliver(stream.add(frame))

    def advance(self, now_ns: int) -> None:
        """Lets time pass: streams let go of what is due, and now and then the settled mix is encoded.

        Args:
            now_ns: On the clock that stamps frames.
        """
        self._deliver([timed for stream in self._streams.values() for timed in stream.advance(now_ns)])
        if now_ns // _ENCODE_NS != self._encoded_ns // _ENCODE_NS:
            self._encoded_ns = now_ns
            self._encode(to_samples(now_ns - _SETTLED_NS - self.desk.origin_ns))

    def end_take(self, take: int) -> None:
        """The take is over: everything held is placed. `take` is the one that begins."""
        self._flush_streams()
        self._infos.clear()
        self._take = take

    def finish(self, total_samples: int) -> None:
        """Completes the mix and every voice's file."""
        self._encode(1 << 62)
        if self._flac is not None:
            self._flac.add_silence(total_samples - self._flac.samples)
            self._flac.close()
        for source in self.sources.values():
            source.finish(total_samples)

    def abandon(self) -> None:
        """Closes all files without completing them."""
        if self._flac is not None:
            self._flac.close()
        for source in self.sources.values():
            source.abandon()

    def _flush_streams(self, track_id: int | None = None) -> None:
        keys = [k for k in self._streams if track_id is None or k[0] == track_id]
        ended = [self._streams.pop(key) for key in keys]
        self._deliver([timed for stream in ended for timed in stream.flush()])
        self.late_packets += sum(stream.late for stream in ended)
        self.duplicate_packets += sum(stream.duplicates for stream in ended)

    def _deliver(self, frames: list[TimedFrame]) -> None:
        """Hands frames to their voices in order of time: a voice may move from one stream to another."""
        for _, frame, packet in sorted(frames, key=_ideal) if len(frames) > 1 else frames:
            self._hear(frame, packet)

    def _hear(self, frame: EncodedFrame, packet: Packet) -> None:
        source = self._source(frame)
        source.tracks.add(frame.track_id)
        source.stream_id = self._infos[frame.track_id].stream_id
        try:
            source.add(packet)
        except MediaError:
            self.desk.broken_packets += 1

    def _source(self, frame: EncodedFrame) -> AudioSource:
        info = self._infos[frame.track_id]
        if frame.csrcs and not info.is_mix:
            key = SourceKey(self._take, -1, frame.csrcs[0], info.codec)
        else:
            key = SourceKey(self._take, frame.track_id, frame.ssrc, info.codec)
        source = self.sources.get(key)
        if source is None:
            kind = OpusSource if info.codec == "opus" else PcmSource
            source = self.sources[key] = kind(key, self.desk, is_mix=info.is_mix, rung=info.rung)
        return source

    def _encode(self, limit: int) -> None:
        """Encodes the kept part of the mix up to `limit`, in samples since the origin, and forgets the rest."""
        origin_ns, mixer = self.desk.origin_ns, self.desk.mixer
        for span in self._line.spans:
            if self._flac is None:
                self._flac = FlacWriter(self.flac_path)
            done = max(0, self._flac.samples - to_samples(span.offset_ns))
            start = to_samples(span.start_ns - origin_ns) + done
            end = limit if span.end_ns is None else min(limit, to_samples(span.end_ns - origin_ns))
            if start < end:
                self._write(self._flac, start, end)
        mixer.forget(limit)

    def _write(self, flac: FlacWriter, start: int, end: int) -> None:
        for part in self.desk.mixer.release(start, end):
            if isinstance(part, int):
                flac.add_silence(part)
            else:
                flac.add(part)


def _ideal(timed: TimedFrame) -> int:
    return timed.ideal
