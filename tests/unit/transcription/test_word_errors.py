"""The measure by which transcripts are judged."""

from meetfleet.testing.word_errors import TimedWord, align


def words(text: str) -> list[TimedWord]:
    return [TimedWord("Ada", word, at, at + 1) for at, word in enumerate(text.split())]


def test_the_same_words_are_no_error_whatever_their_case_and_punctuation() -> None:
    assert align(words("Good morning, everybody!"), words("good Morning everybody")).error_rate == 0


def test_each_word_left_out_put_in_or_mistaken_is_one_error() -> None:
    assert align(words("a b c d"), words("a c d")).errors == 1
    assert align(words("a b c d"), words("a b x c d")).errors == 1
    found = align(words("a b c d"), words("a b x d"))
    assert (found.errors, found.error_rate) == (1, 0.25)
    assert [(said.text, heard.text) for said, heard in found.pairs] == [("a", "a"), ("b", "b"), ("d", "d")]


def test_nothing_found_is_everything_wrong() -> None:
    assert align(words("a b"), []).error_rate == 1
    assert align([], words("a b")).errors == 2
