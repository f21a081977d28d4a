"""Figures about the whole school, never about a person; and one event by the reference on its
block page.

In a school with twenty staff a figure can point at someone without naming them. So:

* A site's figures are shown only when at least `smallest_group` people used it and no one of them
  makes up more than half; its allowed and refused figures each have to pass the same test on
  their own.
* Figures are rounded, and numbers of people are given as 'at least' a multiple of the smallest
  group, so that two reports taken one after the other do not differ by a single person's doing.
* A total adds up only what is shown, and is rounded as well. Taking the shown figures from a
  total that held the withheld ones too would give them back.
* There is nothing to choose but the period, which is a week or more and begins and ends on a whole
  hour. That leaves little to compare one answer with; whole weeks, which the reports ask for, leave
  less.
* Only what a person did counts: navigations and actions. What a page or app did by itself is one
  line for the whole school; what cannot be told apart is another; a device nobody signed in to is
  a third.

These rules make people less identifiable, never anonymous: whoever knows the school may still
guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, case, func, select

from storage import spans
from storage.connections import Database
from storage.events import event_id
from storage.instants import HOUR, from_microseconds, to_microseconds
from storage.models import COUNTS, EVENTS, NO_LONGER_NAMED

OWN_DOING: Final = ("navigation", "action")
BY_ITSELF: Final = ("embed", "background", "prefetch", "app")

# An hour short of seven days: the week in which the clocks go forward is a week too.
SHORTEST: Final = timedelta(days=7) - timedelta(hours=1)
WEEK: Final = timedelta(days=7)


class Withheld(StrEnum):
    """Why a figure is not shown."""

    FEW_PEOPLE = "few-people"
    ONE_PERSON = "one-person"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of requests: `about` so many, or `fewer_than` so many, or `withheld`. Exactly one
    is set.
    """

    about: int | None = None
    fewer_than: int | None = None
    withheld: Withheld | None = None


