"""What a bot costs: the published table, and what must hold for any bot."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.end_reason import Charge, EndReason
from meetfleet.domain.usage import RATES, Meter, Stay, cost, lines_of

TIMES = st.floats(min_value=0, max_value=6 * 3600, allow_nan=False)
STAYS = st.builds(
    Stay,
    recorded_s=TIMES,
    waited_s=TIMES,
    transcribed_s=TIMES,
    byok_transcribed_s=TIMES,
    streamed_in_s=TIMES,
    streamed_out_s=TIMES,
)
HOUR = Stay(recorded_s=3600, waited_s=600, transcribed_s=3600, streamed_in_s=1800, streamed_out_s=3600)


def amounts(reason: EndReason, stay: Stay) -> dict[str, str]:
    return {line.meter.value: str(line.amount) for line in lines_of(reason, stay)}


# Source: contract.md 9.1 and 9.2.
@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            EndReason.NO_ATTENDEES,
            {
                "recording": "1.0000",
                "transcription": "0.2500",
                "streaming_input": "0.0500",
                "streaming_output": "0.1000",
            },
        ),
        (
            EndReason.TRANSCRIPTION_FAILED,
            {"recording": "1.0000", "streaming_input": "0.0500", "streaming_output": "0.1000"},
        ),
        (EndReason.BOT_NOT_ACCEPTED, {"recording": "0.1667"}),
        (EndReason.WAITING_ROOM_TIMEOUT, {"recording": "0.1667"}),
        (EndReason.RECORDING_START_TIMEOUT, {"recording": "0.1667"}),
        (EndReason.STOPPED_BEFORE_RECORD, {}),
        (EndReason.BOT_REMOVED_TOO_EARLY, {}),
        (EndReason.OUT_OF_MEMORY, {}),
        (EndReason.INSUFFICIENT_TOKENS, {}),
    ],
)
def test_each_outcome_is_charged_as_published(reason: EndReason, expected: dict[str, str]):
    assert amounts(reason, HOUR) == expected


def test_an_own_key_makes_transcription_cheap():
    stay = Stay(recorded_s=3600, byok_transcribed_s=3600)
    assert amounts(EndReason.API_REQUEST, stay) == {"recording": "1.0000", "byok_transcription": "0.0500"}


@pytest.mark.parametrize(("seconds", "expected"), [("0.179", "0.0000"), ("0.18", "0.0001"), ("3600", "1.0000")])
def test_half_of_the_last_decimal_is_rounded_up(seconds: str, expected: str):
    assert str(cost(Decimal(seconds), RATES[Meter.RECORDING])) == expected


@given(st.sampled_from(list(EndReason)), STAYS)
def test_every_line_follows_from_its_seconds_and_rate(reason: EndReason, stay: Stay):
    lines = lines_of(reason, stay)
    assert len({line.meter for line in lines}) == len(lines)
    for line in lines:
        assert line.seconds > 0
        assert line.rate == RATES[line.meter]
        true = Fraction(line.seconds) * Fraction(line.rate) / 3600
        assert abs(Fraction(line.amount) - true) <= Fraction(1, 20_000)
        assert line.amount >= 0
        assert line.reason


@given(st.sampled_from([r for r in EndReason if r.projection.charge is Charge.NOTHING]), STAYS)
def test_crashes_system_errors_and_stops_before_recording_cost_nothing(reason: EndReason, stay: Stay):
    assert lines_of(reason, stay) == ()


@given(st.sampled_from([r for r in EndReason if r.projection.charge is Charge.WAITING]), STAYS)
def test_who_only_waited_pays_for_waiting_only(reason: EndReason, stay: Stay):
    lines = lines_of(reason, stay)
    assert [line.meter for line in lines] in ([], [Meter.RECORDING])
    assert lines == lines_of(reason, Stay(waited_s=stay.waited_s))


@given(st.sampled_from(list(EndReason)), STAYS, st.floats(min_value=0, max_value=3600))
def test_staying_longer_never_costs_less(reason: EndReason, stay: Stay, more_s: float):
    longer = Stay(
        recorded_s=stay.recorded_s + more_s,
        waited_s=stay.waited_s + more_s,
        transcribed_s=stay.transcribed_s + more_s,
        byok_transcribed_s=stay.byok_transcribed_s + more_s,
        streamed_in_s=stay.streamed_in_s + more_s,
        streamed_out_s=stay.streamed_out_s + more_s,
    )
    total = sum(line.amount for line in lines_of(reason, stay))
    assert sum(line.amount for line in lines_of(reason, longer)) >= total
