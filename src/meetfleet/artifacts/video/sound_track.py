"""The finished sound mix as the video's AAC, in step with the picture."""

from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.layout import AudioLayout
from av.error import FFmpegError

from meetfleet.domain.errors import MediaError

PRIMING_SAMPLES = 1024


class SoundTrack:
    """Reads the mix piece by piece, ready for the AAC encoder.

    AAC decoders put 1024 samples of nothing before the first. Instead of an edit list, which players of growing files
    do not honour, the mix starts 1024 samples in (21 ms), so that every sample is heard at its own moment.

    Args:
        path: `output.flac`; time zero is its first sample.
        length_ns: Where to stop; a longer mix is cut.

    Raises:
        MediaError: code `no_sound`: not a sound file.
    """

    def __init__(self, path: Path, length_ns: int, rate_hz: int = 48_000) -> None:
        self.rate_hz = rate_hz
        try:
            self._container = av.open(str(path))
            stream = self._container.streams.audio[0]
        except (FFmpegError, IndexError) as error:
            raise MediaError(f"The sound {path.name} cannot be read: {error}", code="no_sound") from error
        if not stream.codec_context.sample_rate:
            raise MediaError(f"There is no sound in {path.name}.", code="no_sound")
        self.layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
        self._left = length_ns * rate_hz // 1_000_000_000 - PRIMING_SAMPLES
        self._frames = self._resampled()
        self._done = 0

    def until(self, at_ns: int) -> Iterator[av.AudioFrame]:
        """Yields what is heard up to this moment and was not yielded before."""
        wanted = at_ns * self.rate_hz // 1_000_000_000
        while self._done < wanted and (frame := next(self._frames, None)) is not None:
            self._done += frame.samples
            yield frame

    def close(self) -> None:
        self._container.close()

    def _resampled(self) -> Iterator[av.AudioFrame]:
        resampler = av.AudioResampler("fltp", AudioLayout(self.layout), self.rate_hz, frame_size=PRIMING_SAMPLES)
        position = 0
        for frame in self._container.decode(audio=0):
            for piece in resampler.resample(frame):
                yield from self._placed(piece, position)
                position += piece.samples
        for piece in resampler.resample(None):
            yield from self._placed(piece, position)

    def _placed(self, piece: av.AudioFrame, position: int) -> Iterator[av.AudioFrame]:
        """Drops the first piece, numbers the others from zero, and stops at the end of the video."""
        start = position - PRIMING_SAMPLES
        if 0 <= start < self._left:
            piece.pts = start
            yield piece
