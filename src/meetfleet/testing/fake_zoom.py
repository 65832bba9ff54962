"""Zoom's OAuth and token endpoints on a loopback port: codes and refresh tokens are good for one use, as at Zoom.

It also plays a caller's own token URL, below `/mine`.
"""

import base64
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

SCOPES = "user:read:user user:read:token user:read:zak"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict[str, str])


class FakeZoom:
    """Listens while used as a context manager.

    Attributes:
        asked: Every request, oldest first.
        refusals: Status and body to answer the next requests for user tokens with, before anything else.
        outages: How many of the next requests are answered 503.
        scopes: What users allow; without `user:read:user` nobody is told who they are.
        delay_s: How long a refresh takes.
        mine: Status and body of the caller's own token URL.
    """

    def __init__(self, *, client_id: str = "zoom-app", client_secret: str = "zoom-app-secret") -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.asked: list[Asked] = []
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.outages = 0
        self.scopes = SCOPES
        self.delay_s = 0.0
        self.mine: tuple[int, bytes] = (200, b"own-token\n")
        self.issued: set[str] = set()
        self._codes: dict[str, str] = {}
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def consent(self, redirect_uri: str) -> str:
        """The code that a user brings from the consent page."""
        code = self._new("code")
        self._codes[code] = redirect_uri
        return code

    def revoke(self) -> None:
        """All users take their consent back."""
        self._access.clear()
        self._refresh.clear()

    def expire_access(self) -> None:
        """No access token is good any more; refresh tokens are."""
        self._access.clear()

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(1 for asked in self.asked if asked.path == path)

    def answer(self, method: str, path: str, authorization: str, form: dict[str, str]) -> tuple[int, Any]:
        """Status and body of one request."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append(Asked(method, parts.path, query))
            if self.outages > 0:
                self.outages -= 1
                return 503, {"message": "try later"}
        match method, parts.path:
            case "POST", "/oauth/token":
                return self._token(authorization, form)
            case "GET", "/v2/users/me":
                return self._me(authorization)
            case "GET", "/v2/users/me/token":
                return self._user_token(authorization, query)
            case "GET", "/mine":
                return self.mine
            case _:
                return 404, {"code": 404, "message": "No such page"}

    def _token(self, authorization: str, form: dict[str, str]) -> tuple[int, Any]:
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}
        if self.delay_s:
            threading.Event().wait(self.delay_s)
        with self._lock:
            if form.get("grant_type") == "authorization_code":
                if self._codes.pop(form.get("code", ""), None) != form.get("redirect_uri"):
                    return 400, {"reason": "Invalid authorization code", "error": "invalid_grant"}
            elif form.get("refresh_token") not in self._refresh:
                return 400, {"reason": "Invalid Token!", "error": "invalid_grant"}
            else:
                self._refresh.discard(form["refresh_token"])
            access, refresh = self._new("access"), self._new("refresh")
            self._access.add(access)
            self._refresh.add(refresh)
        grant = {"access_token": access, "refresh_token": refresh, "expires_in": 3599, "scope": self.scopes}
        return 200, {**grant, "token_type": "bearer"}

    def _me(self, authorization: str) -> tuple[int, Any]:
        if not self._is_good(authorization):
            return 401, {"code": 124, "message": "Invalid access token."}
        if "user:read:user" not in self.scopes.split():
            return 400, {"code": 4711, "message": "Invalid access token, does not contain scopes:[user:read:user]."}
        return 200, {
            "id": "zoom-user-1",
            "account_id": "zoom-account-1",
            "email": "ann@example.org",
            "display_name": "Ann Example",
        }

    def _user_token(self, authorization: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.refusals:
            return self.refusals.pop(0)
        if not self._is_good(authorization):
            return 401, {"code": 124, "message": "Access token is expired."}
        return 200, {"token": self._new(query["type"] + query.get("meeting_id", ""))}

    def _is_good(self, authorization: str) -> bool:
        return authorization.removeprefix("Bearer ") in self._access

    def _new(self, kind: str) -> str:
        token = f"{kind}-{secrets.token_hex(8)}"
        self.issued.add(token)
        return token


def _handler(zoom: FakeZoom) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            status, said = zoom.answer(self.command, self.path, self.headers.get("authorization", ""), form)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: `asked` is the record."""

    return Handler
