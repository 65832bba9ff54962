"""Signatures of webhooks. Source: standardwebhooks.com specification; docs.svix.com/receiving/verifying-payloads."""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from uuid import UUID

from meetfleet.domain.errors import InvalidRequest

SECRET_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh signing secret, as receivers know them: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()


def wire_id(message_id: UUID) -> str:
    """The id that a receiver sees; the same in every attempt, so that it can tell repeats."""
    return f"msg_{message_id.hex}"


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,<base64>`.

    Args:
        timestamp: Unix seconds of this attempt; receivers refuse what is five minutes off.

    Raises:
        InvalidRequest: the secret is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidRequest("A signing secret is whsec_ and base64.", code="invalid_secret") from error
    mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove where a webhook comes from, under Svix's names and the standard ones.

    Args:
        secrets: The present one first; during a rotation the one before it, too.
    """
    signature = " ".join(sign(secret, message_id, timestamp, body) for secret in secrets)
    values = {"id": message_id, "timestamp": str(timestamp), "signature": signature}
    return {f"{family}-{name}": value for family in ("svix", "webhook") for name, value in values.items()}
