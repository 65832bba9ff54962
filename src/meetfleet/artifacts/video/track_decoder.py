"""Decodes one video track of the tape, whatever its codec, across changes of size and losses."""

# pyright: reportUnknownMemberType=false
import logging
from typing import cast

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from meetfleet.domain.errors import MediaError
from meetfleet.tape.frame import EncodedFrame

DECODERS = {"vp8": "vp8", "vp9": "vp9", "h264": "h264", "av1": "libdav1d", "jpeg": "mjpeg"}
_log = logging.getLogger(__name__)  # structlog takes longer to load than a short meeting to render


class TrackDecoder:
    """One picture in, one picture out: no delay, one thread (tracks and encoding run side by side already).

    Args:
        codec: As `TrackInfo.codec` names it.

    Raises:
        MediaError: code `unknown_codec`.
    """

    def __init__(self, codec: str) -> None:
        if codec not in DECODERS:
            raise MediaError(f"No decoder for video codec {codec!r}.", code="unknown_codec")
        self._codec = codec
        self._context = _open(codec)
        self._is_lost = True
        self.errors = 0

    def decode(self, frame: EncodedFrame, *, wanted: bool) -> av.VideoFrame | None:
        """Decodes the next frame.

        Args:
            wanted: Its picture will be shown; otherwise it only leads to later ones, and is left out where none
                leans on it.

        Returns:
            The picture; None if it is not wanted, unchanged, or lost (see `is_lost`).
        """
        if self._is_lost and not frame.is_key and self._codec != "jpeg":
            return None
        self._context.skip_frame = "DEFAULT" if wanted else "NONREF"
        try:
            pictures = self._context.decode(av.Packet(frame.payload))
        except FFmpegError as error:
            self._lose(error)
            return None
        self._is_lost = False
        return pictures[-1] if pictures and wanted else None

    @property
    def is_lost(self) -> bool:
        """Whether a frame was broken and no key frame came since: there is no picture to show."""
        return self._is_lost

    def _lose(self, error: FFmpegError) -> None:
        self.errors += 1
        if not self._is_lost:
            _log.warning("A %s frame is unreadable: %s", self._codec, error)
        self._is_lost = True
        self._context = _open(self._codec)


def _open(codec: str) -> VideoCodecContext:
    context = cast(VideoCodecContext, av.CodecContext.create(DECODERS[codec], "r"))
    context.thread_count = 1
    context.flags |= Flags.low_delay
    if codec == "av1":
        context.options = {"max_frame_delay": "1"}
    return context
