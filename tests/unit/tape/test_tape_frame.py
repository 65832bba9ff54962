import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import EncodedFrame, FrameKind, pack_frames, unpack_frames

FRAMES = st.builds(
    EncodedFrame,
    track_id=st.integers(0, 65535),
    kind=st.sampled_from(FrameKind),
    arrival_ns=st.integers(0, 2**63),
    rtp_timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=300),
    is_key=st.booleans(),
    csrcs=st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
    audio_level=st.integers(0, 255),
    voice_activity=st.booleans(),
    sequence_number=st.none() | st.integers(0, 65535),
    payload_type=st.integers(0, 127),
    width=st.integers(0, 65535),
    height=st.integers(0, 65535),
)


@given(st.lists(FRAMES, max_size=20))
def test_frames_survive_the_record_format(frames: list[EncodedFrame]) -> None:
    assert list(unpack_frames(pack_frames(frames))) == frames


@given(st.lists(FRAMES, min_size=1, max_size=5), st.data())
def test_a_cut_record_is_a_tape_error_after_the_whole_ones(frames: list[EncodedFrame], data: st.DataObject) -> None:
    packed = pack_frames(frames)
    whole = len(pack_frames(frames[:-1]))
    cut = data.draw(st.integers(whole + 1, len(packed) - 1))
    read = unpack_frames(packed[:cut])
    assert [next(read) for _ in frames[:-1]] == frames[:-1]
    with pytest.raises(TapeError):
        next(read)
