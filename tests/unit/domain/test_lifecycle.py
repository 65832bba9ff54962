"""The one lifecycle."""

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.lifecycle import FINAL, LIVE, BotState, may_follow

states = st.sampled_from(list(BotState))
ORDER = list(BotState)


@given(states, states)
def test_a_final_state_is_left_only_to_transcribe_again(current: BotState, following: BotState) -> None:
    if current.is_final and may_follow(current, following):
        assert following is BotState.TRANSCRIBING
        assert current is not BotState.CANCELLED


@given(states)
def test_no_state_follows_itself(state: BotState) -> None:
    assert not may_follow(state, state)


def test_every_state_can_reach_an_end_and_can_be_reached() -> None:
    for state in BotState:
        assert state.is_final or _reachable(state) & FINAL
        assert state is BotState.SCHEDULED or state in _reachable(BotState.SCHEDULED)


def test_a_live_bot_can_always_fail_or_be_processed() -> None:
    assert all(may_follow(s, BotState.FAILED) and may_follow(s, BotState.PROCESSING) for s in LIVE if s.is_live)


@given(states, states)
def test_the_way_through_a_call_never_leads_back_before_it(current: BotState, following: BotState) -> None:
    in_call = ORDER.index(BotState.IN_CALL)
    if current.is_live and ORDER.index(current) >= in_call and may_follow(current, following):
        assert ORDER.index(following) >= in_call


def _reachable(start: BotState) -> frozenset[BotState]:
    found: set[BotState] = set()
    queue = [start]
    while queue:
        state = queue.pop()
        fresh = {s for s in BotState if may_follow(state, s)} - found
        found |= fresh
        queue.extend(fresh)
    return frozenset(found)
