import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meetfleet.artifacts import opus
from meetfleet.artifacts.ogg import OggOpusWriter, page_checksum, read_packets, retag
from meetfleet.domain.errors import MediaError
from meetfleet.testing.sound import measure_shifts_ms, read_sound
from meetfleet.testing.speech import opus_packets, speech


def plain_checksum(data: bytes) -> int:
    """Ogg's CRC straight from RFC 3533."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
        crc &= 0xFFFFFFFF
    return crc


@given(st.binary(max_size=300))
def test_the_fast_checksum_is_oggs(data: bytes) -> None:
    assert page_checksum(data) == plain_checksum(data)


def write(path: Path, packets: list[tuple[int, bytes]], total: int, tags: dict[str, str] | None = None) -> None:
    writer = OggOpusWriter(path, channels=1, serial=5)
    for position, payload in packets:
        writer.add(position, opus.packet_samples(payload), payload)
    writer.close(total, tags or {})


@pytest.mark.parametrize("start_s", [0.0, 0.0025, 0.5, 3.3175, 61.7])
def test_sound_is_heard_where_its_packets_were_placed(tmp_path: Path, start_s: float) -> None:
    sound = speech(2.0, 3)
    start = round(start_s * 48000)
    packets = [(start + i * 960, payload) for i, payload in enumerate(opus_packets(sound))]
    total = start + len(sound) + 48000
    write(tmp_path / "a.ogg", packets, total)
    heard = read_sound(tmp_path / "a.ogg")
    truth = np.concatenate([np.zeros(start, np.int16), sound, np.zeros(48000, np.int16)])
    assert abs(len(heard) - total) <= 1
    assert abs(measure_shifts_ms(truth, heard, [(start_s, start_s + 2)])[0]) < 2


@given(
    gaps=st.lists(st.integers(0, 70_000), max_size=12),
    tail=st.integers(0, 100_000),
)
@example(gaps=[0], tail=48_000 - 312 - 960 - 30)  # ends just before a page would be full
@settings(deadline=None, max_examples=25)
def test_any_placing_gives_a_valid_file_of_exactly_the_recordings_length(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], tail: int
) -> None:
    path = tmp_path_factory.mktemp("ogg") / "a.ogg"
    payload = b"\xf8" + bytes(range(60))
    position, packets = 0, list[tuple[int, bytes]]()
    for gap in gaps:
        position += gap
        packets.append((position, payload))
        position += 960
    total = position + tail
    write(path, packets, total)
    assert_valid_pages(path.read_bytes())
    with av.open(str(path)) as container:
        frames = list(container.demux(audio=0))
    end = max((f.pts + f.duration for f in frames if f.pts is not None and f.duration), default=0)
    assert abs(end - total) <= 1
    assert [p for _, _, p in read_packets(path)] == [payload] * len(packets)
    for (placed, _, _), (wanted, _) in zip(read_packets(path), packets, strict=True):
        assert -60 <= placed - wanted <= 60


def assert_valid_pages(data: bytes) -> None:
    stream, sequence, last_granule = io.BytesIO(data), 0, 0
    while head := stream.read(27):
        magic, _, flags, granule, _, number, crc, count = struct.unpack("<4sBBqIIIB", head)
        laces = stream.read(count)
        body = stream.read(sum(laces))
        assert magic == b"OggS"
        assert number == sequence
        assert granule >= last_granule
        assert page_checksum(head[:22] + bytes(4) + head[26:] + laces + body) == crc
        sequence, last_granule = sequence + 1, granule
    assert flags & 4, "the last page ends the stream"


def test_tags_can_be_written_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    write(path, [(0, b"\xf8" + bytes(20))], 48000)
    retag(path, 5, {"ARTIST": "Zoë Ångström", "PARTICIPANT_ID": "spaces/a/devices/1", "LONG": "x" * 5000})
    with av.open(str(path)) as container:
        tags = {key.upper(): value for key, value in container.streams.audio[0].metadata.items()}
    assert tags["ARTIST"] == "Zoë Ångström"
    assert tags["PARTICIPANT_ID"] == "spaces/a/devices/1"
    assert_valid_pages(path.read_bytes())


def test_a_packet_that_overlaps_too_much_is_left_out(tmp_path: Path) -> None:
    writer = OggOpusWriter(tmp_path / "a.ogg", channels=1, serial=1)
    payload = b"\xf8" + bytes(20)
    writer.add(9600, 960, payload)
    writer.add(9600, 960, payload)
    assert writer.dropped == 1


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        (b"\xf8\xff\xfe", 960),
        (b"\xe0\xff\xfe", 120),
        (b"\x08x", 960),
        (b"\x18x", 2880),
        (b"\x60x", 480),
        (b"\xfb\x03x", 2880),
    ],
)
def test_the_length_of_a_packet_is_read_from_its_first_bytes(payload: bytes, samples: int) -> None:
    assert opus.packet_samples(payload) == samples


@pytest.mark.parametrize("payload", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x3f"])
def test_what_is_no_opus_packet_is_a_media_error(payload: bytes) -> None:
    with pytest.raises(MediaError):
        opus.packet_samples(payload)
