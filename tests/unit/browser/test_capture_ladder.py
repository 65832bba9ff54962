"""The capture ladder under scripted evidence: time runs in steps of a quarter second."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.browser.probe.ladder import AudioLadder, Plan
from meetfleet.tape.records import Rung

STEP_NS = 250_000_000
LOUD, SILENT = -20.0, -90.0


class Meeting:
    """Feeds a ladder the same evidence for a while."""

    def __init__(self, rungs: tuple[Rung, ...] = tuple(Rung)) -> None:
        self.ladder = AudioLadder(rungs)
        self.now_ns = 1_000_000_000_000
        self.plan: Plan = self.ladder.decide(self.now_ns)

    def run(
        self,
        seconds: float,
        *,
        encoded: tuple[str, ...] = (),
        raw: tuple[str, ...] = (),
        page: bool = False,
        until: Callable[[Plan], bool] = lambda _: False,
    ) -> float:
        """Returns the seconds that passed until the plan was as asked."""
        for step in range(round(seconds * 4)):
            self.now_ns += STEP_NS
            for key in encoded:
                self.ladder.encoded_heard(key, self.now_ns)
            for key in raw:
                self.ladder.raw_heard(key, LOUD, self.now_ns, 0.25)
            self.ladder.page_heard(LOUD if page else SILENT, self.now_ns, 0.25)
            self.plan = self.ladder.decide(self.now_ns)
            if until(self.plan):
                return (step + 1) / 4
        return seconds

    def check(self, key: str, fits: bool, times: int = 1) -> None:
        for _ in range(times):
            self.ladder.checked(key, fits, "decodes into noise" if not fits else "fits")
        self.plan = self.ladder.decide(self.now_ns)


@pytest.fixture
def meeting() -> Meeting:
    return Meeting()


def test_packets_with_sound_are_taped_and_the_other_taps_sleep(meeting: Meeting) -> None:
    assert (meeting.plan.arm_raw, meeting.plan.arm_page) == (True, True)
    meeting.run(1, encoded=("a",), raw=("a",), page=True)
    meeting.check("a", fits=True)
    assert meeting.plan.rung is Rung.ENCODED
    assert (meeting.plan.arm_raw, meeting.plan.arm_page) == (False, False)


def test_decoded_sound_is_needed_until_packets_are_proven_and_again_when_they_fall_silent(meeting: Meeting) -> None:
    meeting.run(2, encoded=("a",))
    assert not meeting.plan.starve
    meeting.check("a", fits=True)
    assert meeting.plan.starve
    meeting.run(20, until=lambda plan: not plan.starve)
    assert (meeting.plan.arm_raw, meeting.plan.starve) == (True, False)


def test_decoded_sound_is_needed_at_once_where_packets_are_doubted(meeting: Meeting) -> None:
    meeting.run(2, encoded=("a",))
    meeting.check("a", fits=True)
    meeting.check("b", fits=False, times=2)
    assert not meeting.plan.starve


def test_after_a_long_silence_the_taps_listen_again(meeting: Meeting) -> None:
    meeting.run(1, encoded=("a",))
    meeting.check("a", fits=True)
    meeting.run(10)
    assert not meeting.plan.arm_page
    meeting.run(10)
    assert meeting.plan.arm_page
    assert meeting.plan.rung is Rung.ENCODED


def test_scrambled_packets_are_replaced_by_decoded_sound_since_the_first_loud_one(meeting: Meeting) -> None:
    meeting.run(2)
    spoke_ns = meeting.now_ns
    meeting.run(1, encoded=("a",), raw=("a",))
    meeting.check("a", fits=False, times=2)
    assert meeting.plan.rung is Rung.RAW
    assert meeting.plan.raw == {"a"}
    assert meeting.plan.since_ns <= spoke_ns + STEP_NS
    assert "noise" in meeting.plan.why


def test_one_bad_check_changes_nothing(meeting: Meeting) -> None:
    meeting.run(1, encoded=("a",), raw=("a",))
    meeting.check("a", fits=False)
    assert meeting.plan.rung is Rung.ENCODED


def test_only_the_scrambled_receiver_changes(meeting: Meeting) -> None:
    meeting.run(1, encoded=("a", "b"), raw=("a", "b"))
    meeting.check("b", fits=True)
    meeting.check("a", fits=False, times=2)
    assert meeting.plan.raw == {"a"}


def test_scrambled_packets_without_decoded_sound_lead_to_the_page(meeting: Meeting) -> None:
    meeting.check("a", fits=False, times=2)
    meeting.run(4, encoded=("a",), page=True, until=lambda plan: plan.rung is Rung.PAGE)
    assert meeting.plan.rung is Rung.PAGE


def test_packets_that_hold_sound_again_are_taped_again_after_three_checks(meeting: Meeting) -> None:
    meeting.run(1, encoded=("a",), raw=("a",))
    meeting.check("a", fits=False, times=2)
    meeting.check("a", fits=True, times=2)
    assert meeting.plan.rung is Rung.RAW
    meeting.check("a", fits=True)
    assert (meeting.plan.rung, meeting.plan.raw) == (Rung.ENCODED, frozenset())


def test_a_page_that_plays_sound_without_receivers_is_heard_within_a_second(meeting: Meeting) -> None:
    meeting.run(10)
    started_ns = meeting.now_ns
    assert meeting.run(5, page=True, until=lambda plan: plan.rung is Rung.PAGE) <= 1
    assert meeting.plan.since_ns <= started_ns


def test_silent_receivers_beside_a_page_that_plays_lead_to_the_page(meeting: Meeting) -> None:
    meeting.ladder.receiver_seen("a")
    assert meeting.run(5, page=True, until=lambda plan: plan.rung is Rung.PAGE) <= 3
    assert "no receiver has" in meeting.plan.why


def test_a_chime_is_no_meeting(meeting: Meeting) -> None:
    meeting.ladder.receiver_seen("a")
    meeting.run(1, page=True)
    meeting.run(10)
    assert meeting.plan.rung is Rung.ENCODED


def test_silent_packets_beside_loud_decoded_sound_lead_to_raw(meeting: Meeting) -> None:
    meeting.ladder.receiver_seen("a")
    meeting.run(5, raw=("a",), page=True, until=lambda plan: plan.rung is not Rung.ENCODED)
    assert meeting.plan.rung is Rung.RAW


def test_when_somebody_speaks_and_nothing_is_heard_the_page_serves(meeting: Meeting) -> None:
    meeting.ladder.receiver_seen("a")
    meeting.run(2)
    meeting.ladder.someone_speaks(True, meeting.now_ns)
    meeting.run(2)
    assert meeting.plan.rung is Rung.ENCODED
    meeting.run(2)
    assert meeting.plan.rung is Rung.PAGE


def test_somebody_who_speaks_and_is_heard_changes_nothing(meeting: Meeting) -> None:
    meeting.ladder.someone_speaks(True, meeting.now_ns)
    meeting.run(10, encoded=("a",), page=True)
    assert meeting.plan.rung is Rung.ENCODED


def test_receivers_that_come_later_take_over_from_the_page(meeting: Meeting) -> None:
    meeting.run(3, page=True)
    assert meeting.plan.rung is Rung.PAGE
    meeting.run(2, encoded=("a",), page=True)
    meeting.check("a", fits=True)
    meeting.run(1, encoded=("a",), page=True)
    assert meeting.plan.rung is Rung.ENCODED


def test_receivers_that_come_after_somebody_spoke_take_over_as_soon_as_one_check_fits(meeting: Meeting) -> None:
    meeting.ladder.someone_speaks(True, meeting.now_ns)
    meeting.run(5)
    assert meeting.plan.rung is Rung.PAGE
    meeting.run(2, encoded=("a",))
    meeting.check("a", fits=True)
    assert meeting.plan.rung is Rung.ENCODED


def test_the_page_rung_tries_decoded_sound_sparingly(meeting: Meeting) -> None:
    meeting.ladder.receiver_seen("a")
    meeting.run(5, page=True)
    assert meeting.plan.rung is Rung.PAGE
    armed_s = 0.0
    for _ in range(4 * 300):
        meeting.run(0.25, page=True)
        armed_s += 0.25 * meeting.plan.arm_raw
    assert 0 < armed_s < 30
    meeting.run(700, raw=("a",), page=True, until=lambda plan: plan.rung is Rung.RAW)
    assert meeting.plan.rung is Rung.RAW


def test_a_receiver_that_ends_does_not_make_the_page_take_over(meeting: Meeting) -> None:
    meeting.run(5, encoded=("a",), page=True)
    meeting.check("a", fits=True)
    meeting.ladder.receiver_gone("a")
    meeting.run(1)
    assert meeting.plan.rung is Rung.ENCODED


@pytest.mark.parametrize(("rungs", "rung"), [((Rung.RAW, Rung.PAGE), Rung.RAW), ((Rung.PAGE,), Rung.PAGE)])
def test_a_forbidden_rung_is_never_used(rungs: tuple[Rung, ...], rung: Rung) -> None:
    meeting = Meeting(rungs)
    meeting.run(1, encoded=("a",), raw=("a",), page=True)
    meeting.check("a", fits=True, times=5)
    meeting.run(20, encoded=("a",), raw=("a",), page=True)
    assert meeting.plan.rung is rung
    assert meeting.plan.raw == ({"a"} if rung is Rung.RAW else set())


evidence = st.lists(
    st.tuples(
        st.sampled_from(["encoded", "raw", "page", "good", "bad", "seen", "gone", "speaks", "silent", "wait"]),
        st.sampled_from("ab"),
        st.integers(1, 40),
    ),
    max_size=60,
)


@given(evidence, st.sets(st.sampled_from(Rung), min_size=1))
def test_whatever_happens_the_plan_is_sound(events: list[tuple[str, str, int]], allowed: set[Rung]) -> None:
    rungs = tuple(r for r in Rung if r in allowed)
    ladder, now_ns = AudioLadder(rungs), 10**12
    for what, key, steps in events:
        now_ns += steps * STEP_NS
        match what:
            case "encoded":
                ladder.encoded_heard(key, now_ns)
            case "raw":
                ladder.raw_heard(key, LOUD, now_ns, 5)
            case "page":
                ladder.page_heard(LOUD, now_ns, 5)
            case "good" | "bad":
                ladder.checked(key, what == "good", "")
            case "seen":
                ladder.receiver_seen(key)
            case "gone":
                ladder.receiver_gone(key)
            case "speaks" | "silent":
                ladder.someone_speaks(what == "speaks", now_ns)
            case _:
                pass
        plan = ladder.decide(now_ns)
        assert plan.rung in rungs
        assert not plan.raw or plan.rung is Rung.RAW
        assert plan.since_ns <= now_ns
        assert not plan.arm_raw or Rung.RAW in rungs
        assert not plan.arm_page or Rung.PAGE in rungs
        assert not plan.starve or (plan.rung is Rung.ENCODED and not plan.arm_raw and not plan.arm_page)
