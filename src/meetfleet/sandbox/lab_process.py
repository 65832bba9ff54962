"""The lab as a child process: started when it is wanted, gone when we are."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import structlog

from meetfleet.control.playground import OpenRoom
from meetfleet.domain.errors import RunnerError
from meetfleet.domain.link import BrowserSpec
from meetfleet.sandbox.fence import fenced

COMMAND = (sys.executable, "-m", "meetfleet", "lab", "--json", "--until-eof")
START_TIMEOUT_S = 60.0
CALL_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 5.0

log = structlog.get_logger()


class LabProcess:
    """Runs one lab. It ends with its standard input, so it cannot outlive us.

    Args:
        folder: For its log.
        environ: Of the child; holds no secret of the server.
        browser: How bots of this server start theirs.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], browser: BrowserSpec, *, command: Sequence[str] = COMMAND
    ) -> None:
        self._folder = folder
        self._environ = dict(environ)
        self._operator = browser
        self._command = list(command)
        self._process: asyncio.subprocess.Process | None = None
        self._ready: dict[str, Any] = {}
        self._turn = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def browser(self) -> BrowserSpec:
        await self._ensure()
        return BrowserSpec(self._operator.executable, fenced(self._operator.extra_args, self._ready["chromium_args"]))

    async def open_room(self, script: dict[str, Any]) -> OpenRoom:
        await self._ensure()
        opened = await self._call("POST", "/rooms", script)
        return OpenRoom(str(opened["code"]), str(opened["meeting_url"]))

    async def close_room(self, code: str) -> None:
        await self._call("DELETE", f"/rooms/{code}")

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _ensure(self) -> None:
        async with self._turn:
            if not self.is_running:
                await self._start()

    async def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        pipe = asyncio.subprocess.PIPE
        with (self._folder / "lab.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=output, env=self._environ
            )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._ready = json.loads(await process.stdout.readline())
        except (TimeoutError, ValueError) as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise RunnerError("The lab does not start; sandbox/lab.log tells why.", code="lab_start") from error
        self._process = process
        log.info("sandbox_lab_started", pid=process.pid)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(
                base_url=self._ready["control_url"], timeout=CALL_TIMEOUT_S, trust_env=False
            ) as client:
                answer = await client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise RunnerError(f"The lab does not answer: {type(error).__name__}.", code="lab_gone") from error
        if answer.is_error:
            raise RunnerError(f"The lab refuses: {answer.text[:300]}", code="lab_refused")
        return cast(dict[str, Any], answer.json()) if answer.content else {}
