"""RADIUS packets, made by pyrad's own client side: which count, and what they come to."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyrad.packet import AccountingRequest, AcctPacket

from addon.identity.radius_order import REMEMBERED, Order
from addon.identity.radius_packets import (
    Refused,
    Report,
    Status,
    answer_to,
    read_packet,
    report_of,
)
from addon.identity.radius_sessions import RadiusSessions
from rules.identity import Signature
from tests.addon.identity.clockwork import FERN, LAPTOP, NINE, TABLET, WILLOW, Story, later

SECRET = b"a secret for the tests"
PLACE = "10.0.0.7"


def made(
    *attributes: tuple[int, bytes], secret: bytes = SECRET, signed: bool = False, number: int = 1
) -> bytes:
    packet = AcctPacket(AccountingRequest, number, secret, message_authenticator=signed)
    for code, value in attributes:
        packet.setdefault(code, []).append(value)
    return bytes(packet.RequestPacket())


def report(data: bytes) -> Report | None:
    return report_of(read_packet(data, SECRET, Signature.CHECKED))


START = (40, struct.pack("!I", 1))


def test_everything_a_packet_says_is_understood() -> None:
    data = made(
        START,
        (1, b"SCHOOL\\fern"),
        (4, bytes([10, 9, 0, 1])),
        (8, bytes([10, 0, 0, 7])),
        (31, b"A4-5E-60-00-00-01"),
        (41, struct.pack("!I", 3)),
        (44, b"5A3F"),
        (55, struct.pack("!I", 1_795_000_000)),
        signed=True,
    )
    assert report(data) == Report(
        Status.START, "10.9.0.1", "5A3F", "SCHOOL\\fern", PLACE, "a4:5e:60:00:00:01", 3,
        1_795_000_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attribute", "field", "value"),
    [
        ((31, b"a45e.6000.0001"), "hardware", "a4:5e:60:00:00:01"),
        ((31, b"10.0.0.7"), "hardware", ""),
        ((8, b"\xff\xff\xff\xfe"), "address", ""),
        ((8, b"\x0a"), "address", ""),
        ((168, bytes.fromhex("fd000000000000000000000000000007")), "address", "fd00::7"),
        ((32, b"ap-hall"), "nas", "ap-hall"),
        ((1, b"fern\x00"), "user", "fern"),
        ((1, b"fe\x1brn"), "user", ""),
        ((41, struct.pack("!I", 2**32 - 1)), "delay", 86_400),
        ((41, b"\x01"), "delay", 0),
    ],
)
def test_an_attribute_that_makes_no_sense_says_nothing(
    attribute: tuple[int, bytes], field: str, value: Any
) -> None:
    found = report(made(START, attribute))
    assert found is not None
    assert getattr(found, field) == value


def test_a_status_that_is_not_about_sessions_is_answered_and_left() -> None:
    packet = read_packet(made((40, struct.pack("!I", 15))), SECRET, Signature.CHECKED)
    assert report_of(packet) is None
    assert answer_to(packet)[0] == 5


REFUSED: list[tuple[bytes, Signature, str]] = [
    (made(START, secret=b"another secret here"), Signature.CHECKED, "secret"),
    (made(START), Signature.NEEDED, "no Message-Authenticator"),
    (made(START, (80, bytes(16))), Signature.CHECKED, "Message-Authenticator is wrong"),
    (made(START, (80, bytes(4))), Signature.CHECKED, "Message-Authenticator is wrong"),
    (b"", Signature.CHECKED, "no accounting request"),
    (bytes(20), Signature.CHECKED, "no accounting request"),
    (made(START)[:-1], Signature.CHECKED, "makes no sense"),
    (bytes([4, 1, 0, 22]) + bytes(16) + b"\x28\x01", Signature.CHECKED, "makes no sense"),
    (bytes([4, 1, 0, 21]) + bytes(16) + b"\x28", Signature.CHECKED, "makes no sense"),
    (bytes([4, 1, 0, 20]) + bytes(16), Signature.CHECKED, "secret"),
]


@pytest.mark.parametrize(("data", "signature", "why"), REFUSED)
def test_what_proves_nothing_is_refused(data: bytes, signature: Signature, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_packet(data, SECRET, signature)


def test_the_answer_brings_back_the_proxy_states_in_their_order() -> None:
    packet = read_packet(made(START, (33, b"one"), (33, b"two")), SECRET, Signature.CHECKED)
    assert answer_to(packet)[20:] == b"\x21\x05one\x21\x05two"


class Reports:
    """A conversation with one access point."""

    def __init__(self, known: Iterable[tuple[str, str, datetime]] = ()) -> None:
        self.story = Story()
        people = {"fern": FERN, "willow": WILLOW}
        self._sessions = RadiusSessions(self.story.tracker, people.get, known=known)
        self._sent = 0

    def tell(
        self, status: Status, now: datetime, session: str = "s1", user: str = "fern", **more: Any
    ) -> bool:
        self._sent += 1
        facts = {"nas": "ap", "address": PLACE, "hardware": "", "delay": 0, "at": None, **more}
        authenticator = facts.pop("authenticator", self._sent.to_bytes(16))
        told = Report(status=status, session=session, user=user, **facts)
        return self._sessions.hear("wifi", authenticator, told, now)

    def person(self, now: datetime) -> str | None:
        return self.story.person(PLACE, now)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_a_packet_that_comes_again_changes_nothing(reports: Reports) -> None:
    assert reports.tell(Status.START, NINE, authenticator=b"x")
    assert not reports.tell(Status.START, later(seconds=3), authenticator=b"x")


def test_a_start_that_is_sent_again_after_the_stop_opens_nothing(reports: Reports) -> None:
    reports.tell(Status.START, NINE)
    reports.tell(Status.STOP, later(minutes=1))
    assert not reports.tell(Status.START, later(minutes=2))
    assert not reports.tell(Status.INTERIM, later(minutes=2))
    assert reports.person(later(minutes=2)) is None


def test_a_stop_that_overtakes_its_start_ends_the_session_all_the_same(reports: Reports) -> None:
    reports.tell(Status.STOP, NINE)
    assert not reports.tell(Status.START, later(seconds=1))
    assert reports.person(later(seconds=1)) is None


def test_an_interim_report_opens_a_session_whose_start_was_missed(reports: Reports) -> None:
    assert reports.tell(Status.INTERIM, NINE)
    assert reports.person(NINE) == FERN


@pytest.mark.parametrize(
    "late",
    [
        {"delay": 301},
        {"at": int((NINE - timedelta(minutes=6)).timestamp())},
        {"at": int(later(minutes=6).timestamp())},
    ],
)
def test_a_report_about_another_time_opens_nothing(reports: Reports, late: dict[str, int]) -> None:
    assert not reports.tell(Status.START, NINE, **late)
    assert reports.person(NINE) is None


def test_a_report_that_was_held_up_a_little_counts_from_now_on(reports: Reports) -> None:
    assert reports.tell(
        Status.START, NINE, delay=60, at=int((NINE - timedelta(minutes=1)).timestamp())
    )
    reports.person(NINE)
    [interval] = reports.story.intervals.values()
    assert interval.began == NINE


def test_whoever_uses_the_session_next_takes_it_over(reports: Reports) -> None:
    reports.tell(Status.START, NINE)
    reports.tell(Status.INTERIM, later(minutes=1), user="willow")
    assert reports.person(later(minutes=1)) == WILLOW
    reports.tell(Status.INTERIM, later(minutes=2), user="somebody else")
    assert reports.person(later(minutes=2)) is None


def test_a_session_without_a_place_or_a_name_of_its_own_is_nobodys(reports: Reports) -> None:
    assert not reports.tell(Status.START, NINE, address="")
    assert not reports.tell(Status.START, NINE, session="")


def test_an_address_that_comes_later_is_taken_in(reports: Reports) -> None:
    reports.tell(Status.START, NINE, address="", hardware="a4:5e:60:00:00:01")
    assert reports.person(NINE) is None
    reports.tell(Status.INTERIM, later(seconds=5), hardware="a4:5e:60:00:00:01")
    assert reports.person(later(seconds=5)) == FERN


def test_an_access_point_that_goes_off_ends_its_own_sessions_only(reports: Reports) -> None:
    reports.tell(Status.START, NINE)
    assert not reports.tell(Status.OFF, later(minutes=1), session="", nas="another")
    assert reports.person(later(minutes=1)) == FERN
    assert reports.tell(Status.OFF, later(minutes=2), session="")
    assert reports.person(later(minutes=2)) is None
    assert not reports.tell(Status.INTERIM, later(minutes=3))


class TestWithoutATime:
    """Packets of clients that send no Event-Timestamp: `at` is None in all of these."""

    def test_a_start_that_is_kept_and_sent_again_opens_nothing(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE)
        reports.story.tracker.sweep(later(hours=5))  # its Stop was lost, so it fell silent
        assert not reports.tell(Status.START, later(hours=5))
        assert reports.person(later(hours=5)) is None

    def test_nor_does_it_after_a_restart(self, reports: Reports) -> None:
        reports = Reports([("wifi ap s1", FERN, NINE)])
        assert not reports.tell(Status.START, later(days=40))
        assert not reports.tell(Status.INTERIM, later(days=40), length=600)
        assert not reports.tell(Status.INTERIM, later(days=40))  # nor if it tells no length
        assert reports.person(later(days=40)) is None

    def test_a_session_that_fell_silent_goes_on_by_its_length(self) -> None:
        reports = Reports([("wifi ap s1", FERN, NINE)])
        assert reports.tell(Status.INTERIM, later(hours=6), length=6 * 3600)
        assert reports.person(later(hours=6)) == FERN

    def test_a_start_that_the_client_sends_once_more_soon_counts(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE)
        assert reports.tell(Status.START, later(seconds=30), delay=30)
        assert reports.person(later(seconds=30)) == FERN

    def test_of_two_reports_the_one_of_the_longer_session_is_newer(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE)
        reports.tell(Status.INTERIM, later(minutes=10), length=600, address="10.0.0.8")
        assert not reports.tell(Status.INTERIM, later(minutes=10), length=540)
        assert reports.person(later(minutes=10)) is None
        assert reports.story.person("10.0.0.8", later(minutes=10)) == FERN

    def test_who_came_before_does_not_take_the_place_of_who_came_after(
        self, reports: Reports
    ) -> None:
        reports.tell(Status.START, later(minutes=2), "s2", "willow")
        assert not reports.tell(Status.START, later(minutes=3), "s1", "fern", delay=120)
        assert not reports.tell(Status.INTERIM, later(minutes=4), "s1", "fern", length=240)
        assert reports.person(later(minutes=4)) == WILLOW
        assert reports.tell(Status.START, later(minutes=5), "s3", "fern")
        assert reports.person(later(minutes=5)) == FERN

    def test_an_access_point_that_started_does_not_end_who_came_since(
        self, reports: Reports
    ) -> None:
        reports.tell(Status.START, later(minutes=2))
        assert not reports.tell(Status.ON, later(minutes=3), session="", delay=180)
        assert reports.person(later(minutes=3)) == FERN

    def test_an_open_session_needs_no_length_to_go_on(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE)
        assert reports.tell(Status.INTERIM, later(hours=1))
        assert reports.story.who(PLACE, later(hours=1)).confidence == 90
        assert not reports.tell(Status.INTERIM, later(hours=1), address="10.0.0.8")
        assert reports.person(later(hours=1)) == FERN

    def test_one_name_that_is_used_again_by_somebody_else_is_another_session(
        self, reports: Reports
    ) -> None:
        reports.tell(Status.START, NINE)
        assert reports.tell(Status.START, later(days=1), user="willow")
        assert reports.person(later(days=1)) == WILLOW

    def test_a_length_beyond_all_reason_is_no_error(self, reports: Reports) -> None:
        found = report(made(START, (46, b"\xff\xff\xff\xff")))
        assert found is not None
        assert reports.tell(Status.INTERIM, NINE, length=found.length)


class TestAnAccountThatThePolicyDoesNotKnow:
    """A pupil's, say: nobody is named where it is."""

    @pytest.mark.parametrize(
        ("mine", "theirs"),
        [
            ({}, {}),
            ({"hardware": LAPTOP}, {"hardware": LAPTOP}),
            ({"hardware": LAPTOP}, {"hardware": TABLET}),
            ({"hardware": LAPTOP}, {"hardware": LAPTOP, "address": ""}),
            ({"hardware": LAPTOP}, {"hardware": LAPTOP, "address": "10.0.0.8"}),
        ],
    )
    def test_ends_whoever_was_at_the_address_or_on_the_device(
        self, reports: Reports, mine: dict[str, str], theirs: dict[str, str]
    ) -> None:
        reports.tell(Status.START, NINE, "t2", "willow", **mine)
        assert reports.person(NINE) == WILLOW
        assert reports.tell(Status.START, later(minutes=3), "t3", "pupil1", **theirs)
        assert reports.person(later(minutes=3)) is None
        assert reports.story.person("10.0.0.8", later(minutes=3)) is None
        assert reports.story.closed() == [(PLACE, NINE, later(minutes=3), "replaced")]

    def test_also_where_the_persons_device_was_only_seen(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE, "t2", "willow", address="", hardware=LAPTOP)
        reports.story.tracker.sighted(PLACE, LAPTOP, NINE, NINE)
        assert reports.person(NINE) == WILLOW
        assert reports.tell(Status.START, later(minutes=3), "t3", "pupil1")
        assert reports.person(later(minutes=3)) is None

    def test_keeps_out_late_reports_of_who_was_there_before_until_it_leaves(
        self, reports: Reports
    ) -> None:
        reports.tell(Status.START, NINE, "t2", "willow")
        reports.tell(Status.START, later(minutes=3), "t3", "pupil1")
        assert not reports.tell(Status.INTERIM, later(minutes=4), "t2", "willow", length=240)
        assert reports.person(later(minutes=4)) is None
        assert reports.tell(Status.START, later(minutes=5), "t4", "willow")
        assert reports.person(later(minutes=5)) == WILLOW

    def test_is_on_no_record(self, reports: Reports) -> None:
        reports.tell(Status.START, NINE, "t3", "pupil1", hardware=LAPTOP)
        reports.story.tracker.sighted("fd00::7", LAPTOP, NINE, NINE)
        reports.story.tracker.sweep(later(minutes=-9))  # the clock was set back
        assert reports.tell(Status.STOP, later(minutes=1), "t3", "pupil1")
        assert reports.story.tracker.take_changes() == []

    @pytest.mark.parametrize(
        ("told", "facts"),
        [
            (Status.START, {"delay": 120}),
            (Status.INTERIM, {"length": 240}),
            (Status.START, {"at": int((NINE - timedelta(hours=1)).timestamp())}),
            (Status.START, {"delay": 301}),
        ],
    )
    def test_does_not_end_whoever_came_after_it(
        self, reports: Reports, told: Status, facts: dict[str, int]
    ) -> None:
        reports.tell(Status.START, later(minutes=2), "t2", "willow")
        assert not reports.tell(told, later(minutes=3), "t1", "pupil1", **facts)
        assert reports.person(later(minutes=3)) == WILLOW

    def test_does_not_either_by_a_report_that_is_kept_and_sent_again(
        self, reports: Reports
    ) -> None:
        reports.tell(Status.START, NINE, "t1", "pupil1", authenticator=b"x")
        reports.tell(Status.START, later(minutes=9), "t2", "willow")
        for more in ({"authenticator": b"x"}, {}):
            assert not reports.tell(Status.START, later(minutes=10), "t1", "pupil1", **more)
        assert not reports.tell(Status.INTERIM, later(minutes=11), "t1", "pupil1")
        assert reports.person(later(minutes=11)) == WILLOW


def test_what_is_remembered_of_sessions_has_a_bound() -> None:
    order = Order((f"s{n}", FERN, NINE) for n in range(REMEMBERED + 5))
    assert order.knows("s0", FERN)
    assert not order.knows(f"s{REMEMBERED + 1}", FERN)
    start = Report(Status.START, "ap", "new", FERN, PLACE, "", 0, None)
    assert order.is_news("new", FERN, start, NINE)
    assert not order.knows(f"s{REMEMBERED - 1}", FERN)
