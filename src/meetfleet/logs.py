"""How the server logs: key and value, for people or as JSON; our own code and libraries through the same door."""

import logging
import re
import sys
from typing import Any

import structlog

_SECRET_KEY = re.compile(r"(^|_)(token|secret|password|api_key|authorization|cookie)s?($|_)", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"mf_live_[\w-]+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)|(?<=signature=)[\w-]+")
_QUIET = {
    "procrastinate": "WARNING",
    "alembic": "WARNING",
    "uvicorn": "WARNING",
    "httpx": "WARNING",
    "httpx2": "WARNING",
    "asyncio": "WARNING",
}
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logging(*, json_lines: bool, level: str) -> None:
    """Sends all logs to standard error.

    Keys that name a secret, and text that looks like one, are blacked out whatever the caller did.

    Args:
        level: debug, info, warning or error.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor
    if json_lines:
        last: list[structlog.typing.Processor] = [structlog.processors.format_exc_info]
        renderer = structlog.processors.JSONRenderer()
    else:
        last = []
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, black_out, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=_LEVELS[level], force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def black_out(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The last look at what is about to be written."""
    return {key: _cleaned(key, value) for key, value in event.items()}


def _cleaned(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return "***" if _SECRET_KEY.search(key) else _SECRET_TEXT.sub("***", value)
    # A number is a count (of tokens, say), anything else is not written by us under such a name.
    return value if isinstance(value, int | float) or not _SECRET_KEY.search(key) else "***"
