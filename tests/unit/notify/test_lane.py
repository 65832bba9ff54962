"""One receiver's queue: a bot's messages in order, a bounded number at once, gently with those that only fail."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.notify.lane import AT_ONCE, FAILING, GENTLE_PAUSE_S, WINDOW, Lane
from meetfleet.store.repositories.messages import DueMessage

ENDPOINT = uuid4()
BOTS = [uuid4() for _ in range(4)]


def message(number: int, bot: UUID | None = None, tries: int = 0) -> DueMessage:
    return DueMessage(uuid4(), number, str(ENDPOINT), ENDPOINT, bot, "bot.status_change", {}, tries, None, None)


def started(lane: Lane, now_s: float = 0.0) -> list[DueMessage]:
    """All that may be tried now."""
    found: list[DueMessage] = []
    while (one := lane.next(now_s)) is not None:
        found.append(one)
    return found


def test_only_so_many_are_under_way_at_once() -> None:
    lane = Lane(str(ENDPOINT))
    lane.take(message(n, uuid4()) for n in range(AT_ONCE + 5))
    first = started(lane)
    assert len(first) == AT_ONCE
    lane.tried(first[0], delivered=True)
    assert len(started(lane)) == 1


def test_a_full_window_asks_for_no_more_until_half_of_it_is_written_down() -> None:
    lane = Lane(str(ENDPOINT))
    messages = [message(n, uuid4()) for n in range(WINDOW)]
    lane.take(messages)
    assert lane.room == 0
    for one in messages[: WINDOW // 2]:
        lane.settled(one.id)
    assert lane.room == WINDOW // 2


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_bots_first_tries_keep_their_order_one_at_a_time_whatever_happens(data: st.DataObject) -> None:
    lane = Lane(str(ENDPOINT))
    bots = data.draw(st.lists(st.sampled_from([None, *BOTS]), max_size=30))
    waiting = [message(n, bot, data.draw(st.sampled_from([0, 0, 3]))) for n, bot in enumerate(bots)]
    under_way: list[DueMessage] = []
    tried: list[DueMessage] = []
    now_s = 0.0
    while waiting or under_way or len(tried) < len(bots):
        if waiting and (not under_way or data.draw(st.booleans())):
            count = data.draw(st.integers(1, len(waiting)))
            lane.take(waiting[:count])
            del waiting[:count]
        now_s += GENTLE_PAUSE_S
        for one in started(lane, now_s):
            fresh = one.tries == 0 and one.bot_id is not None
            assert not any(fresh and other.bot_id == one.bot_id and other.tries == 0 for other in under_way)
            under_way.append(one)
        if under_way:
            done = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            lane.tried(done, delivered=data.draw(st.booleans()))
            lane.settled(done.id)
            tried.append(done)
    for bot in BOTS:
        numbers = [one.number for one in tried if one.bot_id == bot and one.tries == 0]
        assert numbers == sorted(numbers)
    assert not lane.held


def test_a_receiver_that_only_fails_is_tried_gently_until_it_works() -> None:
    lane = Lane(str(ENDPOINT))
    for n in range(FAILING):
        lane.take([message(n)])
        (one,) = started(lane)
        lane.tried(one, delivered=False)
    lane.take([message(100), message(101), message(102)])
    (one,) = started(lane, 1.0)
    assert lane.pause_s(1.0) == pytest.approx(GENTLE_PAUSE_S)
    assert started(lane, 1.0 + GENTLE_PAUSE_S / 2) == []
    lane.tried(one, delivered=True)
    assert len(started(lane, 1.0 + GENTLE_PAUSE_S / 2)) == 2


def test_what_was_dropped_can_be_taken_again_and_holds_up_nothing() -> None:
    lane = Lane(str(ENDPOINT))
    one, behind, other = message(1, BOTS[0]), message(2, BOTS[0]), message(3, BOTS[1])
    lane.take([one, behind, other])
    first = lane.next(0.0)
    assert first == one
    lane.drop_waiting()
    assert lane.held == {one.id}
    lane.take([behind, other])
    assert started(lane) == [other]
    lane.tried(one, delivered=True)
    assert started(lane) == [behind]
