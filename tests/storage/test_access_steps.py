"""The present, computed from the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.access_steps import Present, Step, What, present

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)


def grant(number: int, person: str = "larch", site: str = "x") -> Step:
    return Step(
        id=number, at=NINE, what=What.GRANT, person=person, by="oak", site=site, starts=NINE,
        until=TEN, purpose="lesson",
    )  # fmt: skip


def step(number: int, what: What, person: str = "larch", site: str | None = None) -> Step:
    return Step(id=number, at=NINE, what=what, person=person, by="oak", site=site)


REVOKE, WITHDRAW, RESTORE = What.REVOKE, What.WITHDRAW, What.RESTORE


@pytest.mark.parametrize(
    ("steps", "granted", "withdrawn"),
    [
        ([], [], []),
        ([grant(1)], [1], []),
        ([grant(1), grant(2)], [1, 2], []),
        ([grant(1), step(2, REVOKE, site="x")], [], []),
        ([grant(1), step(2, REVOKE, site="reddit")], [1], []),
        ([grant(1), step(2, REVOKE, "maple", "x")], [1], []),
        ([grant(1), step(2, REVOKE, site="x"), grant(3)], [3], []),
        ([step(1, REVOKE, site="x"), grant(2)], [2], []),
        ([grant(1), step(2, WITHDRAW)], [], ["larch"]),
        ([grant(1), step(2, WITHDRAW, "maple")], [1], ["maple"]),
        ([grant(1), step(2, WITHDRAW), step(3, RESTORE)], [], []),
        ([step(1, WITHDRAW), step(2, RESTORE), step(3, WITHDRAW)], [], ["larch"]),
        ([step(1, RESTORE)], [], []),
        ([step(1, WITHDRAW), step(2, WITHDRAW), step(3, RESTORE)], [], []),
    ],
)
def test_what_a_history_comes_to(
    steps: list[Step], granted: list[int], withdrawn: list[str]
) -> None:
    found = present(steps)
    assert [each.id for each in found.grants] == granted
    assert sorted(found.withdrawn) == withdrawn


def test_a_second_withdrawal_leaves_the_first_ones_reason() -> None:
    found = present([step(1, WITHDRAW), step(2, WITHDRAW)])
    assert found.withdrawn["larch"].id == 1


PEOPLE, SITES = st.sampled_from(["larch", "maple"]), st.sampled_from(["x", "reddit"])


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    kinds = draw(st.lists(st.tuples(st.sampled_from(What), PEOPLE, SITES), max_size=30))
    return [
        grant(number, person, site)
        if what is What.GRANT
        else step(number, what, person, site if what is What.REVOKE else None)
        for number, (what, person, site) in enumerate(kinds, 1)
    ]


@given(histories())
def test_each_answer_depends_only_on_what_came_after(steps: list[Step]) -> None:
    found = present(steps)
    open_ = {
        each.id
        for number, each in enumerate(steps)
        if each.what is What.GRANT
        and not any(
            later.person == each.person
            and (later.what is WITHDRAW or (later.what is REVOKE and later.site == each.site))
            for later in steps[number:]
        )
    }
    assert {each.id for each in found.grants} == open_
    for person in ("larch", "maple"):
        words = [s.what for s in steps if s.person == person and s.what in (WITHDRAW, RESTORE)]
        assert (person in found.withdrawn) is (words[-1:] == [WITHDRAW])
        assert (person in found.restored) is (words[-1:] == [RESTORE])


@given(histories())
def test_nobody_who_is_withdrawn_has_a_grant_from_before(steps: list[Step]) -> None:
    found = present(steps)
    for each in found.grants:
        if taken := found.withdrawn.get(each.person):
            assert taken.id < each.id


@given(histories(), histories())
def test_a_later_step_never_brings_back_what_has_ended(steps: list[Step], more: list[Step]) -> None:
    before = {each.id for each in present(steps).grants}
    numbered = [*steps, *(s for s in more if s.what is not What.GRANT)]
    assert {each.id for each in present(numbered).grants} <= before


def test_nothing_comes_of_nothing() -> None:
    assert present([]) == Present()


@pytest.mark.parametrize(
    ("moment", "live"),
    [
        (NINE - timedelta(microseconds=1), False),
        (NINE, True),
        (TEN - timedelta(microseconds=1), True),
        (TEN, False),
    ],
)
def test_a_grant_is_live_from_its_beginning_until_its_end(moment: datetime, live: bool) -> None:
    assert grant(1).is_live(moment) is live


def test_a_grants_reference_says_purpose_and_number() -> None:
    assert grant(17).reference == "lesson#17"


@pytest.mark.parametrize(
    "faulty",
    [
        {"what": What.GRANT},
        {"what": What.GRANT, "site": "x"},
        {"what": What.GRANT, "site": "x", "starts": TEN, "until": NINE},
        {"what": What.GRANT, "site": "x", "starts": NINE, "until": NINE},
        {"what": What.REVOKE},
        {"what": What.WITHDRAW, "site": "x"},
        {"what": What.WITHDRAW, "until": TEN},
        {"what": What.RESTORE, "purpose": "lesson"},
        {"what": What.RESTORE, "person": ""},
        {"what": What.RESTORE, "by": ""},
        {"what": What.WITHDRAW, "reason": "two\nlines"},
        {"what": What.WITHDRAW, "reason": "x" * 501},
    ],
)
def test_a_step_that_could_not_be_understood_is_none(faulty: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Step(**{"at": NINE, "person": "larch", "by": "oak", **faulty})  # type: ignore[arg-type]
