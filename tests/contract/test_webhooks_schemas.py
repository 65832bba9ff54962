"""Every body that can be sent, judged by the published schemas: each status, each way to end."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from v2_schemas import V2Schemas

from meetfleet.domain.dialects.v2 import Event, Status, Timeline
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState, may_follow
from meetfleet.notify.payloads import v2
from meetfleet.notify.payloads.examples import example
from meetfleet.store.recording import Person, Recording
from meetfleet.store.tables import ArtifactStatus, BotEventRow, BotRow

AT = datetime(2026, 11, 21, 10, 0, 5, 120_000, UTC)
BOT_ID = UUID("0190a0b0-0000-7000-8000-000000000001")


def bot(**more: Any) -> BotRow:
    row = BotRow(id=BOT_ID, options={}, extra=None, duration_s=None, joined_at=None, exited_at=None)
    for name, value in more.items():
        setattr(row, name, value)
    return row


def told(row: BotRow, state: BotState, reason: EndReason | None, status: Status) -> dict[str, Any]:
    event = BotEventRow(bot_id=row.id, at=AT, state=state, reason=reason)
    return v2.status_change(v2.About.of(row), v2.status_context(row, event, status))


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", [None, EndReason.BOT_NOT_ACCEPTED])
def test_every_status_can_be_told(published: V2Schemas, status: Status, reason: EndReason | None) -> None:
    row = bot(recording_started_at=AT, extra={"a": [1]}, options={"event_id": str(BOT_ID)})
    published.check_webhook(told(row, BotState.RECORDING, reason, status))


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_can_be_told_as_webhook_and_as_callback(published: V2Schemas, reason: EndReason) -> None:
    row = bot(end_reason=reason)
    body = v2.failed(row, AT)
    published.check_webhook(body)
    published.check_callback(body)
    recorded = bot(end_reason=reason, duration_s=61.6, joined_at=AT, exited_at=AT)
    files = dict.fromkeys(["video.mp4", "output.flac", "diarization.jsonl"], ArtifactStatus.READY)
    for recording in (Recording(), Recording([Person("Ann", 1, True), Person("", 2)], files)):
        body = v2.completed(recorded, recording, lambda bot_id, name: f"https://b.example.org/{bot_id}/{name}", AT)
        published.check_webhook(body)
        published.check_callback(body)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_life_that_the_lifecycle_allows_is_told_in_words_of_the_schema(
    published: V2Schemas, data: st.DataObject
) -> None:
    state, timeline, reason, codes = BotState.QUEUED, Timeline(), None, []
    row = bot()
    while not state.is_final:
        for status in timeline.advance(state, reason):
            published.check_webhook(told(row, state, reason, status))
            codes.append(status)
        following = [one for one in BotState if may_follow(state, one) and one is not BotState.CANCELLED]
        # The short ways first: they are the simple examples.
        state = data.draw(st.sampled_from(sorted(following, key=lambda one: not one.is_final)))
        if state in (BotState.LEAVING, BotState.PROCESSING, BotState.FAILED) and reason is None:
            reason = data.draw(st.sampled_from(EndReason))
    codes += timeline.advance(state, reason)
    assert codes[0] is Status.QUEUED
    assert codes[-1].value == state.value
    assert all(one is not other for one, other in itertools.pairwise(codes))


@pytest.mark.parametrize("event", Event)
def test_every_example_is_one(published: V2Schemas, event: Event) -> None:
    published.check_webhook(example(event, AT))
