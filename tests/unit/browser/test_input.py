import pytest

from meetfleet.browser.input import key_named


@pytest.mark.parametrize(
    ("name", "code", "virtual", "text"),
    [("Enter", "Enter", 13, "\r"), ("d", "KeyD", 68, "d"), ("7", "Digit7", 55, "7"), (" ", "Space", 32, " ")],
)
def test_a_key_carries_code_and_text(name: str, code: str, virtual: int, text: str) -> None:
    key = key_named(name)
    assert (key.code, key.virtual, key.text) == (code, virtual, text)


def test_escape_types_nothing() -> None:
    assert key_named("Escape").text is None


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="Hyper"):
        key_named("Hyper")
