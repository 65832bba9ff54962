"""What a bot costs: pure rules. Source: contract.md 9.1 and 9.2."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from meetfleet.domain.end_reason import Charge, EndReason

RESERVATION = Decimal("0.5")
"""Tokens set aside for a bot under way. Source: contract.md 9.2."""
_HOUR_S = Decimal(3600)
_UNIT = Decimal("0.0001")
_MILLISECOND = Decimal("0.001")


class Meter(StrEnum):
    """What is charged for."""

    RECORDING = "recording"
    TRANSCRIPTION = "transcription"
    BYOK_TRANSCRIPTION = "byok_transcription"
    STREAMING_INPUT = "streaming_input"
    STREAMING_OUTPUT = "streaming_output"


RATES = {
    Meter.RECORDING: Decimal("1.00"),
    Meter.TRANSCRIPTION: Decimal("0.25"),
    Meter.BYOK_TRANSCRIPTION: Decimal("0.05"),
    Meter.STREAMING_INPUT: Decimal("0.10"),
    Meter.STREAMING_OUTPUT: Decimal("0.10"),
}
"""Tokens per hour. Source: contract.md 9.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What a bot did, as far as it can cost something.

    Attributes:
        recorded_s: Without pauses.
        waited_s: In a waiting room, or for the host.
        transcribed_s: Sound of which a transcript was delivered.
        byok_transcribed_s: The same, made with the team's own key of the provider.
        streamed_in_s, streamed_out_s: Sound that was sent into the meeting, and out of it.
    """

    recorded_s: float = 0.0
    waited_s: float = 0.0
    transcribed_s: float = 0.0
    byok_transcribed_s: float = 0.0
    streamed_in_s: float = 0.0
    streamed_out_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a bot is charged for.

    Attributes:
        seconds: To the millisecond.
        rate: Tokens per hour.
        amount: Tokens, to the fourth decimal.
        reason: What it is, in words.
    """

    meter: Meter
    seconds: Decimal
    rate: Decimal
    amount: Decimal
    reason: str


def lines_of(reason: EndReason, stay: Stay) -> tuple[Line, ...]:
    """What a bot is charged that ended for this reason; at most one line a meter, none without any time."""
    match reason.projection.charge:
        case Charge.NOTHING:
            found: Iterable[Line | None] = ()
        case Charge.WAITING:
            found = (_line(Meter.RECORDING, stay.waited_s, "Waited to be let in."),)
        case Charge.RECORDING:
            found = (_line(Meter.RECORDING, stay.recorded_s, "Recorded."), *_extras(reason, stay))
    return tuple(line for line in found if line is not None)


def exact(amount: Decimal) -> Decimal:
    """To the fourth decimal, half up."""
    return amount.quantize(_UNIT, ROUND_HALF_UP)


def cost(seconds: Decimal, rate: Decimal) -> Decimal:
    """Tokens for a time at a rate per hour."""
    return exact(seconds * rate / _HOUR_S)


def _extras(reason: EndReason, stay: Stay) -> Iterable[Line | None]:
    if reason is not EndReason.TRANSCRIPTION_FAILED:
        yield _line(Meter.TRANSCRIPTION, stay.transcribed_s, "Transcribed.")
        yield _line(Meter.BYOK_TRANSCRIPTION, stay.byok_transcribed_s, "Transcribed with the team's own key.")
    yield _line(Meter.STREAMING_INPUT, stay.streamed_in_s, "Streamed sound into the meeting.")
    yield _line(Meter.STREAMING_OUTPUT, stay.streamed_out_s, "Streamed sound out of the meeting.")


def _line(meter: Meter, time_s: float, reason: str) -> Line | None:
    seconds = Decimal(str(time_s)).quantize(_MILLISECOND, ROUND_HALF_UP)
    if seconds <= 0:
        return None
    return Line(meter, seconds, RATES[meter], cost(seconds, RATES[meter]), reason)
