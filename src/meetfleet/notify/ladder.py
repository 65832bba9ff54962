"""When a failed delivery is tried again. Source: contract.md 5.3 and 5.5."""

from collections.abc import Callable
from dataclasses import dataclass

PATIENT_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    Attributes:
        status_code: None if no answer came.
        error: What went wrong on the way, in words; None if an answer came.
        response: The beginning of the answer's body.
        timed_out: Whether the receiver took too long.
    """

    status_code: int | None
    error: str | None = None
    response: str | None = None
    duration_ms: int = 0
    timed_out: bool = False

    @property
    def delivered(self) -> bool:
        """Only 2xx counts; a redirect is a failure."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """Pauses between tries.

    Attributes:
        delays_s: One per further try.
        jitter: Each delay is varied by up to this share, so that receivers are not hit in waves.
        retries: Whether an outcome is worth another try.
        patient: Whether a busy receiver (429, timeout) is left alone for a minute.
    """

    delays_s: tuple[float, ...]
    jitter: float
    retries: Callable[[Outcome], bool]
    patient: bool

    def next_delay_s(self, attempts: int, outcome: Outcome, chance: float) -> float | None:
        """Seconds until the next try, or None if it was the last.

        Args:
            attempts: Tries so far, this one included.
            chance: Random, 0 to 1.
        """
        if attempts > len(self.delays_s) or not self.retries(outcome):
            return None
        delay_s = self.delays_s[attempts - 1] * (1 + self.jitter * (2 * chance - 1))
        busy = outcome.timed_out or outcome.status_code == 429
        return max(delay_s, PATIENT_S) if busy and self.patient else delay_s


def _broke(outcome: Outcome) -> bool:
    return outcome.status_code is None or outcome.status_code >= 500


ENDPOINT_PLAN = RetryPlan((5, 10, 300, 900, 1800, 7200), 0.2, lambda outcome: not outcome.delivered, True)
CALLBACK_PLAN = RetryPlan((1, 5, 15), 0.0, _broke, False)