@dataclass(frozen=True, slots=True)
class SiteUse:
    """What people did on one site.

    When `withheld` is set, so it is in both figures, and people are None. `some_allowed` and
    `some_refused` say whether there was any such request at all, those included that may have been
    a page's own: a site that nobody's figures can be shown for is not left unmentioned.
    """

    site: str
    people_at_least: int | None
    allowed: Figure
    refused: Figure
    withheld: Withheld | None
    some_allowed: bool
    some_refused: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole school from `since` to `until` (aware UTC, whole hours; the period really covered).

    `begins` is the first hour on record, None for an empty record. `people_at_least` is None when
    withheld. Totals add up the sites shown. `unidentified`, `unclear`, `by_itself` and
    `no_longer_named` are in no other figure; the last is of a time so long ago that the people have
    been taken out of it, and with them the means to tell which site's figures may be shown.
    """

    since: datetime
    until: datetime
    begins: datetime | None
    people_at_least: int | None
    sites: tuple[SiteUse, ...]
    allowed: Figure
    refused: Figure
    unidentified: Figure
    unclear: Figure
    by_itself: Figure
    smallest_group: int
    round_to: int
    no_longer_named: Figure = Figure(about=0)


@dataclass(frozen=True, slots=True)
class EventView:
    """One decision, without the person. `at` is aware UTC."""

    at: datetime
    site: str
    kind: str
    allowed: bool
    outcome: str
    reason: str
    rule: str | None
    clause: str | None


type _ByPerson = dict[str, int]


def overview(
    database: Database,
    since: datetime,
    until: datetime,
    *,
    smallest_group: int = 5,
    round_to: int = 10,
) -> Overview:
    """What the whole school did from `since` to `until` (aware), by the rules at the top of this
    module.

    The period is widened to whole hours, and back to a week if it is shorter. Raises RecordError,
    and ValueError when `until` is before `since` or a time has no zone.
    """
    if until < since:
        raise ValueError("The period ends before it begins.")
    if until - since < SHORTEST:
        since = until - WEEK
    first, end = to_microseconds(since) // HOUR, -(-to_microseconds(until) // HOUR)
    manner = case(
        (COUNTS.c.kind.in_(OWN_DOING), "own"),
        (COUNTS.c.kind.in_(BY_ITSELF), "itself"),
        else_="unclear",
    )
    key = (COUNTS.c.site, COUNTS.c.person, manner, COUNTS.c.allowed)
    rows: list[Sequence[Any]] = []
    with database.reading() as connection:
        begins = connection.execute(
            select(func.min(COUNTS.c.start)).where(COUNTS.c.span == spans.HOUR)
        ).scalar()
        for length, start, stop in spans.cover(first, end):
            piece = select(*key, func.sum(COUNTS.c.number).cast(BigInteger)).where(
                COUNTS.c.span == length, COUNTS.c.start >= start, COUNTS.c.start < stop
            )
            rows += connection.execute(piece.group_by(*key))

    own: dict[str, dict[bool, _ByPerson]] = defaultdict(
        lambda: {True: defaultdict(int), False: defaultdict(int)}
    )
    verdicts: dict[str, set[bool]] = defaultdict(set)
    unclear: _ByPerson = defaultdict(int)
    unidentified = no_longer_named = by_itself = 0
    for site, person, how, allowed, number in rows:
        if how == "itself":
            by_itself += number
        elif not person:
            unidentified += number
        elif person == NO_LONGER_NAMED:
            no_longer_named += number
        else:
            verdicts[site].add(allowed)
            if how == "unclear":
                unclear[person] += number
            else:
                own[site][allowed][person] += number

    rules = _Rules(smallest_group, round_to)
    sites = tuple(rules.site(site, own[site], verdicts[site]) for site in sorted(verdicts))
    everyone = {person for site in own.values() for people in site.values() for person in people}
    return Overview(
        since=from_microseconds(first * HOUR),
        until=from_microseconds(end * HOUR),
        begins=None if begins is None else from_microseconds(begins * HOUR),
        people_at_least=rules.people(len(everyone)),
        sites=sites,
        allowed=rules.total((use.allowed, own[use.site][True]) for use in sites),
        refused=rules.total((use.refused, own[use.site][False]) for use in sites),
        unidentified=rules.rounded(unidentified),
        unclear=rules.figure(unclear),
        by_itself=rules.rounded(by_itself),
        smallest_group=smallest_group,
        round_to=round_to,
        no_longer_named=rules.rounded(no_longer_named),
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    """When a figure may be shown, and how closely."""

    smallest_group: int
    round_to: int

    def site(self, site: str, by_verdict: Mapping[bool, _ByPerson], verdicts: set[bool]) -> SiteUse:
        both: _ByPerson = defaultdict(int)
        for people in by_verdict.values():
            for person, number in people.items():
                both[person] += number
        withheld = self.withheld(both)
        if withheld is not None:
            hidden = Figure(withheld=withheld)
            return SiteUse(
                site, None, hidden, hidden, withheld, True in verdicts, False in verdicts
            )
        allowed, refused = self.figure(by_verdict[True]), self.figure(by_verdict[False])
        return SiteUse(
            site,
            self.people(len(both)),
            allowed,
            refused,
            None,
            True in verdicts,
            False in verdicts,
        )

    def withheld(self, people: _ByPerson) -> Withheld | None:
        if len(people) < self.smallest_group:
            return Withheld.FEW_PEOPLE
        if max(people.values()) * 2 > sum(people.values()):
            return Withheld.ONE_PERSON
        return None

    def figure(self, people: _ByPerson) -> Figure:
        if not people:
            return Figure(about=0)
        withheld = self.withheld(people)
        return Figure(withheld=withheld) if withheld else self.rounded(sum(people.values()))

    def total(self, figures: Iterable[tuple[Figure, _ByPerson]]) -> Figure:
        figures = list(figures)
        shown = [sum(people.values()) for figure, people in figures if figure.withheld is None]
        if figures and not shown:
            return Figure(withheld=Withheld.FEW_PEOPLE)
        return self.rounded(sum(shown))

    def rounded(self, number: int) -> Figure:
        if 0 < number < self.round_to:
            return Figure(fewer_than=self.round_to)
        return Figure(about=(number + self.round_to // 2) // self.round_to * self.round_to)

    def people(self, number: int) -> int | None:
        return number // self.smallest_group * self.smallest_group or None


def find_event(database: Database, reference: str) -> EventView | None:
    """The decision behind the reference on a block page, without the person; None if it is not on
    record.

    Raises ValueError, in a sentence for a person, for what cannot be a reference, and RecordError.
    """
    columns = [EVENTS.c[name] for name in EventView.__dataclass_fields__]
    query = select(*columns).where(EVENTS.c.id == event_id(reference))
    with database.reading() as connection:
        row = connection.execute(query).first()
    return None if row is None else EventView(*row)
