"""The pages about the API say what the code does."""

import re
from pathlib import Path

import pytest

from meetfleet.api.v2.requests import CreateBotRequestBody
from meetfleet.domain.dialects import v2
from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES, Event
from meetfleet.domain.end_reason import EndReason

DOCS = Path(__file__).parents[3] / "docs"
NOT_YET = {
    "FST_ERR_INSUFFICIENT_TOKENS",
    "FST_ERR_DAILY_BOT_CAP_REACHED",
    "FST_ERR_TOO_MANY_REQUESTS",
    "FST_ERR_CONFLICT",
    "FST_ERR_UNPROCESSABLE",
}


def words_of(page: str) -> set[str]:
    return set(re.findall(r"`([^`\s]+)`", (DOCS / page).read_text()))


def test_every_field_of_create_is_said_to_work_or_to_be_stored_only() -> None:
    assert set(CreateBotRequestBody.model_fields) <= words_of("status.md")


def test_every_error_code_that_can_be_answered_is_explained() -> None:
    errors = {v2.code_of(code, 0) for code in v2._CODES} | {v2.code_of("", status) for status in v2.PHRASES}
    assert errors - NOT_YET <= words_of("api-v2.md")


@pytest.mark.parametrize("reason", EndReason)
def test_every_way_to_fail_is_explained(reason: EndReason) -> None:
    later = {"STREAMING_SETUP_FAILED", "TRANSCRIPTION_FAILED", "INSUFFICIENT_TOKENS", "DAILY_BOT_CAP_REACHED"}
    code = reason.projection.v2_code
    if reason.is_failure and code not in later | {"BOT_ALREADY_EXISTS"}:
        assert code in words_of("api-v2.md")


def test_every_event_and_every_file_is_explained() -> None:
    assert {event.value for event in Event} <= words_of("webhooks.md")
    assert set(ARTIFACT_NAMES) | set(ARTIFACT_NAMES.values()) <= words_of("api-v2.md")
