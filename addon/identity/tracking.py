"""From what sources notice to intervals: arrivals, news, departures, and devices that move.

A source opens a *session*: a person, at an address or a device or both. Where the device is known
to have further addresses (IPv6), the session holds there too. Each address of a session is one
interval. An interval begins when it is first heard of here, never before: a later sign-in says
nothing about earlier use. It ends when its session does, when another device comes to its address,
or when nothing has been heard of it for so long that it is worth nothing; then it ended when it was
last vouched for.

`now` is given with every call. When it goes back, all that is open ends there and begins anew, its
age, and how long it still holds, as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from addon.identity.intervals import AHEAD, TRUST, Interval
from addon.identity.sessions import Session, SessionKey, only_seen, same
from addon.identity.whereabouts import KEPT, Sighting, Whereabouts
from rules.identity import Source

_ADOPTS: Final = timedelta(minutes=2)
"""How old a sighting may be to tell which device a newcomer without one has."""


class Tracker:
    """Holds the open sessions and intervals; `take_changes` gives what became of intervals."""

    def __init__(self, last_id: int = 0) -> None:
        self.whereabouts = Whereabouts()
        self._next_id = last_id + 1
        self._sessions: dict[SessionKey, Session] = {}
        self._open: dict[str, dict[SessionKey, Interval]] = {}  # by address
        self._reached: dict[SessionKey, set[str]] = {}  # the addresses it is open at
        self._at: dict[str, set[SessionKey]] = {}  # by address
        self._on: dict[str, set[SessionKey]] = {}  # by hardware
        self._changed: dict[int, Interval] = {}
        self._now: datetime | None = None
        self.heard: dict[Source, datetime] = {}  # when each source last said anything

    # What sources call.

    def arrive(self, session: Session, now: datetime) -> None:
        """Opens a session, or takes in news of one. It ends others of its source at its place."""
        self._clock(now)
        self.heard[session.source] = now
        session = self._with_device(session, now)
        key = (session.source, session.key)
        known = self._sessions.get(key)
        if known and (self._is_silent(known, now) or not same(known, session)):
            self._end(key, known.vouched if self._is_silent(known, now) else now, "replaced")
            known = None
        if known is not None:
            self._forget(key)
            session = replace(
                session,
                address=session.address or known.address,
                hardware=session.hardware or known.hardware,
                vouched=max(session.vouched, known.vouched),
            )
        for other in self._rivals(session):
            self._end(other, now, "replaced")
        self._remember(key, session)
        if session.address and session.hardware and known is None and not only_seen(session):
            self.sighted(session.address, session.hardware, now, now)
        self._settle_session(key, now)

    def refresh(self, source: Source, key: str, vouched: datetime, now: datetime) -> bool:
        """Vouches for a session once more. False if there is no such session."""
        known = self._sessions.get((source, key))
        if known is None:
            return False
        self.arrive(replace(known, vouched=max(vouched, known.vouched)), now)
        return True

    def leave(self, source: Source, key: str, now: datetime, why: str = "left") -> bool:
        """Ends a session. False if there is no such session."""
        self._clock(now)
        self.heard[source] = now
        return self._end((source, key), now, why)

    def sighted(
        self, address: str, hardware: str, at: datetime, now: datetime, *, heard: bool = False
    ) -> None:
        """A device was seen at an address, at a time not after `now`; or `heard` of, in a lease."""
        self._clock(now)
        before = self.whereabouts.see(address, hardware, at, heard=heard)
        seen = self.whereabouts.device_at(address)
        if seen is None or seen.hardware != hardware:
            return
        if before is not None:
            for key in list(self._at.get(address, ())):
                # Whoever was here without a known device was at the one before.
                if not self._sessions[key].hardware:
                    self._end(key, now, "moved")
        self._settle(address, now)

    def sweep(self, now: datetime) -> None:
        """Ends what has come to its end, and what nothing has been heard of for too long."""
        self._clock(now)
        for key, session in list(self._sessions.items()):
            if session.ends is not None and now >= session.ends:
                self._end(key, session.ends, "over")
            elif self._is_silent(session, now):
                self._end(key, session.vouched, "silent")
        self.whereabouts.forget_before(now - KEPT)

    # What its owner calls.

    def take_up(self, session: Session, intervals: Iterable[Interval], now: datetime) -> None:
        """Goes on with a session and the open intervals of it that an earlier run left."""
        self._clock(now)
        key = (session.source, session.key)
        self._remember(key, session)
        for interval in intervals:
            self._put(key, interval)
            if interval.hardware:
                self.whereabouts.see(interval.address, interval.hardware, interval.vouched)

    def sessions(self, source: Source) -> list[Session]:
        """The open sessions of a source."""
        return [session for (of, _), session in self._sessions.items() if of is source]

    def session(self, source: Source, key: str) -> Session | None:
        """An open session of a source, by what the source calls it."""
        return self._sessions.get((source, key))

    def rivals(self, session: Session) -> list[Session]:
        """The other open sessions of the same source at a session's address or device."""
        return [self._sessions[key] for key in self._rivals(session)]

    @property
    def addresses(self) -> int:
        """At how many addresses somebody is."""
        return len(self._open)

    def take_changes(self) -> list[Interval]:
        """The intervals that were opened, vouched for or ended since the last call."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    # How it is done.

    def _clock(self, now: datetime) -> None:
        before, self._now = self._now, now
        if before is None or now >= before - AHEAD:
            return
        back = before - now
        for key, session in list(self._sessions.items()):
            ends = session.ends and session.ends - back
            session = replace(session, vouched=session.vouched - back, ends=ends)
            self._sessions[key] = session
            for address in list(self._reached.get(key, ())):
                # Times from here on come twice: what began before them would begin after them.
                hardware = self._open[address][key].hardware
                self._close(key, address, before, "clock set back")
                self._note(key, self._new(session, address, hardware, now))
        self.whereabouts.move_back(back)

    def _with_device(self, session: Session, now: datetime) -> Session:
        """The session with the device that is at its address, where the source did not say."""
        if session.hardware or not session.address:
            return session
        seen = self.whereabouts.device_at(session.address)
        if seen is None or now - seen.at > _ADOPTS or self.whereabouts.is_crowded(seen.hardware):
            return session
        return replace(session, hardware=seen.hardware)

    def _rivals(self, session: Session) -> list[SessionKey]:
        """Other sessions of the same source at the same address or device.

        One that only followed its device to the address is none if it is the same person's: it
        holds at its own address all the same.
        """
        there = set(self._at.get(session.address, ()))
        reached = self._open.get(session.address, {})
        there.update(key for key, one in reached.items() if one.person != session.person)
        if session.follows:
            there |= self._on.get(session.hardware, set())
        return [key for key in there if key[0] is session.source and key[1] != session.key]

    def _is_silent(self, session: Session, now: datetime) -> bool:
        return now - session.vouched >= TRUST[session.source].gone

    def _remember(self, key: SessionKey, session: Session) -> None:
        self._sessions[key] = session
        if session.address:
            self._at.setdefault(session.address, set()).add(key)
        if session.hardware:
            self._on.setdefault(session.hardware, set()).add(key)

    def _forget(self, key: SessionKey) -> Session | None:
        session = self._sessions.pop(key, None)
        if session:
            for places, place in ((self._at, session.address), (self._on, session.hardware)):
                if place:
                    places[place].discard(key)
                    if not places[place]:
                        del places[place]
        return session

    def _end(self, key: SessionKey, at: datetime, why: str) -> bool:
        session = self._forget(key)
        if session is None:
            return False
        for address in list(self._reached.get(key, ())):
            self._close(key, address, at, why)
        return True

    def _settle_session(self, key: SessionKey, now: datetime) -> None:
        session = self._sessions[key]
        addresses = {session.address} if session.address else set[str]()
        if session.follows:
            addresses.update(self.whereabouts.addresses_of(session.hardware))
        for address in addresses:
            self._settle(address, now)

    def _settle(self, address: str, now: datetime) -> None:
        """Opens, brings up to date and closes the intervals of one address."""
        seen = self.whereabouts.device_at(address)
        wanted = set(self._at.get(address, ()))
        if seen and not self.whereabouts.is_crowded(seen.hardware):
            wanted |= {k for k in self._on.get(seen.hardware, ()) if self._sessions[k].follows}
        for key in list(wanted):
            if not (self._sessions[key].known and self._fits(self._sessions[key], seen)):
                wanted.discard(key)
        for key in self._open.get(address, {}).keys() - wanted:
            self._close(key, address, now, "moved")
        for key in wanted:
            session = self._sessions[key]
            known = self._open.get(address, {}).get(key)
            if known is None:
                hardware = session.hardware or (seen.hardware if seen else "")
                self._note(key, self._new(session, address, hardware, now))
            elif (known.vouched, known.ends) != (session.vouched, session.ends):
                self._note(key, replace(known, vouched=session.vouched, ends=session.ends))

    def _fits(self, session: Session, seen: Sighting | None) -> bool:
        """Whether a session can hold at an address where `seen` is the device, if one is known."""
        if session.source is Source.DEVICE and self.whereabouts.is_crowded(session.hardware):
            return False
        return seen is None or session.hardware in ("", seen.hardware)

    def _new(self, session: Session, address: str, hardware: str, now: datetime) -> Interval:
        number, self._next_id = self._next_id, self._next_id + 1
        return Interval(
            number, session.person, address, hardware, session.source, session.key,
            began=now, vouched=session.vouched, ends=session.ends,
        )  # fmt: skip

    def _close(self, key: SessionKey, address: str, at: datetime, why: str) -> None:
        interval = self._open[address].pop(key)
        if not self._open[address]:
            del self._open[address]
        self._reached[key].discard(address)
        if not self._reached[key]:
            del self._reached[key]
        ended = max(interval.began, at)
        self._changed[interval.id] = replace(interval, ended=ended, why=why)

    def _note(self, key: SessionKey, interval: Interval) -> None:
        self._put(key, interval)
        self._changed[interval.id] = interval

    def _put(self, key: SessionKey, interval: Interval) -> None:
        self._open.setdefault(interval.address, {})[key] = interval
        self._reached.setdefault(key, set()).add(interval.address)
