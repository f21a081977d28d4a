"""Rounds of what nobody waits for: about once a second, and seldom where they take long."""

from __future__ import annotations

import time

from storage.later import EVERY, Later


def waiting() -> Later:
    """Something is to be done, and the round before has just been taken."""
    later = Later()
    later.unsettle()
    assert later.due()
    later.take()
    later.unsettle()
    return later


def test_the_next_round_comes_after_a_second() -> None:
    later = waiting()
    later.done(took=0.01)
    assert not later.due()
    time.sleep(EVERY + 0.01)
    assert later.due()


def test_rounds_that_take_long_leave_the_record_to_others_for_most_of_the_time() -> None:
    later = waiting()
    later.done(took=60)
    time.sleep(EVERY + 0.01)
    assert not later.due()


def test_what_failed_comes_again_with_what_came_meanwhile() -> None:
    later = Later()
    later.use("a.larch", "x", 5)
    later.no_act("a.larch", 1)
    failed = later.take()
    assert not later
    later.use("a.larch", "x", 3)
    later.no_act("a.larch", 2)
    later.put_back(failed)
    assert later.take() == ({("a.larch", "x"): 5}, [("a.larch", 1), ("a.larch", 2)])
