"""Transcripts, pieces of recordings, and which engine does the work."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.testing.scripted_transcription import TranscriptionScript
from meetfleet.transcription.choice import Wanted, choose
from meetfleet.transcription.naming import HeardSpan
from meetfleet.transcription.pieces import cut
from meetfleet.transcription.provider import Capabilities
from meetfleet.transcription.registry import Providers
from meetfleet.transcription.transcript import Transcript, Utterance, Word


def utterance(text: str, start_s: float, end_s: float, language: str | None = "en") -> Utterance:
    return Utterance(text, start_s, end_s, (Word(text, start_s, end_s),), language=language)


def test_utterances_are_sorted_and_empty_ones_left_out() -> None:
    found = Transcript.of([utterance("b", 2, 3), utterance("a", 1, 5), utterance(" ", 0, 1)], 10)
    assert [u.text for u in found.utterances] == ["a", "b"]


def test_languages_come_most_spoken_first() -> None:
    rows = [utterance("Hallo zusammen", 0, 1, "de"), utterance("hi", 1, 2), utterance("?", 2, 3, None)]
    assert Transcript.of(rows, 10).languages == ("de", "en")


@given(st.floats(-5, 40), st.floats(0, 60), st.floats(0.1, 30))
def test_nothing_is_said_outside_the_recording(start_s: float, length_s: float, duration_s: float) -> None:
    (found,) = Transcript.of([utterance("a", start_s, start_s + length_s)], duration_s).utterances
    for one in (found, *found.words):
        assert 0 <= one.start_s <= one.end_s <= duration_s


@given(
    st.floats(0, 20_000),
    st.floats(60, 7200) | st.none(),
    st.lists(st.tuples(st.floats(0, 20_000), st.floats(0, 600)), max_size=30),
)
def test_pieces_cover_the_recording_once_and_none_is_too_long(
    duration_s: float, longest_s: float | None, speech: list[tuple[float, float]]
) -> None:
    pieces = cut(duration_s, longest_s, [HeardSpan("Ada", a, a + b) for a, b in speech])
    assert (pieces[0].start_s, pieces[-1].end_s) == (0, duration_s)
    assert all(a.end_s == b.start_s for a, b in pairwise(pieces))
    assert longest_s is None or all(0 <= piece.duration_s <= longest_s + 1e-6 for piece in pieces)


def test_a_cut_is_made_where_nobody_speaks() -> None:
    pieces = cut(150, 100, [HeardSpan("Ada", 0, 80), HeardSpan("Ben", 84, 98), HeardSpan("Ada", 99, 150)])
    assert [piece.end_s for piece in pieces] == [82, 150]


def providers() -> Providers:
    keyed = TranscriptionScript(capabilities=Capabilities(needs_key=True)).provider()
    free = TranscriptionScript(capabilities=Capabilities(hears=False)).provider()
    return Providers({"gladia": keyed, "deepgram": keyed, "captions": free})


@pytest.mark.parametrize(
    ("asked", "own_key", "default", "server_keys", "engine", "key", "is_byok"),
    [
        (None, None, "captions", {}, "captions", None, False),
        (None, None, "gladia", {"gladia": "ours"}, "gladia", "ours", False),
        (None, None, "gladia", {}, "captions", None, False),
        ("gladia", "mine", "captions", {"gladia": "ours"}, "gladia", "mine", True),
        ("gladia", None, "captions", {"gladia": "ours"}, "gladia", "ours", False),
        ("gladia", None, "captions", {}, "captions", None, False),
        ("gladia", None, "deepgram", {"deepgram": "ours"}, "deepgram", "ours", False),
        ("soniox", "mine", "captions", {}, "captions", None, False),
        ("soniox", "mine", "gladia", {"gladia": "ours"}, "gladia", "ours", False),
        (None, "mine", "captions", {}, "captions", None, False),
    ],
)
def test_who_does_the_work(
    asked: str | None,
    own_key: str | None,
    default: str,
    server_keys: dict[str, str],
    engine: str,
    key: str | None,
    is_byok: bool,
) -> None:
    choice = choose(Wanted(asked, own_key), providers(), default, server_keys)
    assert (choice.engine, choice.api_key, choice.is_byok) == (engine, key, is_byok)


def test_sandbox_bots_do_not_spend_the_operators_accounts_but_may_spend_their_own() -> None:
    server_keys = {"gladia": "ours"}
    assert choose(Wanted("gladia", is_trial=True), providers(), "gladia", server_keys).engine == "captions"
    assert choose(Wanted("gladia", "mine", is_trial=True), providers(), "gladia", server_keys).api_key == "mine"


def test_no_request_can_name_the_sandboxs_failure() -> None:
    assert choose(Wanted("sandbox-failure"), Providers(), "captions", {}).engine == "captions"
    assert choose(Wanted(must_fail=True), Providers(), "captions", {}).engine == "sandbox-failure"
