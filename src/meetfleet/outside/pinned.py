"""A request that goes to one checked address, whatever its name says by then."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import httpx2


def pinned_request(
    method: str, url: str, host: str, address: str, headers: Mapping[str, str], body: bytes = b""
) -> httpx2.Request:
    """A request to `address` under the name of `host`: in the Host header, and in what certificates are judged by."""
    ours = {"host": urlsplit(url).netloc, "connection": "close", "accept-encoding": "identity"}
    extensions = {"sni_hostname": host}
    return httpx2.Request(
        method, _at(url, address), headers={**headers, **ours}, content=body or None, extensions=extensions
    )


def _at(url: str, address: str) -> str:
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host, fragment=""))
