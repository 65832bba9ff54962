"""One MCAP file that is being written: chunks of about half a second, handed to the operating system whole."""

import errno
import hashlib
import io
import os
from pathlib import Path

from mcap.writer import CompressionType, Writer

from meetfleet.domain.errors import TapeError
from meetfleet.tape.segment import GAP_NAME, METADATA_NAME, SealedSegment, SegmentName, TapeMeta

_MAX_CHUNK_BYTES = 1 << 30  # chunks are closed by `end_chunk`, never by size
_ENCODINGS = {"frames": "x-meetfleet-frames", "screenshot": "png"}


class _Staging(io.BytesIO):
    """Collects what the MCAP writer produces until the disk has taken it; `tell` counts from the file's start."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0

    def tell(self) -> int:
        return self._taken + super().tell()

    def take(self) -> None:
        """Forgets what is waiting, once it is on the disk."""
        self._taken += super().tell()
        self.seek(0)
        self.truncate()


class SegmentFile:
    """An open segment. A chunk reaches the disk whole or not at all: a failed write is cut back and tried again.

    Args:
        directory: The bot's tape directory; must exist.
    """

    def __init__(self, directory: Path, name: SegmentName, meta: TapeMeta) -> None:
        self._directory = directory
        self._name = name
        self._staging = _Staging()
        self._channels: dict[str, int] = {}
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0
        self._fd: int | None = None
        self._finished = False
        self.first_ns = 0
        self.last_ns = 0
        self._mcap = Writer(self._staging, _MAX_CHUNK_BYTES, compression=CompressionType.NONE, enable_data_crcs=True)
        self._mcap.start(profile="meetfleet", library="meetfleet")
        self._mcap.add_metadata(METADATA_NAME, meta.to_map(name.number))

    @property
    def open_path(self) -> Path:
        return self._directory / str(SegmentName(self._name.take, self._name.number, is_open=True))

    @property
    def is_finished(self) -> bool:
        """Whether sealing began: nothing can be added any more, only `seal` called again."""
        return self._finished

    def add(self, topic: str, at_ns: int, data: bytes, sequence: int, until_ns: int = 0) -> None:
        """Adds one message to the chunk in progress. Nothing is written yet.

        Args:
            until_ns: When its last part happened, if that is later than `at_ns`.
        """
        channel_id = self._channels.get(topic)
        if channel_id is None:
            encoding = _ENCODINGS.get(topic.rsplit("/", 1)[-1], "json")
            channel_id = self._channels[topic] = self._mcap.register_channel(topic, encoding, 0)
        self.first_ns = min(self.first_ns or at_ns, at_ns)
        self.last_ns = max(self.last_ns, at_ns, until_ns)
        self._mcap.add_message(channel_id, at_ns, data, at_ns, sequence)

    def add_gap(self, from_ns: int, to_ns: int, why: str, lost_messages: int) -> None:
        """Notes that messages of this span could not be kept."""
        values = {"from_ns": str(from_ns), "to_ns": str(to_ns), "why": why, "lost_messages": str(lost_messages)}
        self._mcap.add_metadata(GAP_NAME, values)

    def end_chunk(self) -> None:
        """Closes the chunk and hands it to the operating system.

        Raises:
            TapeError: code `disk_full` or `tape_io`; nothing is lost, `drain` tries again.
        """
        self._mcap.flush()
        self.drain()

    def drain(self) -> None:
        """Writes whatever waits.

        Raises:
            TapeError: code `disk_full` or `tape_io`; the file ends where it ended before.
        """
        waiting = self._staging.getvalue()
        if not waiting:
            return
        try:
            if self._fd is None:
                self._fd = os.open(self.open_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            self._write_all(self._fd, waiting)
        except OSError as error:
            raise _tape_error(error) from error
        self._sha256.update(waiting)
        self._size_bytes += len(waiting)
        self._staging.take()

    def _write_all(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError:
            os.ftruncate(fd, self._size_bytes)
            os.lseek(fd, self._size_bytes, os.SEEK_SET)
            raise
        finally:
            view.release()

    def seal(self) -> SealedSegment:
        """Writes the summary, makes the file durable and gives it its final name. May be called again after a failure.

        Raises:
            TapeError: code `disk_full` or `tape_io`.
        """
        if not self._finished:
            self._mcap.finish()
            self._finished = True
        self.drain()
        path = self._directory / str(self._name.sealed)
        try:
            if self._fd is not None:
                os.fsync(self._fd)
                os.close(self._fd)
                self._fd = None
            os.rename(self.open_path, path)
            _fsync_directory(self._directory)
        except OSError as error:
            raise _tape_error(error) from error
        return SealedSegment(path, path.name, self._size_bytes, self._sha256.hexdigest(), self.first_ns, self.last_ns)


def _fsync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _tape_error(error: OSError) -> TapeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TapeError(
            "The disk is full: the tape cannot grow. What is sealed is safe.",
            code="disk_full",
            hint="Free some space; the bot goes on taping by itself.",
        )
    return TapeError(f"The tape cannot be written: {error.strerror}.", code="tape_io")
