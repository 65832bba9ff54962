import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.control.verdict import LOST_HOST_S, UNRESPONSIVE_S, Action, Evidence, decide
from meetfleet.domain.end_reason import EndReason
from meetfleet.fleet.launcher import RunnerState, RunnerStatus

ALIVE = RunnerStatus(RunnerState.ALIVE)
GONE = RunnerStatus(RunnerState.GONE)


def exited(code: int | None = None, by: int | None = None, oom: bool = False) -> RunnerStatus:
    return RunnerStatus(RunnerState.EXITED, code, by, oom)


def test_a_bot_that_runs_and_reports_is_left_alone():
    assert decide(Evidence(ALIVE, True, lease_overdue_s=-5)).action is Action.WAIT


def test_a_running_process_gets_more_patience_than_its_lease():
    assert decide(Evidence(ALIVE, True, UNRESPONSIVE_S - 1)).action is Action.WAIT
    verdict = decide(Evidence(ALIVE, True, UNRESPONSIVE_S + 1))
    assert (verdict.action, verdict.reason) == (Action.END, EndReason.RUNNER_LOST)


def test_a_process_that_never_spoke_and_hangs_is_started_again():
    assert decide(Evidence(ALIVE, False, UNRESPONSIVE_S + 1)).action is Action.RESTART


def test_a_bot_that_will_not_leave_is_ended_as_asked():
    verdict = decide(Evidence(ALIVE, True, lease_overdue_s=-5, leave_overdue_s=1))
    assert (verdict.action, verdict.reason) == (Action.END, EndReason.API_REQUEST)
    assert decide(Evidence(ALIVE, True, lease_overdue_s=-5, leave_overdue_s=-1)).action is Action.WAIT


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (exited(by=signal.SIGKILL), EndReason.FORCE_KILLED),
        (exited(by=signal.SIGKILL, oom=True), EndReason.OUT_OF_MEMORY),
        (exited(by=signal.SIGTERM), EndReason.TERMINATED),
        (exited(by=signal.SIGSEGV), EndReason.INTERNAL_ERROR),
        (exited(code=1), EndReason.INTERNAL_ERROR),
        (GONE, EndReason.RUNNER_LOST),
    ],
)
def test_a_process_that_ended_without_a_word_tells_by_how_it_ended(status: RunnerStatus, reason: EndReason):
    verdict = decide(Evidence(status, has_reported=True, lease_overdue_s=-5))
    assert (verdict.action, verdict.reason) == (Action.END, reason)


def test_a_process_that_ended_before_it_said_anything_is_started_again():
    for status in (exited(code=1), GONE):
        assert decide(Evidence(status, has_reported=False, lease_overdue_s=-50)).action is Action.RESTART


def test_without_a_known_process_the_lease_decides():
    assert decide(Evidence(None, True, lease_overdue_s=-1)).action is Action.WAIT
    assert decide(Evidence(None, True, lease_overdue_s=1)).action is Action.END
    assert decide(Evidence(None, False, lease_overdue_s=1)).action is Action.RESTART


def test_a_bot_of_another_machine_is_lost_only_when_its_lease_is_long_over():
    foreign = RunnerStatus(RunnerState.FOREIGN)
    assert decide(Evidence(foreign, True, LOST_HOST_S - 1)).action is Action.WAIT
    assert decide(Evidence(foreign, True, LOST_HOST_S + 1)).reason is EndReason.RUNNER_LOST


statuses = st.none() | st.builds(RunnerStatus, st.sampled_from(RunnerState), st.none() | st.integers(0, 255))


@given(statuses, st.booleans(), st.none() | st.floats(-100, 0))
def test_whatever_happened_a_lease_that_is_over_for_long_leads_to_a_decision(status, reported, leave_overdue_s):
    evidence = Evidence(status, reported, lease_overdue_s=3600, leave_overdue_s=leave_overdue_s)
    assert decide(evidence).action is not Action.WAIT
