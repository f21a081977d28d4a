"""Grants and withdrawals as a process goes by them, followed as any process changes them.

A thread looks at the record four times a second: one question for the last step's number, answered
from one page of it. What it finds is one immutable value that is replaced whole, so asking
takes no lock, no SQL and a fraction of a microsecond.

While the record cannot be read, what is known stays: a grant still ends when it was to end, since
every question brings its own time, and a withdrawal goes on. Where the record is exchanged for
another (an older copy, a new one) or loses one without anybody having been restored, withdrawals go
on too, until somebody is restored in it. Where it cannot be read from the start, the withdrawals go
on that were kept (`addon.kept_withdrawals`).

A clock that is set back must not lengthen a grant, and one that runs ahead for a minute must not
end one for good. So a grant has a second end, on the computer's steady clock, counted from when it
was first seen; both have to be still to come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from addon.following import Following
from addon.kept_withdrawals import KeptWithdrawals
from rules.decision import Grant
from rules.request import Person
from storage.access import AccessReader, Present, Step, What
from storage.connections import Database
from storage.continuity import BY

EVERY: Final = 0.25
"""Seconds between two looks at the record."""


@dataclass(frozen=True, slots=True)
class _Held:
    grant: Grant
    starts: datetime
    ends: float  # on the steady clock

    def is_live(self, now: datetime, steady: float) -> bool:
        return self.starts <= now < self.grant.until and steady < self.ends


@dataclass(frozen=True, slots=True)
class _Known:
    grants: Mapping[str, tuple[_Held, ...]] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()


class AccessInForce:
    """What is granted and withdrawn now. `start` begins to follow the record, `close` ends it."""

    def __init__(
        self,
        database: Database,
        kept: KeptWithdrawals | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`database` may be open for reading only. Until it has been read, the withdrawals are in
        force that were `kept`.
        """
        self._reader = AccessReader(database)
        self._clock, self._steady = clock, steady
        self._kept = kept
        self._known = _Known(withdrawn=kept.read() if kept else frozenset())
        self._held: dict[int, _Held] = {}
        # Withdrawals that were known and are on record no more, by person.
        self._carried: dict[str, Step] = {}
        self._present = Present()
        self._record: Hashable | None = None
        self._looked_at: datetime | None = None
        self._listeners: list[Callable[[], None]] = []
        self._following = Following(
            "access",
            self.look,
            EVERY,
            lost="Changes to grants and withdrawals cannot be seen: %s Until then grants end"
            " when they were to end, and withdrawals go on.",
            found="Changes to grants and withdrawals can be seen again.",
        )

    def carry(self, people: Iterable[str]) -> None:
        """Has the web access of these, by id, withdrawn too, until the record says so itself, or
        that it was restored. It counts from the next look on.
        """
        now, what = self._clock(), What.WITHDRAW
        self._carried |= {each: Step(at=now, what=what, person=each, by=BY) for each in people}

    def start(self) -> None:
        """Reads the record, and follows it from now on. Raises RecordError if it cannot be read."""
        self.look()
        self.follow()

    def follow(self) -> None:
        """Follows the record from now on, whatever state it is in."""
        self._following.start()

    def close(self) -> None:
        """Ends the following; what was known last stays."""
        self._following.close()
        self._reader.close()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Has `listener` called, in a thread of its own, after each step that was added."""
        self._listeners.append(listener)

    def grants_of(self, person: str, now: datetime) -> tuple[Grant, ...]:
        """The grants of a person, by id, that are live at `now` (aware)."""
        held = self._known.grants.get(person)
        if held is None:
            return ()
        steady = self._steady()
        return tuple(each.grant for each in held if each.is_live(now, steady))

    def is_withdrawn(self, person: str) -> bool:
        """Whether a person's web access, by id, is withdrawn."""
        return person in self._known.withdrawn

    def withdrawn(self) -> frozenset[str]:
        """The ids of everybody whose web access is withdrawn."""
        return self._known.withdrawn

    def as_it_stands(self, person: Person) -> Person:
        """The person, marked as withdrawn where they are."""
        return replace(person, withdrawn=True) if person.id in self._known.withdrawn else person

    def look(self) -> None:
        """Takes up what has changed, if anything has. Raises RecordError.

        The thread does this by itself; a process without it may do it when it wants to know.
        """
        now = self._clock()
        # What no longer mattered can matter again once the clock was set back.
        anew = self._looked_at is not None and now < self._looked_at
        found = self._reader.look(now, anew=anew)
        self._looked_at = now
        if found is None:
            return
        same = self._record in (None, self._reader.identity)
        if not same:
            self._held = {}  # the numbers of another record
        self._carry_over(found, same=same)
        self._record, self._present = self._reader.identity, found
        self._known = self._put_together(found, now)
        for listener in self._listeners:  # first: what is open is to be cut at once
            listener()
        if self._kept:
            self._kept.keep(self._known.withdrawn)

    def _carry_over(self, found: Present, *, same: bool) -> None:
        """Keeps the withdrawals that this record, the `same` or another, has neither itself nor
        ended. In one record the order of the steps says so, whatever the clock did.
        """
        carried = {
            person: step
            for person, step in self._carried.items()
            if person not in found.restored or found.restored[person].at <= step.at
        }
        for person, step in self._present.withdrawn.items():
            restored = found.restored.get(person)
            if restored is None or (restored.id <= step.id if same else restored.at <= step.at):
                carried[person] = step
        self._carried = {who: step for who, step in carried.items() if who not in found.withdrawn}

    def _put_together(self, found: Present, now: datetime) -> _Known:
        steady = self._steady()
        self._held = {
            step.id: self._held.get(step.id) or _hold(step, now, steady) for step in found.grants
        }
        grants: dict[str, tuple[_Held, ...]] = {}
        for held in self._held.values():
            person = held.grant.person
            grants[person] = (*grants.get(person, ()), held)
        return _Known(grants, frozenset({*found.withdrawn, *self._carried}))


def _hold(step: Step, now: datetime, steady: float) -> _Held:
    assert step.site
    assert step.starts
    assert step.until
    grant = Grant(step.person, step.site, step.until, step.purpose or "", step.reference)
    return _Held(grant, step.starts, steady + (step.until - now).total_seconds())
