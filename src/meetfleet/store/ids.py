"""Identifiers that sort by the time they were made: UUID version 7, by every row and object key."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A new time-ordered UUID. Source: RFC 9562 section 5.7."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
