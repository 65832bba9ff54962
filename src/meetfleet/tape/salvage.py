"""Seals what a killed bot left open, so that it can be shipped like any other segment."""

from pathlib import Path

from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import pack_frames
from meetfleet.tape.reader import Message, SegmentReader, TapeFrames
from meetfleet.tape.records import Screenshot, TrackInfo
from meetfleet.tape.segment import SealedSegment, SegmentName, TapeMeta
from meetfleet.tape.segment_file import SegmentFile


def seal_leftovers(directory: Path) -> list[SealedSegment]:
    """Writes each `.open` segment of a directory anew with everything readable in it, seals it and removes the rest.

    The bot that wrote them must be dead. A leftover in which nothing can be read is removed; one that cannot be
    rewritten (a full disk) stays.

    Raises:
        TapeError: code `disk_full` or `tape_io`.
    """
    names = sorted(name for entry in directory.iterdir() if (name := SegmentName.parse(entry.name)) and name.is_open)
    sealed = [_seal(directory, name) for name in names]
    return [segment for segment in sealed if segment is not None]


def _seal(directory: Path, name: SegmentName) -> SealedSegment | None:
    leftover = directory / str(name)
    reader = SegmentReader(leftover)
    messages = list(reader.messages())
    if not messages or (directory / str(name.sealed)).exists():
        leftover.unlink()
        return None
    meta = reader.meta or TapeMeta("", name.take, "", messages[0].at_ns)
    # The new file is built under a name of its own, so that a second crash leaves the leftover as it was.
    workshop = directory / ".salvage"
    workshop.mkdir(exist_ok=True)
    segment = _rewrite(workshop, name, meta, messages)
    final = directory / segment.name
    try:
        segment.path.rename(final)
        leftover.unlink()
        workshop.rmdir()
    except OSError as error:
        raise TapeError(f"A leftover segment cannot be sealed: {error.strerror}.", code="tape_io") from error
    return SealedSegment(final, segment.name, segment.size_bytes, segment.sha256, segment.first_ns, segment.last_ns)


def _rewrite(workshop: Path, name: SegmentName, meta: TapeMeta, messages: list[Message]) -> SealedSegment:
    for stale in workshop.iterdir():
        stale.unlink()
    file = SegmentFile(workshop, name, meta)
    for sequence, message in enumerate(messages, start=1):
        topic, data = _written(message)
        file.add(topic, message.at_ns, data, sequence)
    file.end_chunk()
    return file.seal()


def _written(message: Message) -> tuple[str, bytes]:
    if isinstance(message, TapeFrames):
        return f"/track/{message.track_id}/frames", pack_frames(message.frames)
    record = message.record
    if isinstance(record, Screenshot):
        return record.topic, record.png
    if isinstance(record, TrackInfo):
        return f"/track/{record.track_id}/info", record.to_json()
    return record.topic, record.to_json()
