"""What people paste as a meeting link, and what we make of it. Source of the forms: the Meet fact sheet, section 1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.meeting_url import MEETING_URL_MAX_CHARS, Platform, UnknownPlatform, parse_meeting_url

CANONICAL = "https://meet.google.com/abc-defg-hij"


@pytest.mark.parametrize(
    "text",
    [
        CANONICAL,
        "abc-defg-hij",
        "meet.google.com/abc-defg-hij",
        "https://www.meet.google.com/abc-defg-hij",
        "http://meet.google.com/abc-defg-hij?authuser=0&hs=122&pli=1",
        "https://meet.google.com/ABC-defg-hij/",
        '"https://meet.google.com/abc-defg-hij"',
        "<https://meet.google.com/abc-defg-hij>",
        "Join us at https://meet.google.com/abc-defg-hij.",
        "https%3A%2F%2Fmeet.google.com%2Fabc-defg-hij",
        "https%253A%252F%252Fmeet.google.com%252Fabc-defg-hij",
        "https://www.google.com/url?q=https%3A%2F%2Fmeet.google.com%2Fabc-defg-hij&sa=D",
        "https://meet.google.com/abc-defg-hij https://meet.google.com/abc-defg-hij",
    ],
)
def test_every_spelling_of_a_meet_link_becomes_the_canonical_one(text: str) -> None:
    url = parse_meeting_url(text)
    assert (url.url, url.platform, url.native_id) == (CANONICAL, Platform.GOOGLE_MEET, "abc-defg-hij")


def test_a_workspace_nickname_is_accepted() -> None:
    assert parse_meeting_url("https://meet.google.com/team-standup").native_id == "team-standup"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "not a link at all",
        "https://",
        "https://meet.google.com/",
        "https://meet.google.com/lookup/abc",
        "https://meet.google.com/ab",
        "https://meet.google.com/abc_defg_hij",
        "https://meet.google.com/abc-defg-hij https://meet.google.com/xyz-defg-hij",
        "ftp://meet.google.com/abc-defg-hij",
        "https://[::1",
        "https://meet.google.com/" + "a" * MEETING_URL_MAX_CHARS,
        "https://zoom.us",
    ],
)
def test_what_names_no_single_meeting_is_refused_with_a_code(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_meeting_url(text)
    assert refused.value.code in {"invalid_meeting_url", "invalid_meeting_platform"}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/abc-defg-hij",
        "https://evilmeet.google.com.example.org/abc-defg-hij",
        "https://notzoom.us/j/1",
    ],
)
def test_a_host_that_is_no_platform_is_told_apart_from_a_bad_link(url: str) -> None:
    with pytest.raises(UnknownPlatform):
        parse_meeting_url(url)


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://us02web.zoom.us/j/123456789?pwd=abc", Platform.ZOOM),
        ("https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0?context=%7b%7d", Platform.TEAMS),
        ("https://teams.live.com/meet/9876543210?p=abc", Platform.TEAMS),
    ],
)
def test_other_platforms_are_recognised_and_keep_their_query(url: str, platform: Platform) -> None:
    parsed = parse_meeting_url(url)
    assert parsed.platform is platform
    assert parsed.url == url


@given(st.text(max_size=200))
def test_no_text_makes_the_parser_fail_in_another_way(text: str) -> None:
    try:
        parsed = parse_meeting_url(text)
    except InvalidRequest:
        return
    assert parse_meeting_url(parsed.url) == parsed
