"""Reads what people paste as a meeting link: which platform it names, and its one canonical URL."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from meetfleet.domain.errors import InvalidRequest

MEETING_URL_MAX_CHARS = 2048


class Platform(StrEnum):
    """A place where calls happen."""

    GOOGLE_MEET = "google_meet"
    TEAMS = "teams"
    ZOOM = "zoom"
    WEBEX = "webex"
    WHEREBY = "whereby"
    JITSI = "jitsi"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True)
class MeetingUrl:
    """A link that names one meeting.

    Attributes:
        url: Canonical form, what the bot opens and what duplicates are judged by.
        platform: Who hosts the call.
        native_id: The platform's own name for the meeting (Meet: `abc-defg-hij`).
    """

    url: str
    platform: Platform
    native_id: str


class UnknownPlatform(InvalidRequest):
    """The URL is well-formed but names no platform that we know."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"No meeting platform is known for host '{host}'.",
            code="invalid_meeting_platform",
            hint="Use a Google Meet, Microsoft Teams or Zoom link.",
        )


_MEET_CODE = re.compile(r"^[a-z]{3}-[a-z]{4}-[a-z]{3}$")
_MEET_NICKNAME = re.compile(r"^[a-z0-9][a-z0-9-]{3,38}[a-z0-9]$")
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_HOSTS: tuple[tuple[str, Platform], ...] = (
    ("meet.google.com", Platform.GOOGLE_MEET),
    ("teams.microsoft.com", Platform.TEAMS),
    ("teams.live.com", Platform.TEAMS),
    ("teams.microsoft.us", Platform.TEAMS),
    ("zoom.us", Platform.ZOOM),
    ("zoom.com", Platform.ZOOM),
    ("zoomgov.com", Platform.ZOOM),
    ("webex.com", Platform.WEBEX),
    ("whereby.com", Platform.WHEREBY),
    ("meet.jit.si", Platform.JITSI),
)


def parse_meeting_url(text: str) -> MeetingUrl:
    """Reads a meeting link, also one wrapped in prose, quotes, redirects or percent-encoding.

    Source: platforms/google-meet.md section 1 for the accepted forms of Meet links.

    Raises:
        InvalidRequest: no link, more than one, or one that names no meeting.
        UnknownPlatform: a link to a host that is no meeting platform.
    """
    if len(text) > MEETING_URL_MAX_CHARS:
        raise _invalid("The meeting URL is too long.")
    try:
        parts = urlsplit(_unwrap(text))
        host = (parts.hostname or "").lower().removeprefix("www.")
    except ValueError as error:
        raise _invalid("The meeting URL cannot be read.") from error
    if not host or "." not in host:
        raise _invalid("The meeting URL names no host.")
    platform = _platform_of(host)
    if platform is Platform.GOOGLE_MEET:
        return _google_meet(parts.path)
    path = parts.path.rstrip("/")
    if not path:
        raise _invalid("The meeting URL names no meeting.")
    query = f"?{parts.query}" if parts.query else ""
    return MeetingUrl(f"https://{host}{path}{query}", platform, f"{path.rsplit('/', 1)[-1]}")


def _unwrap(text: str) -> str:
    decoded = text.strip()
    for _ in range(3):
        if "%" not in decoded or "://" in decoded:
            break
        decoded = unquote(decoded)
    candidates = _URL.findall(decoded)
    targets = [_redirect_target(c.rstrip(".,;:!?)]}>\"'")) for c in candidates]
    if len(set(targets)) > 1:
        raise _invalid("The text holds more than one URL.")
    if targets:
        return targets[0]
    bare = decoded.strip("\"'<>()[] ").rstrip(".,;:!?")
    if _MEET_CODE.match(bare):
        return f"https://meet.google.com/{bare}"
    if "://" in bare or any(c.isspace() for c in bare):
        raise _invalid("The text holds no meeting URL.")
    return f"https://{bare}"


def _redirect_target(url: str) -> str:
    parts = urlsplit(url)
    if (parts.hostname or "").lower() in {"www.google.com", "google.com"} and parts.path == "/url":
        query = parse_qs(parts.query)
        wrapped = (query.get("q") or query.get("url") or [""])[0]
        if wrapped:
            return wrapped
    return url


def _platform_of(host: str) -> Platform:
    for suffix, platform in _HOSTS:
        if host == suffix or host.endswith("." + suffix):
            return platform
    raise UnknownPlatform(host)


def _google_meet(path: str) -> MeetingUrl:
    code = unquote(path).strip("/").lower()
    if "/" in code or not (_MEET_CODE.match(code) or _MEET_NICKNAME.match(code)):
        raise _invalid("The Google Meet link has no meeting code such as abc-defg-hij.")
    return MeetingUrl(f"https://meet.google.com/{code}", Platform.GOOGLE_MEET, code)


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_meeting_url")
