"""Which answers of the link mean that nobody waits for the bot any more."""

import pytest

from meetfleet.bot.disowning import PATIENCE_S, TIMES, Disowning

SECOND = 1_000_000_000


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_denial_counts_only_when_it_lasts_and_comes_often(status: int) -> None:
    link, step_s = Disowning(), PATIENCE_S / TIMES
    verdicts = [link.answered(status, round(n * step_s * SECOND)) for n in range(TIMES + 1)]
    assert verdicts == [False] * TIMES + [True]


def test_many_denials_in_a_moment_are_a_server_that_restarts() -> None:
    link = Disowning()
    assert not any(link.answered(401, n * 1_000_000) for n in range(50))


def test_one_other_answer_begins_the_count_anew() -> None:
    link = Disowning()
    for n in range(TIMES):
        link.answered(404, n * 10 * SECOND)
    assert not link.answered(200, 55 * SECOND)
    assert not link.answered(404, 70 * SECOND)


def test_a_server_in_trouble_disowns_nobody() -> None:
    link = Disowning()
    assert not any(link.answered(503, n * 60 * SECOND) for n in range(50))


def test_a_bot_that_is_no_longer_served_is_told_so_once() -> None:
    assert Disowning().answered(409, 0)
