"""The lab's stand-in for end-to-end encryption: reversible, and noise to every decoder that does not undo it.

Not a cipher. The page undoes it in its own transform (`e2ee_worker.js`).
"""

CLEAR_BYTES = 1
"""The Opus table-of-contents byte stays readable, as in SFrame's usual layout for WebRTC."""


def keystream(size: int) -> bytes:
    """Bytes of a linear congruential generator. Source: the constants of Numerical Recipes."""
    state, out = 0x5EED, bytearray(size)
    for n in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[n] = state >> 24
    return bytes(out)


_STREAM = keystream(1500)


def scramble(packet: bytes) -> bytes:
    """Scrambles, or unscrambles, one packet."""
    body = packet[CLEAR_BYTES:]
    return packet[:CLEAR_BYTES] + bytes(a ^ b for a, b in zip(body, _STREAM, strict=False))
