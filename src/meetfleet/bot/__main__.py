"""The command that runs one bot.

    python -m meetfleet.bot --spec FILE
    python -m meetfleet.bot --warm [--browser JSON]

The spec file (a BotSpec as JSON, mode 0600) is read and removed at once. `--warm` is a spare: it starts the browser
described by `--browser` (a BrowserSpec as JSON), prints one line `{"ready": true, "pid": ..., "browser_pid": ...}`, and
waits for the path of a spec file as one line on standard input; end of input means that it is not needed.
Logs go to standard error. Exit codes: 0 all delivered (or spare not needed), 2 unreadable spec, 70 failed inside,
75 reports or segments are left in the work folder.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from meetfleet.bot.log_reports import LogReports
from meetfleet.bot.process import BotProcess, ExitCode, on_termination, report_stillborn
from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.domain.errors import InvalidRequest, RunnerError
from meetfleet.domain.link import BotSpec, BrowserSpec

log = logging.getLogger(__name__)

CLOSE_BROWSER_S = 3.0


def main(argv: list[str] | None = None) -> int:
    """Parses the command line and runs one bot to its end."""
    parser = argparse.ArgumentParser(prog="python -m meetfleet.bot", description="Runs one meeting bot.")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="the bot's spec as JSON; removed once read")
    parser.add_argument("--warm", action="store_true", help="start the browser, then wait for the spec's path on stdin")
    parser.add_argument("--browser", default="{}", metavar="JSON", help="how a warm spare starts its browser")
    args = parser.parse_args(argv)
    if bool(args.spec) == args.warm:
        parser.error("give either --spec or --warm")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return asyncio.run(_warm(args.browser) if args.warm else _cold(args.spec))
    except InvalidRequest as error:
        log.error("%s", error.message)
        return ExitCode.BAD_SPEC
    except RunnerError as error:
        log.error("%s", error.message)
        return ExitCode.FAILED


async def _cold(path: Path) -> int:
    spec = take_spec(path)
    return await _launch_and_live(spec)


async def _warm(browser_json: str) -> int:
    browser = _browser_spec(browser_json)
    chromium = await _launch(browser)
    print(json.dumps({"ready": True, "pid": os.getpid(), "browser_pid": chromium.pid}), flush=True)
    path = await _spec_path(chromium)
    if not path:
        await chromium.close()
        return ExitCode.DELIVERED
    spec = take_spec(Path(path))
    if spec.browser != browser or not chromium.is_alive:
        log.warning("The spare's browser does not fit the spec; starting another.")
        await chromium.close()
        return await _launch_and_live(spec)
    return await _live(spec, chromium)


async def _launch_and_live(spec: BotSpec) -> int:
    try:
        chromium = await _launch(spec.browser)
    except RunnerError as error:
        log.error("%s", error.message)
        return await report_stillborn(spec, error.message)
    return await _live(spec, chromium)


async def _live(spec: BotSpec, chromium: Chromium) -> int:
    try:
        bot = BotProcess(spec, chromium)
        logging.getLogger().addHandler(LogReports(bot.link.tell))
        on_termination(bot.terminate)
        return await bot.run()
    finally:
        await _close(chromium)


async def _close(chromium: Chromium) -> None:
    """All is delivered: the browser gets little time to end gently."""
    try:
        async with asyncio.timeout(CLOSE_BROWSER_S):
            await chromium.close()
    except TimeoutError:
        chromium.kill()


async def _launch(browser: BrowserSpec) -> Chromium:
    executable = None if browser.executable == "chromium" else browser.executable
    return await Chromium.launch(BrowserOptions(executable=executable, extra_args=browser.extra_args))


async def _spec_path(chromium: Chromium) -> str:
    """One line from standard input; empty at its end, on SIGTERM, or when the spare's browser died."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def answer(text: str) -> None:
        if not line.done():
            line.set_result(text)

    on_termination(lambda: answer(""))
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    reading = asyncio.create_task(reader.readline())
    reading.add_done_callback(lambda task: answer("" if task.cancelled() else task.result().decode().strip()))
    try:
        return await line
    finally:
        reading.cancel()
        transport.close()


def take_spec(path: Path) -> BotSpec:
    """Reads a spec file and removes it: it holds the bot's token.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
    except OSError as error:
        raise InvalidRequest(f"The spec file cannot be read: {error.strerror}") from error
    return BotSpec.from_json(text)


def _browser_spec(text: str) -> BrowserSpec:
    try:
        raw = json.loads(text)
        return BrowserSpec(raw.get("executable", "chromium"), tuple(raw.get("extra_args", ())))
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidRequest(f"Unreadable browser spec: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
