"""A child process that takes JSON lines and answers each with one: restarted when needed, never waited for in vain."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any, cast

import structlog

from meetfleet.domain.errors import RunnerError

log = structlog.get_logger()

LINE_LIMIT_BYTES = 16 * 1024 * 1024


class WorkerGone(RunnerError):
    """The worker ended before it answered; what it knew is lost and can be rebuilt."""


class WorkerProcess:
    """Starts the command at the first call and again after it died.

    Requests carry an `id`; the answer has the same `id`, and `"ok": true` or `"ok": false` with an `error` of code and
    message.

    Args:
        command: Program and arguments.
        name: What to call it in logs.
    """

    def __init__(self, command: Sequence[str], *, name: str) -> None:
        self._command = list(command)
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next_id = 1
        self._starting = asyncio.Lock()
        self.generation = 0

    async def call(self, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Sends one request and waits for its answer, which is returned whole.

        Raises:
            WorkerGone: the process ended meanwhile.
            RunnerError: it answered with an error, or not in time (then it is killed: it hangs).
        """
        process = await self._running()
        request_id, self._next_id = self._next_id, self._next_id + 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"id": request_id, **request}).encode() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            process.kill()
            raise RunnerError(f"The {self._name} did not answer within {timeout_s:.0f} s.") from None
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerGone(f"The {self._name} ended.") from None
        finally:
            self._pending.pop(request_id, None)
        if not answer.get("ok"):
            error = cast(dict[str, str], answer.get("error") or {})
            raise RunnerError(
                f"The {self._name} failed: {error.get('message')}", code=error.get("code", "worker_failed")
            )
        return answer

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def close(self) -> None:
        """Ends the process; calls under way raise WorkerGone."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_LIMIT_BYTES,
                )
                self.generation += 1
                self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            try:
                answer = cast(dict[str, Any], json.loads(line))
            except ValueError:
                log.warning("worker.unreadable_answer", worker=self._name)
                continue
            future = self._pending.get(int(answer.get("id") or 0))
            if future is not None and not future.done():
                future.set_result(answer)
        code = await process.wait()
        log.info("worker.ended", worker=self._name, exit_code=code)
        for future in list(self._pending.values()):
            if not future.done():
                future.set_exception(WorkerGone(f"The {self._name} ended with {code}."))
