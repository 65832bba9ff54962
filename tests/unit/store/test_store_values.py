import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.store.ids import uuid7
from meetfleet.store.secret_box import SecretBox, UnreadableSecret
from meetfleet.store.times import to_ns, utc

KEY = "k" * 32


def test_ids_are_of_version_7_and_sort_by_the_time_they_were_made(monkeypatch: pytest.MonkeyPatch):
    made = []
    for milliseconds in (0, 1, 2, 1_700_000_000_000, 1_800_000_000_000):
        monkeypatch.setattr("time.time_ns", lambda ms=milliseconds: ms * 1_000_000)
        made.append(uuid7())
    assert made == sorted(made)
    assert {i.version for i in made} == {7}
    assert len({uuid7() for _ in range(1000)}) == 1000


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_moments_survive_the_database_to_the_microsecond(at_ns: int):
    assert to_ns(utc(at_ns)) == at_ns // 1000 * 1000


@given(st.text())
def test_a_sealed_secret_opens_with_its_own_key_only(text: str):
    sealed = SecretBox(KEY).seal(text)
    assert SecretBox(KEY).open(sealed) == text
    if text:
        assert text not in sealed or len(text) < 4
    for other in (SecretBox("x" * 32), SecretBox(KEY + "x")):
        with pytest.raises(UnreadableSecret):
            other.open(sealed)


def test_keys_for_different_purposes_have_nothing_in_common():
    box = SecretBox(KEY)
    assert box.derive("links") == SecretBox(KEY).derive("links") != box.derive("seal")
    assert len(box.derive("links")) == 32


def test_the_kept_key_is_made_once_even_by_servers_that_start_together(tmp_path: Path):
    sealed: list[str] = []

    def start() -> None:
        sealed.append(SecretBox.of(None, tmp_path / "secrets").seal("hush"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    later = SecretBox.of(None, tmp_path / "secrets")
    assert [later.open(one) for one in sealed] == ["hush"] * 8
    (file,) = (tmp_path / "secrets").iterdir()
    assert file.stat().st_mode & 0o077 == 0
