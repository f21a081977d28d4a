"""What the requests just before tell of one: conversations with the memory of a worker."""

from __future__ import annotations

import pytest

from addon.evidence import Kind, Signs
from addon.just_before import JustBefore

OPENED = Signs(Kind.NAVIGATION)


def test_of_tabs_brought_back_at_once_only_the_first_is_somebodys() -> None:
    before = JustBefore()
    kinds = [before.seen_as("pc", place, OPENED, 10 + place / 20).kind for place in range(5)]
    assert kinds == [Kind.NAVIGATION] + [Kind.BACKGROUND] * 4


def test_a_page_that_is_nobodys_doing_is_still_a_page_and_keeps_its_event() -> None:
    before, page = JustBefore(), Signs(Kind.NAVIGATION, page=True)
    seen = [before.seen_as("pc", place, page, 10 + place / 20) for place in range(3)]
    before.leads("pc", "there", 11.0)
    seen.append(before.seen_as("pc", "there", page, 11.1))
    assert [signs.kind for signs in seen[1:]] == [Kind.BACKGROUND] * 3
    assert not any(signs.counted for signs in seen)


def test_and_the_first_is_unmade_when_the_second_comes() -> None:
    before = JustBefore()
    before.seen_as("pc", 1, OPENED, 10.0)
    before.opened("pc", 17)
    before.seen_as("pc", 2, OPENED, 10.1)
    assert [before.unmade("pc"), before.unmade("pc")] == [17, None]


def test_a_page_opened_earlier_or_on_the_way_is_never_unmade() -> None:
    before = JustBefore()
    before.seen_as("pc", 1, OPENED, 10.0)
    before.opened("pc", 17)
    before.seen_as("pc", 2, OPENED, 100.0)  # refused: no event stands for it
    before.seen_as("pc", 3, OPENED, 100.1)
    assert before.unmade("pc") is None
    before.seen_as("pc", 4, OPENED, 200.0)
    before.opened("pc", 18)
    before.leads("pc", 5, 200.1)
    before.seen_as("pc", 5, OPENED, 200.2)
    assert before.unmade("pc") is None


def test_pages_opened_one_after_the_other_are_each_somebodys() -> None:
    before = JustBefore()
    kinds = {before.seen_as("pc", place, OPENED, 10 + place).kind for place in range(5)}
    assert kinds == {Kind.NAVIGATION}


def test_two_devices_do_not_disturb_each_other() -> None:
    before = JustBefore()
    assert before.seen_as("pc", 1, OPENED, 10.0).kind is Kind.NAVIGATION
    assert before.seen_as("tablet", 1, OPENED, 10.1).kind is Kind.NAVIGATION


def test_a_quick_click_inside_the_site_is_one() -> None:
    before = JustBefore()
    before.seen_as("pc", 1, OPENED, 10.0)
    assert before.seen_as("pc", 2, Signs(Kind.NAVIGATION, inside=True), 10.2).deliberate


@pytest.mark.parametrize(
    ("device", "place", "moment", "kind"),
    [
        ("pc", "there", 12.0, Kind.BACKGROUND),
        ("pc", "elsewhere", 12.0, Kind.NAVIGATION),
        ("tablet", "there", 12.0, Kind.NAVIGATION),
        ("pc", "there", 50.0, Kind.NAVIGATION),
    ],
)
def test_where_a_page_leads_belongs_to_it(
    device: str, place: str, moment: float, kind: Kind
) -> None:
    before = JustBefore()
    before.seen_as("pc", "here", OPENED, 10.0)
    before.leads("pc", "there", 11.0)
    assert before.seen_as(device, place, OPENED, moment).kind is kind


def test_a_redirection_is_followed_once() -> None:
    before = JustBefore()
    before.leads("pc", "there", 11.0)
    assert not before.seen_as("pc", "there", OPENED, 12.0).deliberate
    assert before.seen_as("pc", "there", OPENED, 20.0).deliberate


