"""What is to be done about a live bot, judged from evidence alone."""

import signal
from dataclasses import dataclass
from enum import StrEnum

from meetfleet.domain.end_reason import EndReason
from meetfleet.fleet.launcher import RunnerState, RunnerStatus

UNRESPONSIVE_S = 45.0
"""What a running process is given beyond its lease: a loaded machine is no reason to end a meeting."""
LOST_HOST_S = 60.0


class Action(StrEnum):
    """`wait`: all is well, or not clear yet. `restart`: it never said a word. `end`: finalise what there is."""

    WAIT = "wait"
    RESTART = "restart"
    END = "end"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a bot's process.

    Attributes:
        runner: None if no process is known.
        has_reported: Whether this take ever said anything.
        lease_overdue_s: Since when the lease has run out; negative while it holds.
        leave_overdue_s: For how long too long a request to leave has been open; negative or None if it has not.
    """

    runner: RunnerStatus | None
    has_reported: bool
    lease_overdue_s: float
    leave_overdue_s: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    action: Action
    reason: EndReason = EndReason.INTERNAL_ERROR


_WAIT = Verdict(Action.WAIT)


def decide(evidence: Evidence) -> Verdict:
    """The verdict; the same evidence always gives the same one."""
    runner = evidence.runner
    if runner is None:
        return _unknown(evidence)
    if runner.state is RunnerState.FOREIGN:
        lost = evidence.lease_overdue_s > LOST_HOST_S
        return Verdict(Action.END, EndReason.RUNNER_LOST) if lost else _WAIT
    if runner.state is RunnerState.ALIVE:
        return _alive(evidence)
    if not evidence.has_reported:
        return Verdict(Action.RESTART, reason_of_end(runner))
    return Verdict(Action.END, reason_of_end(runner))


def reason_of_end(runner: RunnerStatus) -> EndReason:
    """Why a process that did not say so itself has ended."""
    if runner.state is not RunnerState.EXITED:
        return EndReason.RUNNER_LOST
    if runner.out_of_memory:
        return EndReason.OUT_OF_MEMORY
    if runner.exit_signal == signal.SIGKILL:
        return EndReason.FORCE_KILLED
    if runner.exit_signal in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        return EndReason.TERMINATED
    return EndReason.INTERNAL_ERROR


def _unknown(evidence: Evidence) -> Verdict:
    if evidence.lease_overdue_s <= 0:
        return _WAIT
    return Verdict(Action.END if evidence.has_reported else Action.RESTART, EndReason.RUNNER_LOST)


def _alive(evidence: Evidence) -> Verdict:
    if evidence.leave_overdue_s is not None and evidence.leave_overdue_s > 0:
        return Verdict(Action.END, EndReason.API_REQUEST)
    if evidence.lease_overdue_s > UNRESPONSIVE_S:
        return Verdict(Action.END if evidence.has_reported else Action.RESTART, EndReason.RUNNER_LOST)
    return _WAIT
