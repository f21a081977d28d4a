"""Who is where, told as stories: each line is something a source noticed, at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.identity import Disagreement, Identity, Source
from tests.addon.identity.clockwork import (
    EVERY,
    FERN,
    LAPTOP,
    NINE,
    TABLET,
    WILLOW,
    Story,
    later,
)

PLACE, OTHER, SIX = "10.0.0.7", "10.0.0.8", "fd00::7"


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_person_is_there_from_start_to_stop(story: Story) -> None:
    assert story.who(PLACE, NINE).person is None
    story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE, hardware=LAPTOP)
    assert story.who(PLACE, later(minutes=1)).person == FERN
    assert story.who(PLACE, later(minutes=1)).source == "radius"
    story.tracker.leave(Source.RADIUS, "s1", later(minutes=2))
    assert story.person(PLACE, later(minutes=2)) is None
    assert story.closed() == [(PLACE, NINE, later(minutes=2), "left")]


def test_confidence_decays_until_it_is_worth_nothing(story: Story) -> None:
    story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
    at = [later(hours=h) for h in (0, 0.5, 1, 2, 3, 3.9, 4, 5)]
    found = [story.who(PLACE, now, needed=1).confidence for now in at]
    assert found[:2] == [90, 90]
    assert found == sorted(found, reverse=True)
    assert found[-2:] == [0, 0]
    assert [story.person(PLACE, now) for now in at[:4:3]] == [FERN, FERN]
    assert story.person(PLACE, later(hours=3)) is None
    assert story.who(PLACE, later(hours=3)).confidence == 25


def test_news_of_a_session_makes_it_fresh_again(story: Story) -> None:
    story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
    assert story.tracker.refresh(Source.RADIUS, "s1", later(hours=3), later(hours=3))
    assert story.who(PLACE, later(hours=3)).confidence == 90
    assert not story.tracker.refresh(Source.RADIUS, "s2", later(hours=3), later(hours=3))


def test_silence_ends_an_interval_when_it_was_last_vouched_for(story: Story) -> None:
    story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
    story.tracker.refresh(Source.RADIUS, "s1", later(minutes=10), later(minutes=10))
    story.tracker.sweep(later(hours=5))
    assert story.closed() == [(PLACE, NINE, later(minutes=10), "silent")]


def test_a_known_end_comes_when_it_was_said_to(story: Story) -> None:
    story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE, ends=later(hours=1))
    assert story.person(PLACE, later(minutes=59)) == FERN
    assert story.person(PLACE, later(minutes=60)) is None
    story.tracker.sweep(later(minutes=61))
    assert story.closed() == [(PLACE, NINE, later(hours=1), "over")]


def test_an_arrival_ends_whoever_the_same_source_had_there(story: Story) -> None:
    story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE)
    story.arrive(Source.SIGN_IN, "b", WILLOW, later(minutes=5), address=PLACE)
    assert story.person(PLACE, later(minutes=5)) == WILLOW
    assert story.closed() == [(PLACE, NINE, later(minutes=5), "replaced")]


def test_roaming_goes_on_and_a_late_stop_for_the_old_place_changes_nothing(story: Story) -> None:
    story.arrive(Source.RADIUS, "ap1", FERN, NINE, address=PLACE, hardware=LAPTOP)
    story.arrive(Source.RADIUS, "ap2", FERN, later(seconds=9), address=PLACE, hardware=LAPTOP)
    assert not story.tracker.leave(Source.RADIUS, "ap1", later(seconds=10))
    assert story.person(PLACE, later(seconds=11)) == FERN


def test_nothing_is_filled_in_backwards(story: Story) -> None:
    story.arrive(Source.SIGN_IN, "a", FERN, later(hours=1), address=PLACE)
    story.who(PLACE, later(hours=1))
    [interval] = story.intervals.values()
    assert interval.began == later(hours=1)
    assert interval.confidence_then(later(minutes=59)) == 0
    assert interval.confidence_then(later(minutes=61)) == 95


class TestDevices:
    def test_a_session_holds_at_all_addresses_of_its_device(self, story: Story) -> None:
        story.tracker.sighted(SIX, LAPTOP, NINE, NINE)
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE, hardware=LAPTOP)
        story.tracker.sighted("fe80::7", LAPTOP, later(seconds=3), later(seconds=3))
        assert [story.person(a, later(seconds=4)) for a in (PLACE, SIX, "fe80::7")] == [FERN] * 3
        story.tracker.leave(Source.RADIUS, "s1", later(seconds=9))
        assert [story.person(a, later(seconds=9)) for a in (PLACE, SIX, "fe80::7")] == [None] * 3

    def test_without_an_address_it_waits_until_the_device_is_seen(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, hardware=LAPTOP)
        assert story.person(PLACE, NINE) is None
        story.tracker.sighted(PLACE, LAPTOP, later(seconds=2), later(seconds=2))
        assert story.person(PLACE, later(seconds=2)) == FERN

    def test_another_device_at_the_address_ends_what_was_there(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE, hardware=LAPTOP)
        story.tracker.sighted(PLACE, TABLET, later(minutes=9), later(minutes=9))
        assert story.person(PLACE, later(minutes=9)) is None
        assert story.closed() == [(PLACE, NINE, later(minutes=9), "moved")]
        # And the session goes on where its device went.
        story.tracker.sighted(OTHER, LAPTOP, later(minutes=10), later(minutes=10))
        assert story.person(OTHER, later(minutes=10)) == FERN

    def test_also_whoever_signed_in_there_while_the_device_was_not_known(
        self, story: Story
    ) -> None:
        story.tracker.sighted(PLACE, LAPTOP, NINE - timedelta(hours=1), NINE)
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE)
        assert story.person(PLACE, NINE) == FERN
        story.tracker.sighted(PLACE, TABLET, later(minutes=9), later(minutes=9))
        assert story.person(PLACE, later(minutes=9)) is None

    def test_a_sign_in_takes_the_device_that_was_just_seen_there(self, story: Story) -> None:
        story.tracker.sighted(PLACE, LAPTOP, NINE, NINE)
        story.tracker.sighted(SIX, LAPTOP, NINE, NINE)
        story.arrive(Source.SIGN_IN, "a", FERN, later(seconds=9), address=PLACE)
        assert story.person(SIX, later(seconds=9)) == FERN

    @pytest.mark.parametrize(("arrives", "at_place"), [(FERN, FERN), (WILLOW, None)])
    def test_an_arrival_where_a_session_followed_to_ends_it_if_it_is_somebody_elses(
        self, story: Story, arrives: str, at_place: str | None
    ) -> None:
        story.tracker.sighted(PLACE, LAPTOP, NINE, NINE)
        story.tracker.sighted(SIX, LAPTOP, NINE, NINE)
        story.arrive(Source.LOGON, PLACE, FERN, NINE, address=PLACE)
        assert story.person(SIX, NINE) == FERN
        # So much later that the newcomer's device cannot be told by the sighting.
        story.arrive(Source.LOGON, SIX, arrives, later(minutes=5), address=SIX)
        found = [story.person(address, later(minutes=5)) for address in (PLACE, SIX)]
        assert found == [at_place, arrives]

    def test_an_old_sighting_does_not_undo_a_newer_one(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE, hardware=LAPTOP)
        story.tracker.sighted(PLACE, TABLET, NINE - timedelta(seconds=30), later(seconds=1))
        assert story.person(PLACE, later(seconds=1)) == FERN

    def test_a_device_with_many_ipv4_addresses_is_nobodys(self, story: Story) -> None:
        for number in range(1, 5):
            story.tracker.sighted(f"10.0.1.{number}", LAPTOP, NINE, NINE)
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address="10.0.1.1")
        assert story.person("10.0.1.1", NINE) == FERN
        assert story.person("10.0.1.2", NINE) is None

    def test_what_a_lease_says_does_not_undo_what_was_seen(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=OTHER, hardware=LAPTOP)
        story.tracker.sighted(PLACE, TABLET, NINE, NINE)
        story.tracker.sighted(PLACE, LAPTOP, later(minutes=1), later(minutes=1), heard=True)
        assert story.person(PLACE, later(minutes=1)) is None
        story.tracker.sighted(PLACE, LAPTOP, later(minutes=11), later(minutes=11), heard=True)
        assert story.person(PLACE, later(minutes=11)) == FERN
        story.tracker.sighted(PLACE, TABLET, later(minutes=12), later(minutes=12), heard=True)
        assert story.person(PLACE, later(minutes=12)) is None

    def test_a_device_that_runs_through_addresses_does_not_fill_the_record(
        self, story: Story
    ) -> None:
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE, hardware=LAPTOP)
        for number in range(2000):
            story.tracker.sighted(f"fd00::{number:x}", LAPTOP, later(seconds=1), later(seconds=1))
        assert len(story.tracker.take_changes()) < 40
        assert len(story.tracker.whereabouts.addresses_of(LAPTOP)) == 0
        assert story.tracker.whereabouts.device_at("fd00::7cf")
        assert not story.tracker.whereabouts.device_at("fd00::5")

    def test_devices_without_end_are_not_remembered_without_end(self, story: Story) -> None:
        for number in range(50_010):
            made_up = f"a6:5e:60:00:{number >> 8:02x}:{number & 255:02x}"
            story.tracker.whereabouts.see(f"fd00::{number:x}", made_up, NINE)
        seen = [bool(story.tracker.whereabouts.device_at(f"fd00::{n:x}")) for n in range(50_010)]
        assert seen == [False] * 10 + [True] * 50_000

    def test_an_address_that_the_device_made_up_is_not_certain(self, story: Story) -> None:
        made_up = "a6:5e:60:00:00:01"
        story.arrive(Source.DEVICE, PLACE, FERN, NINE, address=PLACE, hardware=made_up)
        assert story.who(PLACE, NINE).confidence == 60
        assert story.person(PLACE, NINE, needed=80) is None


class TestSeveralSources:
    def test_those_that_agree_are_named_by_the_first_in_order(self) -> None:
        story = Story(Identity(sources=(Source.LEASE, Source.RADIUS)))
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
        story.arrive(Source.LEASE, PLACE, FERN, NINE, address=PLACE, hardware=LAPTOP)
        known = story.who(PLACE, NINE)
        assert (known.person, known.source, known.confidence) == (FERN, "lease", 90)

    def test_those_that_disagree_name_nobody(self, story: Story) -> None:
        story.arrive(Source.DEVICE, PLACE, WILLOW, NINE, address=PLACE, hardware=LAPTOP)
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE)
        known = story.who(PLACE, NINE)
        assert (known.person, known.confidence, known.disagree) == (None, 0, True)

    def test_unless_the_policy_believes_the_first(self) -> None:
        order = (Source.SIGN_IN, Source.DEVICE)
        story = Story(Identity(sources=order, disagreement=Disagreement.FIRST))
        story.arrive(Source.DEVICE, PLACE, WILLOW, NINE, address=PLACE, hardware=LAPTOP)
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE)
        assert story.person(PLACE, NINE) == FERN

    def test_one_that_is_no_longer_sure_disagrees_with_nobody(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", WILLOW, NINE, address=PLACE)
        story.arrive(Source.SIGN_IN, "a", FERN, later(hours=3), address=PLACE)
        assert story.person(PLACE, later(hours=3)) == FERN

    def test_one_that_the_policy_does_not_name_is_not_heard(self) -> None:
        story = Story(Identity(sources=(Source.RADIUS,)))
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE)
        assert story.person(PLACE, NINE) is None

    @pytest.mark.parametrize("shared", [PLACE, LAPTOP])
    def test_on_a_shared_device_only_who_signed_in_counts(self, shared: str) -> None:
        story = Story(Identity(sources=tuple(Source), shared=frozenset({shared})))
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE, hardware=LAPTOP)
        assert story.person(PLACE, NINE) is None
        story.arrive(Source.LOGON, PLACE, WILLOW, NINE, address=PLACE)
        assert story.person(PLACE, NINE) == WILLOW


class TestClocks:
    def test_forwards_an_interval_is_not_stretched_over_the_gap(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
        story.tracker.refresh(Source.RADIUS, "s1", later(hours=9), later(hours=9))
        assert story.closed() == [(PLACE, NINE, NINE, "replaced")]
        assert story.person(PLACE, later(hours=9)) == FERN

    def test_backwards_a_known_end_does_not_come_later(self, story: Story) -> None:
        story.arrive(Source.SIGN_IN, "a", FERN, NINE, address=PLACE, ends=later(hours=2))
        story.tracker.sweep(later(hours=1.5))
        story.tracker.sweep(later(hours=0.5))  # the clock was set back by an hour
        assert story.person(PLACE, later(minutes=59)) == FERN
        assert story.person(PLACE, later(minutes=60)) is None

    def test_backwards_who_was_where_is_told_for_both_times(self, story: Story) -> None:
        story.arrive(Source.SIGN_IN, "a", FERN, later(hours=1), address=PLACE)
        story.tracker.sweep(later(hours=2))
        story.tracker.sweep(later(hours=-1))  # set back by three hours
        story.who(PLACE, later(hours=-1))
        found = [(i.began, i.ended, i.why) for i in story.intervals.values()]
        assert found == [
            (later(hours=1), later(hours=2), "clock set back"),
            (later(hours=-1), None, ""),
        ]
        assert story.person(PLACE, later(hours=-0.5)) == FERN

    def test_backwards_age_goes_on(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
        story.tracker.sweep(later(hours=2))
        before = story.who(PLACE, later(hours=2), needed=1).confidence
        story.tracker.sweep(later(hours=-3))
        assert story.who(PLACE, later(hours=-3), needed=1).confidence == before

    def test_what_is_vouched_for_in_the_future_is_worth_nothing(self, story: Story) -> None:
        story.arrive(Source.RADIUS, "s1", FERN, NINE, address=PLACE)
        story.who(PLACE, NINE)
        assert story.person(PLACE, later(minutes=-1)) is None

    def test_sightings_do_not_stay_in_the_future(self, story: Story) -> None:
        story.tracker.sighted(PLACE, TABLET, NINE, NINE)
        story.arrive(Source.RADIUS, "s1", FERN, later(hours=-1), hardware=LAPTOP)
        at = later(hours=-1, seconds=1)
        story.tracker.sighted(PLACE, LAPTOP, at, at)
        assert story.person(PLACE, at) == FERN


def test_every_source_has_its_terms() -> None:
    story = Story(EVERY)
    for source in Source:
        story.arrive(source, "x", FERN, NINE, address=PLACE, hardware=LAPTOP)
        assert story.person(PLACE, NINE) == FERN
        story.tracker.leave(source, "x", NINE)
        assert story.person(PLACE, NINE) is None
