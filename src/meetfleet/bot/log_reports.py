"""Warnings of the bot's process go over the link, too: an operator should not have to find a file on a host."""

import logging
from collections.abc import Callable
from typing import Any

from meetfleet.domain.link import EventType

MOST = 200
_SILENT = ("meetfleet.bot.link", "meetfleet.bot.shipper", "meetfleet.bot.http_connection")


class LogReports(logging.Handler):
    """Reports warnings and errors of our own modules, at most `MOST` per stay.

    What the link itself logs stays local: reporting it would cause more of it.
    """

    def __init__(self, tell: Callable[[EventType, dict[str, Any]], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell
        self._left = MOST

    def emit(self, record: logging.LogRecord) -> None:
        if self._left <= 0 or not record.name.startswith("meetfleet.") or record.name in _SILENT:
            return
        self._left -= 1
        text = f"{record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1]:
            text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        self._tell(EventType.LOG, {"level": record.levelname.lower(), "text": text[:500]})
