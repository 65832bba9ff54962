"""The official npm client as a caller, run by Node: what it is satisfied with, its users are satisfied with."""

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
TIMEOUT_S = 30.0


class OfficialSdk:
    """One Node process with clients for any server and key.

    Args:
        base_url: Of the server, without `/v2`.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self._process = subprocess.Popen(
            ["node", "driver.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._count = 0

    def call(self, method: str, params: Any = None, *, api_key: str | None = None) -> dict[str, Any]:
        """What the client's method resolves to, success or error. Its own schema must have no objection."""
        self._count += 1
        request = {
            "id": self._count,
            "base_url": self.base_url,
            "api_key": self.api_key if api_key is None else api_key,
            "method": method,
            "params": params,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        said = json.loads(self._answers.get(timeout=TIMEOUT_S))
        assert said["id"] == self._count
        assert "broken" not in said, said["broken"]
        assert said["objection"] is None, f"{method}: {said['objection']}"
        return said["result"]

    def data(self, method: str, params: Any = None) -> Any:
        """The `data` of a call that must succeed."""
        result = self.call(method, params)
        assert result["success"] is True, result
        return result["data"]

    def refusal(self, method: str, params: Any = None, *, api_key: str | None = None) -> tuple[int, str]:
        """Status and code of a call that our server must refuse, as the client passes them on."""
        result = self.call(method, params, api_key=api_key)
        assert result["success"] is False, result
        # The client makes up these two where it finds an answer unfit, or never asks.
        assert result["code"] not in ("HTTP_ERROR", "VALIDATION_ERROR"), result
        return result["statusCode"], result["code"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)


@pytest.fixture(scope="session")
def node() -> None:
    """Skips where Node is missing; where it is there, so must the client be."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed: the official client cannot run")
    if not (FOLDER / "node_modules" / "@meeting-baas" / "sdk").is_dir():
        pytest.fail("the official client is not installed: run script/test, or npm ci in tests/sdk")


@pytest.fixture(scope="module")
def sdk_of(node: None) -> Iterator[Callable[[str, str], OfficialSdk]]:
    """Opens clients that are closed with the test module."""
    opened: list[OfficialSdk] = []

    def open_one(base_url: str, api_key: str) -> OfficialSdk:
        opened.append(OfficialSdk(base_url, api_key))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
