"""Chromium's command line: which switches a bot's browser gets, and why."""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meetfleet.domain.errors import RunnerError

PROGRAMS = (
    "/usr/lib/chromium/chromium",  # Debian's program itself: its wrapper in /usr/bin adds GPU rasterisation
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
)

QUIET = (
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
    "--log-level=2",
)
"""Nothing that phones home, asks the user or starts helpers."""

AWAKE = (
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
)
"""A bot's page is always the page in front."""

MEDIA = (
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--disable-dev-shm-usage",
)
"""Sound starts without a click; devices are granted without a question; containers have a tiny /dev/shm."""

LEAN = (
    "--no-startup-window",
    "--in-process-gpu",
    "--enable-features=NetworkServiceInProcess2",
    "--disable-features=AudioServiceOutOfProcess,SpareRendererForSitePerProcess",
)
"""Half the processes and 100 MB less of them. The measurements are in docs/capture.md."""

OFF_FEATURES = (
    "Translate",
    "MediaRouter",
    "OptimizationHints",
    "InterestFeedContentSuggestions",
    "GlobalMediaControls",
)
"""Services that a bot's page has no use for."""


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """How to start a browser.

    Attributes:
        executable: Path of Chromium or Chrome; None looks in the usual places.
        user_data_dir: Profile folder, kept at close; None makes an ephemeral one.
        temp_dir: Where the ephemeral profile lies; None is the system's folder. It is removed at close.
        extra_args: Further switches, last on the line. `--disable-features` of several places are merged.
        host_rules: Value of `--host-resolver-rules`, for example `MAP meet.google.com 127.0.0.1:8443`.
        sandbox: None keeps Chromium's sandbox unless we are root, where it cannot work.
    """

    executable: str | None = None
    user_data_dir: Path | None = None
    temp_dir: Path | None = None
    extra_args: tuple[str, ...] = ()
    host_rules: str | None = None
    headless: bool = True
    sandbox: bool | None = None
    lang: str = "en-US"
    width: int = 1280
    height: int = 720


def find_program(options: BrowserOptions) -> str:
    """The browser's path.

    Raises:
        RunnerError: code `browser_missing`.
    """
    for candidate in [options.executable] if options.executable else PROGRAMS:
        found = shutil.which(candidate)
        if found == "/usr/bin/chromium" and Path(PROGRAMS[0]).exists():
            return PROGRAMS[0]
        if found:
            return found
    raise RunnerError(
        f"No browser found at {options.executable or 'the usual places'}.",
        code="browser_missing",
        hint="Install chromium, or set MEETFLEET_CHROMIUM to its path.",
    )


def command_line(options: BrowserOptions, profile: Path) -> list[str]:
    """All arguments behind the program's name."""
    sandbox = os.geteuid() != 0 if options.sandbox is None else options.sandbox
    args = [
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        f"--lang={options.lang}",
        f"--accept-lang={options.lang},{options.lang.split('-')[0]}",
        f"--window-size={options.width},{options.height}",
        *QUIET,
        *AWAKE,
        *MEDIA,
        *LEAN,
    ]
    if options.headless:
        args += ["--headless=new", "--hide-scrollbars", "--mute-audio"]
    if not sandbox:
        args.append("--no-sandbox")
    if options.host_rules:
        args.append(f"--host-resolver-rules={options.host_rules}")
    return _merged_features([*args, f"--disable-features={','.join(OFF_FEATURES)}", *options.extra_args])


def site_identity(version: str, user_agent: str, lang: str) -> dict[str, Any]:
    """What sites are told about the browser: the truth in the form that every Chrome tells it.

    Headless Chromium calls itself HeadlessChrome, which sites take for an unsupported browser.

    Args:
        version: Such as `156.0.8078.79`.
    """
    architecture, bitness = {"x86_64": ("x86", "64"), "aarch64": ("arm", "64")}.get(platform.machine(), ("", ""))
    brands = {"Not:A-Brand": "8.0.0.0", "Chromium": version}
    return {
        "userAgent": user_agent.replace("HeadlessChrome", "Chrome"),
        "acceptLanguage": f"{lang},{lang.split('-')[0]}",
        "userAgentMetadata": {
            "brands": [{"brand": b, "version": v.split(".")[0]} for b, v in brands.items()],
            "fullVersionList": [{"brand": b, "version": v} for b, v in brands.items()],
            "platform": "Linux",
            "platformVersion": "",
            "architecture": architecture,
            "bitness": bitness,
            "model": "",
            "mobile": False,
        },
    }


def _merged_features(args: list[str]) -> list[str]:
    """Chromium heeds only the last `--disable-features`, so several become one. The same for `--enable-features`."""
    merged: dict[str, list[str]] = {}
    rest: list[str] = []
    for arg in args:
        name, _, value = arg.partition("=")
        if name in ("--disable-features", "--enable-features"):
            merged.setdefault(name, []).append(value)
        else:
            rest.append(arg)
    return rest + [f"{name}={','.join(values)}" for name, values in merged.items()]
