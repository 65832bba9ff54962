import io
import json
import logging

import pytest
import structlog

from meetfleet.logs import black_out, configure_logging


@pytest.mark.parametrize("key", ["token", "link_token", "api_key", "authorization", "secret", "db_password", "cookies"])
def test_keys_that_name_a_secret_are_blacked_out(key: str):
    assert black_out(None, "info", {key: "hush", "event": "x"})[key] == "***"


def test_text_that_looks_like_a_secret_is_blacked_out_wherever_it_stands():
    event = {
        "event": "cannot connect to postgresql://user:hush@host/db",
        "url": "https://h/files/b/x?expires=1&signature=aGVsbG8_-",
        "error": "unknown key mf_live_abc-DEF_123",
        "tokens": 3,
        "bot_id": "b1",
    }
    found = black_out(None, "info", dict(event))
    assert "hush" not in found["event"]
    assert found["event"].endswith("@host/db")
    assert found["url"].endswith("signature=***")
    assert "DEF" not in found["error"]
    assert (found["bot_id"], found["tokens"]) == ("b1", 3)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(json_lines=True, level="info")
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def test_our_logs_and_those_of_libraries_come_out_alike(written: io.StringIO):
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("bot_state", state="queued")
        logging.getLogger("some.library").warning("watch %s", "out")
        structlog.get_logger().debug("not this")
    ours, theirs = (json.loads(line) for line in written.getvalue().splitlines())
    assert (ours["event"], ours["state"], ours["level"], ours["request_id"]) == ("bot_state", "queued", "info", "r1")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("watch out", "some.library", "warning")


def test_an_error_brings_its_traceback_without_the_values_of_variables(written: io.StringIO):
    hush = "mf_live_" + "x" * 20
    try:
        raise ValueError(f"no {hush}")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    line = json.loads(written.getvalue())
    assert "Traceback" in line["exception"]
    assert hush not in written.getvalue()
