"""A whole Meetfleet on this machine, as child processes driven through public doors: server and lab.

Used by the demo, the end-to-end tests and the benchmarks; handy for trying an integration, too.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from meetfleet.domain.errors import RunnerError


class Service:
    """A child process that prints one JSON line when it is ready.

    Args:
        args: Arguments of the `meetfleet` command.
        env: Variables added to this process's environment.
        log: Where the child's further output goes.
        ready_s: How long it may take until the ready line.

    Raises:
        RunnerError: it ended, or said nothing, before it was ready.
    """

    def __init__(
        self, args: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, ready_s: float = 60
    ) -> None:
        self.args = list(args)
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._ready_s = ready_s
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[str]
        self._start()

    def _start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meetfleet", *self.args],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._pump, args=(self.process, lines), daemon=True).start()
        self.ready = self._await_ready(lines)

    def _pump(self, process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
        assert process.stdout is not None
        with self.log.open("a") as log:
            for line in process.stdout:
                lines.put(line)
                if not line.startswith("{"):
                    log.write(line)
        lines.put(None)

    def _await_ready(self, lines: "queue.Queue[str | None]") -> dict[str, Any]:
        deadline = time.monotonic() + self._ready_s
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.stop()
                raise RunnerError(f"'{' '.join(self.args)}' was not ready within {self._ready_s} s") from None
            if line is None:
                raise RunnerError(
                    f"'{' '.join(self.args)}' ended with {self.process.wait(5)}", hint=self.log.read_text()[-2000:]
                )
            if line.startswith("{"):
                message = json.loads(line)
                if message.get("ready"):
                    return message

    def restart(self) -> None:
        """Starts it again after `kill` or `stop`."""
        self._start()

    def kill(self) -> None:
        """`kill -9` of this one process, as a crash would; its children are left alone."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self, timeout_s: float = 20) -> None:
        """Asks it to end, then insists."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def start_lab(work_dir: Path, *, args: Sequence[str] = (), ready_s: float = 240) -> Service:
    """A lab with the rooms that `args` name. Its ready line holds `control_url`, `chromium_args` and `rooms`."""
    return Service(["lab", "--json", *args], log=work_dir / "lab.log", ready_s=ready_s)


def start_server(
    work_dir: Path, *, lab: Service | None = None, env: Mapping[str, str] | None = None, ready_s: float = 60
) -> Service:
    """A server with its own data folder and port. Its ready line holds `url` and `api_key`."""
    settings = {
        "MEETFLEET_DATA": str(work_dir / "data"),
        "MEETFLEET_PORT": "0",
        "MEETFLEET_ALLOW_PRIVATE_WEBHOOKS": "true",
        **(env or {}),
    }
    if lab is not None:
        settings["MEETFLEET_BROWSER_ARGS"] = json.dumps(lab.ready["chromium_args"])
    return Service(["server", "--json"], log=work_dir / "server.log", env=settings, ready_s=ready_s)
