"""Long texts become several chat messages."""

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.bot.chat_pieces import chat_pieces


def test_a_short_text_is_one_message_and_an_empty_one_is_none() -> None:
    assert chat_pieces(" hello ", 500) == ["hello"]
    assert chat_pieces("  ", 500) == []


def test_a_long_text_is_cut_at_blanks() -> None:
    assert chat_pieces("one two three", 8) == ["one two", "three"]


@given(st.text(max_size=300), st.integers(1, 50))
def test_nothing_but_blanks_is_lost_and_no_message_is_too_long(text: str, limit: int) -> None:
    pieces = chat_pieces(text, limit)
    assert all(0 < len(p) <= limit for p in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
