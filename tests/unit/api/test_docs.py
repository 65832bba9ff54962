"""The pages about the API say what the code does."""

import re
from pathlib import Path

import pytest

from meetfleet.api.v2.error_page import error_page
from meetfleet.api.v2.requests import CreateBotRequestBody
from meetfleet.domain.dialects import v2
from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES, Event
from meetfleet.domain.dialects.v2_errors import ERRORS, INTERNAL_CODE
from meetfleet.domain.end_reason import EndReason

DOCS = Path(__file__).parents[3] / "docs"


def words_of(page: str) -> set[str]:
    return set(re.findall(r"`([^`\s]+)`", (DOCS / page).read_text()))


def test_every_field_of_create_is_said_to_work_or_to_be_stored_only() -> None:
    assert set(CreateBotRequestBody.model_fields) <= words_of("status.md")


def test_the_page_of_errors_is_what_the_code_makes() -> None:
    assert (DOCS / "errors.md").read_text() == error_page() + "\n", (
        "python -m meetfleet.api.v2.error_page > docs/errors.md"
    )


@pytest.mark.parametrize("status", v2.PHRASES)
def test_whatever_is_answered_has_a_code_that_is_explained(status: int) -> None:
    codes = {error.code for error in ERRORS if error.status == status}
    assert v2.code_of("something new", status) in codes | {INTERNAL_CODE}
    assert codes <= words_of("errors.md")


@pytest.mark.parametrize("reason", EndReason)
def test_every_way_to_end_is_explained(reason: EndReason) -> None:
    assert reason.projection.v2_code in words_of("errors.md")


def test_every_event_and_every_file_is_explained() -> None:
    assert {event.value for event in Event} <= words_of("webhooks.md")
    assert set(ARTIFACT_NAMES) | set(ARTIFACT_NAMES.values()) <= words_of("api-v2.md")
