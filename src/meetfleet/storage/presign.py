"""Links that carry their own permission: whoever holds one may read one artifact until it expires."""

import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

from meetfleet.domain.errors import Forbidden

LINK_LIFE_S = 4 * 3600  # Source: contract.md 9.5


class LinkRefused(Forbidden):
    """The link has expired, or somebody changed it."""


class UrlSigner:
    """Signs and checks links to artifacts with one secret (HMAC-SHA256).

    Args:
        secret: At least 32 random bytes, the same on every server that answers for the same base URL.
        base_url: Public address of this server, without a final slash.
        now: Unix seconds; a test passes its own.
    """

    def __init__(self, secret: bytes, base_url: str, *, now: Callable[[], float] = time.time) -> None:
        # A derived key, so that one server secret can serve several purposes.
        self._key = hmac.digest(secret, b"meetfleet artifact links v1", hashlib.sha256)
        self._base_url = base_url.rstrip("/")
        self._now = now

    def sign(self, bot_id: str, name: str, *, ttl_s: int = LINK_LIFE_S, download: bool = False) -> str:
        """A link to the artifact `name` of a bot, good for `ttl_s` seconds.

        Args:
            download: Whether a browser that opens the link saves the file instead of showing it.
        """
        expires = int(self._now()) + ttl_s
        query = {"expires": expires, "signature": self._signature(bot_id, name, expires)}
        if download:
            query["download"] = 1
        return f"{self._base_url}/files/{quote(bot_id, safe='')}/{quote(name)}?{urlencode(query)}"

    def verify(self, bot_id: str, name: str, expires: str | None, signature: str | None) -> None:
        """Raises LinkRefused unless `sign` made this link and it has not expired."""
        if not expires or not signature or not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            raise LinkRefused("The link lacks its signature.", code="link_invalid")
        if not hmac.compare_digest(
            self._signature(bot_id, name, int(expires)).encode(), signature.encode(errors="replace")
        ):
            raise LinkRefused("The link's signature is wrong.", code="link_invalid")
        if int(expires) <= self._now():
            raise LinkRefused("The link has expired; ask the API for a fresh one.", code="link_expired")

    def _signature(self, bot_id: str, name: str, expires: int) -> str:
        # Lengths in front keep ("a/b", "c") and ("a", "b/c") apart.
        text = f"{len(bot_id)}:{bot_id}{len(name)}:{name}{expires}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
