"""Drives a lab that runs in another process, by its control API."""

from types import TracebackType
from typing import Any, Self

import httpx2

from meetfleet.domain.errors import MeetfleetError

WAIT_SLACK_S = 10.0


class LabRefused(MeetfleetError):
    """The lab answered with an error."""


class LabClient:
    """A client of the control API. Blocking, for tests and command lines.

    Args:
        control_url: From the lab's ready line.
    """

    def __init__(self, control_url: str) -> None:
        self._http = httpx2.Client(base_url=control_url, timeout=300, trust_env=False)

    def chromium_args(self) -> list[str]:
        return self._get("/")["chromium_args"]

    def rooms(self) -> list[dict[str, Any]]:
        return self._get("/rooms")

    def open_room(self, script: dict[str, Any]) -> dict[str, Any]:
        """Opens a room by a script's mapping, `{"preset": ...}` or `{"path": ...}`: {name, code, meeting_url}."""
        return self._read(self._http.post("/rooms", json=script))

    def close_room(self, code: str) -> None:
        self._http.delete(f"/rooms/{code}").raise_for_status()

    def truth(self, code: str, *, sent: bool = False) -> dict[str, Any]:
        return self._get(f"/rooms/{code}/truth", {"sent": "1" if sent else "0"})

    def events(self, code: str, after: int = 0) -> list[dict[str, Any]]:
        return self._get(f"/rooms/{code}/events", {"after": str(after)})

    def wait_for(self, code: str, type: str, timeout_s: float, **more: str | int) -> dict[str, Any]:
        """Waits for an event.

        Raises:
            LabRefused: code `wait_timeout`.
        """
        params = {"type": type, "timeout_s": str(timeout_s), **{k: str(v) for k, v in more.items()}}
        return self._read(self._http.get(f"/rooms/{code}/wait", params=params, timeout=timeout_s + WAIT_SLACK_S))

    def do(self, code: str, action: str, **args: Any) -> dict[str, Any]:
        return self._read(self._http.post(f"/rooms/{code}/do", json={"action": action, **args}))

    def reference_wav(self, code: str, name: str | None = None) -> bytes:
        response = self._http.get(f"/rooms/{code}/audio.wav", params={"name": name} if name else {})
        response.raise_for_status()
        return response.content

    def camera_png(self, code: str, visit: str) -> bytes:
        """What a visitor's camera shows, as received by the server of its call."""
        response = self._http.get(f"/rooms/{code}/visits/{visit}/camera.png")
        response.raise_for_status()
        return response.content

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self._read(self._http.get(path, params=params or {}))

    @staticmethod
    def _read(response: httpx2.Response) -> Any:
        if response.is_error:
            try:
                body = response.json()
            except ValueError:
                body = {"message": response.text, "code": "lab_error"}
            raise LabRefused(str(body["message"]), code=str(body["code"]))
        return response.json()
