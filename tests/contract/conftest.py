"""Fixtures that several contract suites share."""

import pytest
import structlog
from admin_world import admin
from v2_schemas import published, v2_schemas
from v2_served import served
from v2_world import api

__all__ = ["admin", "api", "published", "quiet_logs", "served", "v2_schemas"]


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Plain tracebacks: the default ones, with all variables drawn in boxes, take seconds each."""
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])
