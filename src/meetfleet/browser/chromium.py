"""Starts a Chromium that cannot outlive us, hands out pages, and tells when it dies."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meetfleet.browser.cdp import Cdp
from meetfleet.browser.flags import BrowserOptions, command_line, find_program, site_identity
from meetfleet.browser.page import Page
from meetfleet.domain.errors import RunnerError

log = logging.getLogger(__name__)

LAUNCH_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 4.0
STUB = Path(__file__).with_name("launch_stub.py")


class Chromium:
    """One browser process tree. Make it with `launch`, end it with `close`.

    The browser dies with us in three ways, any of which is enough: its command pipe closes, the kernel signals it
    when its parent dies, and `close` kills its process group.
    """

    def __init__(self, process: asyncio.subprocess.Process, cdp: Cdp, options: BrowserOptions, profile: Path) -> None:
        self.options = options
        self.cdp = cdp
        self.version = ""
        self._identity: dict[str, Any] = {}
        self._process = process
        self._profile = profile
        self._last_words: deque[str] = deque(maxlen=20)
        self._on_exit: list[Callable[[int], None]] = []
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch())]

    @classmethod
    async def launch(cls, options: BrowserOptions | None = None) -> "Chromium":
        """Starts a browser and waits until it answers.

        Raises:
            RunnerError: `browser_missing`, or `browser_launch_failed` with the browser's last words.
        """
        options = options or BrowserOptions()
        program = find_program(options)
        profile = options.user_data_dir or Path(tempfile.mkdtemp(prefix="meetfleet-browser-", dir=options.temp_dir))
        process, cdp = await _spawn([program, *command_line(options, profile)])
        browser = cls(process, cdp, options, profile)
        try:
            version = await cdp.browser.send("Browser.getVersion", timeout_s=LAUNCH_TIMEOUT_S)
        except (RunnerError, asyncio.CancelledError) as error:
            await browser.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise RunnerError(
                f"{program} did not start. It said: {' | '.join(browser._last_words) or 'nothing'}",
                code="browser_launch_failed",
            ) from error
        browser.version = str(version["product"]).partition("/")[2]
        browser._identity = site_identity(browser.version, str(version["userAgent"]), options.lang)
        return browser

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def on_exit(self, callback: Callable[[int], None]) -> None:
        """Calls back with the exit code (negative: the signal) once the browser process has ended."""
        self._on_exit.append(callback)

    async def new_page(self) -> Page:
        """Opens an empty page in a browser context of its own: no cookies, storage or grants shared with others."""
        return await Page.open(self.cdp, self.options, self._identity)

    async def close(self) -> None:
        """Ends the browser, gently for a few seconds and then by force, and removes its ephemeral profile."""
        with contextlib.suppress(RunnerError):
            self.cdp.expect_end()
            await self.cdp.browser.send("Browser.close", timeout_s=CLOSE_TIMEOUT_S)
        self.cdp.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._process.wait()
        self._kill_group()
        await self._process.wait()
        await asyncio.gather(*self._tasks)
        if self.options.user_data_dir is None:
            await asyncio.to_thread(shutil.rmtree, self._profile, ignore_errors=True)

    def kill(self) -> None:
        """Ends the whole process tree at once."""
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _watch(self) -> None:
        code = await self._process.wait()
        self.cdp.end()
        for callback in self._on_exit:
            callback(code)

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while True:
            try:
                line = await stderr.readline()
            except ValueError:  # longer than the reader's limit: it has been dropped
                continue
            if not line:
                return
            self._last_words.append(line.decode(errors="replace").rstrip())
            log.debug("chromium: %s", self._last_words[-1])


async def _spawn(command: list[str]) -> tuple[asyncio.subprocess.Process, Cdp]:
    ours_read, theirs_write = os.pipe()
    theirs_read, ours_write = os.pipe()
    stub = [sys.executable, "-I", "-S", str(STUB), str(theirs_read), str(theirs_write), str(os.getpid())]
    try:
        process = await asyncio.create_subprocess_exec(
            *stub,
            *command,
            pass_fds=(theirs_read, theirs_write),
            start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        os.close(ours_read)
        os.close(ours_write)
        raise RunnerError(f"Cannot start a process: {error}", code="browser_launch_failed") from error
    finally:
        os.close(theirs_read)
        os.close(theirs_write)
    return process, await Cdp.connect(ours_read, ours_write)
