"""Secrets at rest: what callers entrust to us is stored sealed."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meetfleet.domain.errors import MeetfleetError

_NONCE_BYTES = 12
_FORM = "g1."
"""Names how a value is sealed, so that another way can come beside it."""


class UnreadableSecret(MeetfleetError):
    """A sealed value was made with another key."""


class SecretBox:
    """Seals and opens strings (AES-256-GCM), and derives further keys from the same root. Source: contract.md 9.7.

    Args:
        root_key: 32 or more characters; whoever has it and the database can read everything.
    """

    def __init__(self, root_key: str) -> None:
        self._root = root_key.encode()
        self._cipher = AESGCM(self.derive("seal"))

    @classmethod
    def of(cls, root_key: str | None, folder: Path) -> Self:
        """From the operator's key, else from one made once and kept in `folder`, readable by its owner only."""
        return cls(root_key or _kept_key(folder))

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose (signing URLs, ...), of no use for any other."""
        return hashlib.blake2b(purpose.encode(), key=hashlib.sha256(self._root).digest(), digest_size=32).digest()

    def seal(self, text: str) -> str:
        """Another value each time, even for the same text."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), None)
        return _FORM + base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str) -> str:
        """Raises UnreadableSecret if the key is another one, or the text was changed."""
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(_FORM))
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError) as error:
            raise UnreadableSecret("A stored secret cannot be opened with the present key.") from error


def _kept_key(folder: Path) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "root.key"
    if not file.exists():
        descriptor, name = tempfile.mkstemp(dir=folder)
        fresh = Path(name)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(base64.urlsafe_b64encode(os.urandom(48)).decode())
            handle.flush()
            os.fsync(handle.fileno())
        try:
            # `link` keeps the first of two processes that start at once.
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text().strip()
