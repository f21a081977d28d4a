"""What accounting reports come to, in whatever order they arrive, and however often.

Reports travel by UDP: they are repeated, overtake one another, and can be captured and sent again.
So a report that was seen is not counted again; a session that has ended stays ended; a report about
another time than now opens nothing (see `radius_order`); and a session that began before another
person's at the same place does not take its place.

An account that the policy does not know takes its place like any other, and nobody is named there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from addon.identity.radius_order import Order, clearly_before, is_present, start_of
from addon.identity.radius_packets import Report, Status
from addon.identity.sessions import Session, same
from addon.identity.tracking import Tracker
from rules.identity import Source

_REMEMBERED: Final = 50_000
"""Packets and ended sessions that are remembered, the newest."""


class _Memory[K]:
    """A bounded set; the oldest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[K, None] = OrderedDict()

    def add(self, key: K) -> bool:
        """False if it was there already."""
        if key in self._held:
            return False
        self._held[key] = None
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return True

    def __contains__(self, key: K) -> bool:
        return key in self._held


class RadiusSessions:
    """The sessions of all clients. `person_of` gives the person behind an account name, or None."""

    def __init__(
        self,
        tracker: Tracker,
        person_of: Callable[[str], str | None],
        ended: Iterable[str] = (),
        known: Iterable[tuple[str, str, datetime]] = (),
    ) -> None:
        """Of earlier runs: `ended` are sessions that have ended, `known` all, the newest first, by
        name, person and start.
        """
        self._tracker = tracker
        self._person_of = person_of
        self._seen: _Memory[tuple[str, bytes]] = _Memory(_REMEMBERED)
        self._ended: _Memory[str] = _Memory(_REMEMBERED)
        # Those of accounts that the policy does not know apart: all pupils must not push out staff.
        self._order, self._strangers = Order(known), Order()
        for key in ended:
            self._ended.add(key)

    def hear(self, client: str, authenticator: bytes, report: Report, now: datetime) -> bool:
        """Takes in a report of a client, by its name. False if it changes nothing.

        `authenticator` is the packet's own: a repeated packet has the same.
        """
        if not self._seen.add((client, authenticator)):
            return False
        if report.status in (Status.ON, Status.OFF):
            if not is_present(report, now):
                return False
            return self._all_ended(_place(client, report), start_of(report, now), now)
        if not report.session:
            return False
        key = f"{_place(client, report)}{report.session}"
        if report.status is Status.STOP:
            self._ended.add(key)
            return self._tracker.leave(Source.RADIUS, key, now)
        if key in self._ended or not is_present(report, now):
            return False
        if not (report.address or report.hardware):
            return self._tracker.leave(Source.RADIUS, key, now, "replaced")
        person = self._person_of(report.user)
        session = Session(
            Source.RADIUS, key, person or report.user.lower(), now, report.address,
            report.hardware, known=person is not None,
        )  # fmt: skip
        order = self._order_of(session)
        if _tells_no_time(report) and order.knows(key, session.person):
            # It may be of any day, so it opens nothing, nor does it lead anywhere else.
            there = self._tracker.session(Source.RADIUS, key)
            if there is None or not same(there, session):
                return False
        elif not order.is_news(key, session.person, report, now):
            return False
        if self._came_before(session):
            return False
        self._tracker.arrive(session, now)
        return True

    def _came_before(self, session: Session) -> bool:
        """Whether somebody else has come to its place after it began."""
        began = self._start(session)
        return any(
            clearly_before(began, self._start(other))
            for other in self._tracker.rivals(session)
            if other.person != session.person
        )

    def _order_of(self, session: Session) -> Order:
        return self._order if session.known else self._strangers

    def _start(self, session: Session) -> datetime | None:
        return self._order_of(session).start(session.key, session.person)

    def _all_ended(self, place: str, at: datetime, now: datetime) -> bool:
        """An access point that starts or stops has nobody on it (RFC 2866, section 5.1)."""
        gone = [
            session.key
            for session in self._tracker.sessions(Source.RADIUS)
            if session.key.startswith(place) and not clearly_before(at, self._start(session))
        ]
        for key in gone:
            self._ended.add(key)
            self._tracker.leave(Source.RADIUS, key, now)
        return bool(gone)


def _place(client: str, report: Report) -> str:
    return f"{client} {report.nas} "


def _tells_no_time(report: Report) -> bool:
    return report.at is None and report.length is None and report.status is Status.INTERIM
