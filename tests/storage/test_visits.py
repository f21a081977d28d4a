"""How long a visit was, as a range: small days, told act by act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.visits import Act, Visit, visits_of

NINE = datetime(2026, 11, 18, 9, tzinfo=UTC)


def act(
    seconds: float,
    site: str = "x",
    *,
    inside: bool = True,
    seen: float | None = None,
    rule: str = "news",
    outcome: str = "purpose",
) -> Act:
    """An act so many seconds after nine, numbered by the line it is told in (see `day`)."""
    return Act(
        id=0,
        at=NINE + timedelta(seconds=seconds),
        site=site,
        outcome=outcome,
        rule=rule,
        action="view",
        inside=inside,
        seen=None if seen is None else NINE + timedelta(seconds=seen),
    )


def day(*acts: Act) -> list[Visit]:
    return list(
        visits_of(
            Act(number, one.at, one.site, one.outcome, one.rule, one.action, one.inside, one.seen)
            for number, one in enumerate(acts, 1)
        )
    )


def bounds(*acts: Act) -> list[tuple[str, int, int | None]]:
    return [(visit.site, visit.at_least, visit.at_most) for visit in day(*acts)]


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([act(0)], [("x", 0, None)], id="a lone opening has no upper bound"),
        pytest.param(
            [act(0, seen=4)], [("x", 0, None)], id="that a page loaded shows nobody's presence"
        ),
        pytest.param([act(0, seen=300)], [("x", 0, 300)], id="a page used for five minutes"),
        pytest.param([act(0), act(60)], [("x", 60, None)], id="nothing for the last act"),
        pytest.param([act(0), act(60, seen=90)], [("x", 60, 90)], id="and used afterwards"),
        pytest.param([act(0), act(120, seen=200)], [("x", 120, 200)], id="two minutes count"),
        pytest.param([act(0), act(121, seen=200)], [("x", 0, 200)], id="more prove nothing"),
        pytest.param(
            [act(0), act(60, inside=False, seen=90)],
            [("x", 0, 90)],
            id="who comes back from elsewhere may have been away",
        ),
        pytest.param(
            [act(0), act(40, "linkedin"), act(60, seen=80)],
            [("x", 0, 40), ("linkedin", 0, 20), ("x", 0, 20)],
            id="each moment belongs to one site",
        ),
        pytest.param(
            [act(0, seen=50), act(40, "linkedin", seen=60)],
            [("x", 0, 40), ("linkedin", 0, 20)],
            id="a page left open elsewhere is not counted twice",
        ),
        pytest.param(
            [act(0), act(1801)], [("x", 0, None), ("x", 0, None)], id="silence ends a visit"
        ),
        pytest.param(
            [act(0, seen=600), act(2000, seen=2100)],
            [("x", 0, 2100)],
            id="unless the page was used meanwhile",
        ),
        pytest.param(
            [act(0), act(7200, "linkedin")],
            [("x", 0, None), ("linkedin", 0, None)],
            id="an act much later elsewhere bounds nothing",
        ),
        pytest.param(
            [
                act(0),
                act(30, rule="lesson#7", outcome="grant"),
                act(60, rule="lesson#7", outcome="grant", seen=80),
            ],
            [("x", 30, 30), ("x", 30, 50)],
            id="time under a grant is a visit of its own",
        ),
        pytest.param(
            [act(0), act(-3600), act(-3550, seen=-3500)],
            [("x", 0, None), ("x", 50, 100)],
            id="a clock set back stretches nothing",
        ),
        pytest.param([act(0), act(90_000)], [("x", 0, None)] * 2, id="nor does one set forward"),
        pytest.param([act(0), act(0.4, seen=20.2)], [("x", 0, 21)], id="rounded down and up"),
    ],
)
def test_bounds(acts: list[Act], expected: list[tuple[str, int, int | None]]) -> None:
    assert bounds(*acts) == expected


def test_a_visit_across_midnight_is_one() -> None:
    late = 15 * 3600 - 30
    (visit,) = day(act(late), act(late + 60), act(late + 100, seen=late + 130))
    assert (visit.began.day, visit.last.day, visit.acts) == (18, 19, 3)
    assert (visit.at_least, visit.at_most) == (100, 130)


def test_bounds_that_are_far_apart_tell_nothing() -> None:
    (told,) = day(act(0), act(100, seen=500))
    assert told.can_tell
    (untold,) = day(act(0), act(10, seen=500))
    assert not untold.can_tell
    (open_ended,) = day(act(0), act(100))
    assert not open_ended.can_tell


def test_a_polling_tab_adds_nothing() -> None:
    """Field notes: five openings and four and a half minutes, with a tab left polling all day."""
    opened = [0, 50, 100, 160, 215]
    visits = day(*(act(each) for each in opened[:-1]), act(215, seen=270))
    assert [(visit.at_least, visit.at_most) for visit in visits] == [(215, 270)]
