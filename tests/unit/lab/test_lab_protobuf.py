import pytest

from meetfleet.lab.protobuf import field, fields, first, message, varint


def test_varints_are_written_least_significant_group_first() -> None:
    assert [varint(n).hex() for n in (0, 1, 127, 128, 300, 2**32)] == ["00", "01", "7f", "8001", "ac02", "8080808010"]


def test_negative_numbers_take_ten_bytes() -> None:
    assert varint(-1).hex() == "ff" * 9 + "01"


def test_a_message_reads_back_field_by_field() -> None:
    data = message((1, 7), (2, "Ann"), (21, b"\x01\x02"), (4, None), (34, True))
    assert list(fields(data)) == [(1, 7), (2, b"Ann"), (21, b"\x01\x02"), (34, 1)]


def test_a_path_leads_to_a_nested_value() -> None:
    data = field(1, field(3, message((1, 5), (2, "deep"))))
    assert first(data, 1, 3, 2) == b"deep"
    assert first(data, 1, 9) is None
    assert first(data, 1, 3, 1, 1) is None


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05ab", b"\x0b", b"\x80" * 11])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"varint|protobuf"):
        list(fields(data))
