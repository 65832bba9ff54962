"""The few calls of the v2 API that the demo makes, as any client would make them."""

import time
from typing import Any, cast

import httpx2


class Client:
    """A minimal Meeting BaaS v2 client.

    Args:
        url: Base URL of the server.
        api_key: A key with full access.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._http = httpx2.Client(base_url=url, headers={"x-meeting-baas-api-key": api_key}, timeout=30)

    def create_bot(self, **fields: Any) -> str:
        """Returns the new bot's id."""
        return str(self._data(self._http.post("/v2/bots", json=fields))["bot_id"])

    def details(self, bot_id: str) -> dict[str, Any]:
        return self._data(self._http.get(f"/v2/bots/{bot_id}"))

    def status(self, bot_id: str) -> str:
        return str(self._data(self._http.get(f"/v2/bots/{bot_id}/status"))["status"])

    def leave(self, bot_id: str) -> None:
        self._data(self._http.post(f"/v2/bots/{bot_id}/leave"))

    def screenshots(self, bot_id: str) -> list[dict[str, Any]]:
        answer = self._http.get(f"/v2/bots/{bot_id}/screenshots")
        answer.raise_for_status()
        return answer.json()["data"]

    def download(self, url: str) -> bytes:
        """The whole file behind a presigned URL, following a video until it has finished rendering."""
        answer = self._http.get(url, timeout=300)
        answer.raise_for_status()
        return answer.content

    def wait_for_end(self, bot_id: str, timeout_s: float) -> str:
        """Polls until the bot is final.

        Raises:
            TimeoutError: it is still going.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = self.status(bot_id)
            if status in {"completed", "failed"}:
                return status
            time.sleep(0.25)
        raise TimeoutError(f"The bot was still '{self.status(bot_id)}' after {timeout_s:.0f} s.")

    def close(self) -> None:
        self._http.close()

    def _data(self, answer: httpx2.Response) -> dict[str, Any]:
        if answer.is_error:
            raise RuntimeError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return cast(dict[str, Any], answer.json()["data"])
