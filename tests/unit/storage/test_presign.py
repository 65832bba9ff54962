"""Signed links: one artifact, for a while, for whoever holds the link."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.storage.presign import LINK_LIFE_S, LinkRefused, UrlSigner

SECRET = b"s" * 32
NOW = 1_800_000_000


def signer(secret: bytes = SECRET, now: float = NOW) -> UrlSigner:
    return UrlSigner(secret, "https://bots.example.org/", now=lambda: now)


def parts(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["expires"][0], query["signature"][0]


def test_a_link_names_bot_and_file_below_the_public_address() -> None:
    url = signer().sign("b1", "screenshots/1.png")
    assert url.startswith("https://bots.example.org/files/b1/screenshots/1.png?expires=")


def test_a_link_is_good_for_four_hours_and_not_a_second_longer() -> None:
    expires, signature = parts(signer().sign("b1", "output.flac"))
    signer(now=NOW + LINK_LIFE_S - 1).verify("b1", "output.flac", expires, signature)
    with pytest.raises(LinkRefused) as caught:
        signer(now=NOW + LINK_LIFE_S).verify("b1", "output.flac", expires, signature)
    assert caught.value.code == "link_expired"
    assert LINK_LIFE_S == 4 * 3600


@pytest.mark.parametrize(
    ("bot_id", "name"), [("b2", "output.flac"), ("b1", "video.mp4"), ("b1/output", "flac"), ("b", "1output.flac")]
)
def test_a_signature_fits_no_other_file(bot_id: str, name: str) -> None:
    expires, signature = parts(signer().sign("b1", "output.flac"))
    with pytest.raises(LinkRefused):
        signer().verify(bot_id, name, expires, signature)


def test_the_expiry_cannot_be_moved() -> None:
    expires, signature = parts(signer().sign("b1", "output.flac"))
    with pytest.raises(LinkRefused) as caught:
        signer().verify("b1", "output.flac", str(int(expires) + 1), signature)
    assert caught.value.code == "link_invalid"


@pytest.mark.parametrize("expires", [None, "", "-1", "soon", "1e9", "٣", "9" * 4000, "18000000000000000000"])
def test_nonsense_instead_of_an_expiry_is_refused(expires: str | None) -> None:
    with pytest.raises(LinkRefused):
        signer().verify("b1", "output.flac", expires, "0" * 64)


@pytest.mark.parametrize("signature", [None, "", "0" * 64, "ü", "\ud800"])
def test_nonsense_instead_of_a_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(LinkRefused):
        signer().verify("b1", "output.flac", str(NOW + 60), signature)


def test_another_secret_makes_other_links() -> None:
    expires, signature = parts(signer(b"t" * 32).sign("b1", "output.flac"))
    with pytest.raises(LinkRefused):
        signer().verify("b1", "output.flac", expires, signature)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
def test_names_in_any_script_survive_the_way_through_a_url(name: str) -> None:
    url = signer().sign("b1", name)
    assert unquote(urlsplit(url).path) == f"/files/b1/{name}"
    signer().verify("b1", name, *parts(url))