def used(before: JustBefore, moments: list[float]) -> list[bool]:
    return [before.in_use("page", "feed", moment) for moment in moments]


def test_a_timer_is_no_use_of_a_page_from_its_third_beat_on() -> None:
    assert used(JustBefore(), [60.0 * beat for beat in range(6)]) == [True] * 2 + [False] * 4


def test_a_timer_that_the_browser_slows_down_stays_a_timer() -> None:
    moments = [0.0, 5.0, 10.1, 15.0, 75.0, 135.2]
    assert used(JustBefore(), moments) == [True, True, False, False, False, False]


def test_scrolling_is_use_of_a_page() -> None:
    assert all(used(JustBefore(), [0.0, 3.0, 4.1, 9.5, 11.0, 23.0, 25.0]))


def test_pictures_that_come_all_at_once_are_no_timer() -> None:
    assert all(used(JustBefore(), [0.0, 0.01, 0.02, 0.03]))


def test_a_timer_is_found_out_anew_when_the_person_does_something() -> None:
    before = JustBefore()
    assert used(before, [0.0, 60.0, 120.0]) == [True, True, False]
    before.acts("page")
    assert used(before, [180.0]) == [True]


def test_a_refusal_repeated_within_a_minute_of_the_last_is_the_same_event() -> None:
    before = JustBefore()
    assert before.repeats("app", 0.0) is None
    before.refused("app", 17, 0.0)
    assert [before.repeats("app", moment) for moment in (30.0, 80.0, 139.0)] == [17] * 3
    assert before.repeats("another", 140.0) is None
    assert before.repeats("app", 200.0) is None


def test_it_remembers_no_more_than_it_may() -> None:
    before = JustBefore()
    for number in range(10_001):
        before.refused(number, number, 0.0)
    assert before.repeats(0, 1.0) is None
    assert before.repeats(10_000, 1.0) == 10_000


FRAME = Signs(Kind.EMBED, framed=True)
FETCHED = Signs(Kind.BACKGROUND, inside=True, used=True)


def test_what_a_page_in_another_sites_frame_asks_for_is_embedded_too() -> None:
    before = JustBefore()
    before.asked_by("pc", None, "widget", FRAME)
    assert before.asked_by("pc", "widget", "data", FETCHED) == Signs(Kind.EMBED)
    assert before.asked_by("pc", "feed", "data", FETCHED) is FETCHED
    assert before.asked_by("tablet", "widget", "data", FETCHED) is FETCHED


def test_a_frame_within_such_a_frame_is_no_different() -> None:
    before = JustBefore()
    before.asked_by("pc", None, "widget", FRAME)
    before.asked_by("pc", "widget", "inner", Signs(Kind.BACKGROUND, inside=True, framed=True))
    assert before.asked_by("pc", "inner", "data", FETCHED).kind is Kind.EMBED


def test_a_click_in_such_a_frame_is_an_action_from_elsewhere() -> None:
    before = JustBefore()
    before.asked_by("pc", None, "widget", FRAME)
    like = before.asked_by("pc", "widget", "like", Signs(Kind.ACTION, inside=True))
    assert (like.kind, like.inside) == (Kind.ACTION, False)


def test_a_click_in_such_a_frame_that_opens_a_page_was_led_from_elsewhere() -> None:
    before = JustBefore()
    before.asked_by("pc", None, "widget", FRAME)
    page = before.asked_by("pc", "widget", "post", Signs(Kind.NAVIGATION, inside=True, page=True))
    assert (page.kind, page.inside, page.done) == (Kind.NAVIGATION, False, "follow")


def test_a_page_that_is_opened_in_a_tab_of_its_own_is_framed_no_more() -> None:
    before = JustBefore()
    before.asked_by("pc", None, "widget", FRAME)
    before.seen_as("pc", "widget", OPENED, 10.0)
    assert before.asked_by("pc", "widget", "data", FETCHED) is FETCHED
