"""What an operator can set, and the only place that reads the environment. docs/settings.md shows the same table."""

# ruff: noqa: RUF009 - fields are declared through `_setting`, which only wraps dataclasses.field

import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, cast

from meetfleet.domain.errors import MeetfleetError

PREFIX = "MEETFLEET_"
Pairs = tuple[tuple[str, str], ...]


class SettingsError(MeetfleetError):
    """A variable cannot be read; the message names it."""


class VideoMode(StrEnum):
    """When a recording's video is rendered from its tape."""

    EAGER = "eager"
    ON_DEMAND = "on-demand"
    BEFORE_COMPLETED = "before-completed"


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError("use true or false")


def _arguments(text: str) -> tuple[str, ...]:
    """A JSON list, or words as a shell would split them."""
    if not text.lstrip().startswith("["):
        return tuple(shlex.split(text))
    words: object = json.loads(text)
    if not isinstance(words, list) or not all(isinstance(w, str) for w in cast(list[object], words)):
        raise ValueError("use a JSON list of strings")
    return tuple(cast(list[str], words))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("use a number above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("use 0 or more")
    return value


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("use 1 or more")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError("use 0 to 65535")
    return value


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("use an http or https URL")
    return text.rstrip("/")


def _pairs(text: str) -> Pairs:
    """`name=value, name=value`."""
    pairs: list[tuple[str, str]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if not name.strip() or not value.strip():
            raise ValueError("use name=value, with commas between several")
        pairs.append((name.strip(), value.strip()))
    return tuple(pairs)


def _level(text: str) -> str:
    level = text.strip().lower()
    if level not in ("debug", "info", "warning", "error"):
        raise ValueError("use debug, info, warning or error")
    return level


def _setting(
    about: str, default: Any, read: Callable[[str], Any] = str, *, secret: bool = False, shown: str | None = None
) -> Any:
    metadata = {"about": about, "read": read, "secret": secret, "shown": shown}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings with their defaults; each field `x` is read from `MEETFLEET_X`."""

    data: Path = _setting(
        "Folder for everything kept on this machine: database, recordings, secrets, work files.",
        Path(".meetfleet"),
        lambda text: Path(text).expanduser(),
        shown=".meetfleet",
    )
    host: str = _setting("Address to listen on.", "127.0.0.1")
    port: int = _setting("Port to listen on; 0 picks a free one, and the same again after a restart.", 8080, _port)
    url: str | None = _setting(
        "Public base URL, used in links to recordings and webhooks.", None, shown="http://HOST:PORT"
    )
    api_key: str | None = _setting(
        "The first API key, if you want to choose it; only read when the database is new.",
        None,
        secret=True,
        shown="a random one, printed once",
    )
    admin_key: str | None = _setting(
        "An admin key of your choice, 16 or more characters; others are made with `meetfleet keys create --admin`.",
        None,
        secret=True,
        shown="none",
    )
    database_url: str | None = _setting(
        "PostgreSQL to use instead of the embedded one, such as `postgresql://user:password@host/name`.",
        None,
        secret=True,
        shown="embedded, in `DATA/postgres`",
    )
    storage_url: str | None = _setting(
        "Object storage for recordings, such as `s3://bucket/prefix`.", None, secret=True, shown="`DATA/objects`"
    )
    secret_key: str | None = _setting(
        "Key for secrets at rest and signed URLs, 32 or more characters. Servers that share a database must share it.",
        None,
        secret=True,
        shown="made once in `DATA/secrets`",
    )
    chromium: str = _setting("Chromium to run in bots.", "chromium")
    browser_args: tuple[str, ...] = _setting(
        "Further Chromium switches: a JSON list, or words as in a shell.", (), _arguments, shown="none"
    )
    warm_spares: int = _setting("Bot processes kept ready, browser included, so that a bot starts at once.", 1, _count)
    capacity_cores: float | None = _setting(
        "Processor cores that bots may use together.", None, _positive, shown="all of this machine"
    )
    capacity_memory_mb: float | None = _setting(
        "Memory that bots may use together, in MB.", None, _positive, shown="80 % of this machine"
    )
    dispatch_timeout_s: float = _setting(
        "Seconds a bot may wait for a free place before it fails with `DISPATCH_TIMEOUT`.",
        900.0,
        _positive,
        shown="900",
    )
    schedule_grace_s: float = _setting(
        "Seconds a scheduled bot may be sent late because no server was running when it was due; then it fails.",
        1800.0,
        _positive,
        shown="1800",
    )
    video: VideoMode = _setting(
        "When video is rendered: `eager` (right after the call), `on-demand` (at first opening) or `before-completed`.",
        VideoMode.EAGER,
        VideoMode,
        shown="eager",
    )
    login_sessions: int = _setting(
        "Meetings that one Google or Microsoft login may be in at a time.", 20, _at_least_one, shown="20"
    )
    zoom_oauth_url: str = _setting(
        "Where Zoom gives tokens; another address for Zoom for Government.", "https://zoom.us", _address
    )
    zoom_api_url: str = _setting("Zoom's REST API, likewise.", "https://api.zoom.us", _address)
    transcription: str = _setting(
        "Who transcribes for those who name no provider: `captions` (free), or another provider that is installed.",
        "captions",
    )
    transcription_keys: Pairs = _setting(
        "Your keys of transcription providers, such as `gladia=key`; several with commas between.",
        (),
        _pairs,
        secret=True,
        shown="none",
    )
    transcription_urls: Pairs = _setting(
        "Other addresses of transcription providers, such as `gladia=https://gateway.example.org`.",
        (),
        _pairs,
        shown="the providers' own",
    )
    allow_private_webhooks: bool = _setting(
        "Whether webhooks may go to private and loopback addresses, and `bot_image` come from there, even by http.",
        False,
        _boolean,
        shown="false",
    )
    log: LogFormat = _setting(
        "How logs are written: `console` or `json`.", LogFormat.CONSOLE, LogFormat, shown="console"
    )
    log_level: str = _setting("Least level that is logged: debug, info, warning or error.", "info", _level)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Reads `MEETFLEET_*`; an empty variable counts as not set.

        Raises:
            SettingsError: a value cannot be read, or a secret or admin key is too short.
        """
        values = {f.name: _read(f.metadata, f.name, environ) for f in fields(cls) if environ.get(_variable(f.name))}
        settings = cls(**values)
        if settings.secret_key is not None and len(settings.secret_key) < 32:
            raise SettingsError(f"{PREFIX}SECRET_KEY is shorter than 32 characters.")
        if settings.admin_key is not None and len(settings.admin_key) < 16:
            raise SettingsError(f"{PREFIX}ADMIN_KEY is shorter than 16 characters.")
        return settings

    @property
    def local_url(self) -> str:
        """Where this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where everybody else reaches it."""
        return (self.url or self.local_url).rstrip("/")

    @property
    def objects_dir(self) -> Path:
        return self.data / "objects"

    @property
    def postgres_dir(self) -> Path:
        return self.data / "postgres"

    @property
    def secrets_dir(self) -> Path:
        return self.data / "secrets"

    @property
    def work_dir(self) -> Path:
        """Scratch of bots and assemblers; what matters in it is uploaded while the call runs."""
        return self.data / "work"


@dataclass(frozen=True, slots=True)
class Documented:
    """One row of the settings table."""

    variable: str
    default: str
    about: str


def documented() -> list[Documented]:
    """The settings table, in the order of the fields."""
    rows = [(f, cast(Mapping[str, Any], f.metadata)) for f in fields(Settings)]
    return [
        Documented(_variable(f.name), meta["shown"] or str(cast(object, f.default)), meta["about"]) for f, meta in rows
    ]


def bot_environ(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What bot processes get to see: everything but our settings and the credentials of clouds and databases."""
    hidden = (PREFIX, "AWS_", "AZURE_", "GOOGLE_", "GCP_", "PG")
    return {name: value for name, value in environ.items() if not name.startswith(hidden)}


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with our prefix that nothing reads: most likely misspelt."""
    known = {row.variable for row in documented()}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _read(metadata: Mapping[str, Any], name: str, environ: Mapping[str, str]) -> Any:
    variable = _variable(name)
    try:
        return metadata["read"](environ[variable])
    except ValueError as error:
        shown = "" if metadata["secret"] else f" '{environ[variable]}'"
        raise SettingsError(f"{variable}{shown} cannot be read: {error}") from None
