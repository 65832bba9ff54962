"""docs/errors.md, made from the code:  python -m meetfleet.api.v2.error_page > docs/errors.md"""

import sys
from collections.abc import Iterable

from meetfleet.domain.dialects.v2_errors import ERRORS
from meetfleet.domain.end_reason import Charge, EndReason

_CHARGED = {Charge.NOTHING: "nothing", Charge.RECORDING: "what was recorded", Charge.WAITING: "the time it waited"}

_HEAD = """\
# Errors of the v2 API

This page is made from the code: `python -m meetfleet.api.v2.error_page > docs/errors.md`. A test compares the two.
"""
_CALLS = """\
## Answers to calls

The body is `{"success": false, "error", "code", "statusCode", "message"}`; `error` is the reason phrase, `message` the
sentence. All but 400 have `details`, too, and 429 has `retryAfter` in seconds.
"""
_ITEMS = """\
## Items of a batch

A batch is answered with 201 whatever becomes of its items. Each item that failed stands in `errors` with a code of the
list above without its prefix, such as `BOT_ALREADY_EXISTS` or `INVALID_MEETING_PLATFORM`; `VALIDATION_ERROR` if it does
not fit, `BOT_CREATE_FAILED` if we made a mistake.
"""
_ENDS = """\
## How a bot ends

`error_code` and `error_message` of a bot, `bot.failed` and callbacks. A bot that recorded and ended for a reason with
*no* in the second column is `completed`, and its `error_code` is null. What is charged where tokens are counted:
[limits.md](limits.md).
"""


def error_page() -> str:
    return "\n".join(
        [
            _HEAD,
            _CALLS,
            _table(("HTTP", "code", "when"), ((str(e.status), f"`{e.code}`", e.when) for e in ERRORS)),
            _ITEMS,
            _ENDS,
            _table(("error_code", "failed", "error_message", "announced by", "charged"), map(_end, _by_code())),
        ]
    ).rstrip("\n")


def _by_code() -> list[EndReason]:
    """Normal ends first, then by code."""
    return sorted(EndReason, key=lambda reason: (reason.is_failure, reason.projection.v2_code, reason.value))


def _end(reason: EndReason) -> tuple[str, ...]:
    told = reason.projection
    signal = f"`{told.v2_signal}`" if told.v2_signal else ""
    return f"`{told.v2_code}`", "yes" if reason.is_failure else "no", told.text, signal, _CHARGED[told.charge]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(error_page() + "\n")
