"""When a delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.notify.ladder import CALLBACK_PLAN, ENDPOINT_PLAN, Outcome, RetryPlan

MIDDLE = 0.5
REFUSED = Outcome(500)
TIMED_OUT = Outcome(None, "No answer", timed_out=True)
UNREACHABLE = Outcome(None, "ConnectError")


def delays(plan: RetryPlan, outcome: Outcome) -> list[float]:
    found = [plan.next_delay_s(n, outcome, MIDDLE) for n in range(1, 10)]
    return [delay for delay in found if delay is not None]


def test_an_endpoint_is_tried_seven_times_over_about_three_hours() -> None:
    assert delays(ENDPOINT_PLAN, REFUSED) == [5, 10, 300, 900, 1800, 7200]


@given(st.integers(1, 6), st.floats(0, 1))
def test_delays_vary_by_a_fifth_at_most(attempt: int, chance: float) -> None:
    plain = ENDPOINT_PLAN.delays_s[attempt - 1]
    delay = ENDPOINT_PLAN.next_delay_s(attempt, REFUSED, chance)
    assert delay is not None
    assert plain * 0.8 - 1e-9 <= delay <= plain * 1.2 + 1e-9


@pytest.mark.parametrize("busy", [Outcome(429), TIMED_OUT])
def test_a_busy_receiver_is_left_alone_for_a_minute(busy: Outcome) -> None:
    assert delays(ENDPOINT_PLAN, busy) == [60, 60, 300, 900, 1800, 7200]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410, 500, 503])
def test_everything_but_2xx_is_a_failure_redirects_too(status: int) -> None:
    assert not Outcome(status).delivered
    assert delays(ENDPOINT_PLAN, Outcome(status)) != []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert Outcome(status).delivered


@pytest.mark.parametrize("outcome", [UNREACHABLE, TIMED_OUT, Outcome(500), Outcome(503)])
def test_a_callback_is_tried_again_after_network_and_server_errors(outcome: Outcome) -> None:
    assert delays(CALLBACK_PLAN, outcome) == [1, 5, 15]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429])
def test_a_callback_is_not_tried_again_after_any_other_answer(status: int) -> None:
    assert delays(CALLBACK_PLAN, Outcome(status)) == []
