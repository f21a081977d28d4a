"""Whether the counts on record agree with the events, and with each other.

Days and weeks are the sum of their hours. What a person did has an event each, so its counts are
the number of events, hour by hour. A refusal that an app repeats is counted each time, has an event
the first time, and a number beside it. Of what a page does by itself there may be more counted than
there are events, and never less.

The events are read in the order of their ids and counted by their times, which differ where a clock
was wrong. So what is kept meanwhile is the difference for each hour, which is nothing for most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from storage.chain_facts import ChainFacts
from storage.events import event_time, first_id
from storage.instants import HOUR, from_microseconds, to_microseconds
from storage.models import COUNTS, EVENTS, NO_LONGER_NAMED
from storage.sealed_rows import Broken, name_of
from storage.spans import HOUR as AN_HOUR
from storage.spans import WEEK, spans_of
from storage.visit_tables import REPEATS

_EVENT_EACH: Final = frozenset(
    {("navigation", 1), ("navigation", 0), ("action", 1), ("action", 0), ("unknown", 1)}
)

type _Key = tuple[int, str, str, str, int]
"""Start in hours since 1970, site, person, kind, verdict."""


def check_counts(connection: Connection, facts: ChainFacts) -> None:
    """Raises Broken with the first difference."""
    try:
        over: Counter[_Key] = Counter()
        for week in _weeks(connection):
            over.update(_hours(connection, facts, week))
            over.subtract(_events(connection, week))
            for key in [key for key, number in over.items() if not number]:
                del over[key]
        _check_difference(over, facts)
        _check_repeats(connection, over, facts)
    except (TypeError, ValueError, OverflowError) as error:
        raise Broken("The counts hold a value of a kind that is never written.") from error


def _weeks(connection: Connection) -> list[int]:
    """The first hours of the weeks in which there are counts or events."""
    hours = list(connection.execute(select(COUNTS.c.start).distinct()).scalars())
    numbered = connection.execute(select(func.min(EVENTS.c.id), func.max(EVENTS.c.id))).one()
    if numbered[0] is not None:
        oldest, newest = (to_microseconds(event_time(number)) // HOUR for number in numbered)
        hours += [*range(oldest, newest, WEEK), newest]
    return sorted({spans_of(hour)[-1][1] for hour in hours})


def _hours(connection: Connection, facts: ChainFacts, week: int) -> Counter[_Key]:
    """What was counted in each hour of a week. Its days and the week itself must be the sum."""
    here = COUNTS.c.start.between(week, week + WEEK - 1)
    found: dict[int, Counter[_Key]] = {}
    sums: dict[int, Counter[_Key]] = {}
    for length, start, *key, allowed, number in connection.execute(
        select(COUNTS).where(here)
    ).all():
        site, person, kind = key
        _check_names(person, start + length, facts)
        whole = (start, site, person, kind, int(allowed))
        found.setdefault(length, Counter())[whole] += number
        if length == AN_HOUR:
            for span, begin in spans_of(start)[1:]:
                sums.setdefault(span, Counter())[(begin, *whole[1:])] += number
    for span in sorted({*found, *sums} - {AN_HOUR}):
        told = _comparable(found.get(span, Counter()), facts)
        summed = _comparable(sums.get(span, Counter()), facts)
        for each in sorted(told.keys() | summed.keys()):
            if told[each] != summed[each]:
                raise Broken(
                    f"The counts of {_when(each[0], span)} on {each[1]!r} are not the sum of their "
                    "hours."
                )
    return found.get(AN_HOUR, Counter())


def _check_names(person: str, end: int, facts: ChainFacts) -> None:
    if person == NO_LONGER_NAMED and end > facts.named_from:
        raise Broken(
            f"The people were taken out of the counts of before {_moment(end)}, and no rule did it."
        )


def _comparable(counts: Counter[_Key], facts: ChainFacts) -> Counter[_Key]:
    """What can be compared with the sum of its hours. Hours lose their people before days do, and
    are removed before them.
    """
    alike: Counter[_Key] = Counter()
    for (start, site, person, kind, allowed), number in counts.items():
        if start >= facts.kept_from:
            named = start >= facts.named_from or not person
            alike[start, site, person if named else NO_LONGER_NAMED, kind, allowed] += number
    return alike


def _events(connection: Connection, week: int) -> Counter[_Key]:
    """How many events there are for each count, of those that were numbered in a week."""
    begin, end = (first_id(from_microseconds(hour * HOUR)) for hour in (week, week + WEEK))
    key = (
        (type_coerce(EVENTS.c.at, BigInteger) // HOUR).label("hour"),
        *(EVENTS.c.site, EVENTS.c.person, EVENTS.c.kind, EVENTS.c.allowed),
    )
    query = select(*key, func.count()).where(EVENTS.c.id >= begin, EVENTS.c.id < end)
    found: Counter[_Key] = Counter()
    rows = connection.execute(query.group_by("hour", *key[1:])).all()
    for hour, site, person, kind, allowed, number in rows:
        found[hour, site, person or "", kind, int(allowed)] += number
    return found


def _check_difference(over: Counter[_Key], facts: ChainFacts) -> None:
    for (hour, site, _, kind, allowed), number in sorted(over.items()):
        if not _is_whole(hour, facts):
            continue
        if number < 0:
            raise Broken(
                f"On {_moment(hour)} fewer requests were counted on {site!r} than there are events."
            )
        if (kind, allowed) in _EVENT_EACH and hour > facts.purged_to:
            raise Broken(
                f"On {_moment(hour)} more requests were counted on {site!r} than there are events."
            )


def _check_repeats(connection: Connection, over: Counter[_Key], facts: ChainFacts) -> None:
    """What is over was counted and has no event: repeats, and what needs none."""
    columns = (EVENTS.c.site, EVENTS.c.person, EVENTS.c.kind, EVENTS.c.allowed)
    query = select(REPEATS.c.event, REPEATS.c.number, EVENTS.c.at, *columns)
    joined = query.outerjoin(EVENTS, EVENTS.c.id == REPEATS.c.event).order_by(REPEATS.c.event)
    told: dict[tuple[Any, ...], tuple[int, int]] = {}
    for event, number, at, site, person, kind, allowed in connection.execute(joined).all():
        if at is None or allowed or number < 1:
            raise Broken(f"The repeats of {name_of(event)} are of no refusal on record.")
        hour = to_microseconds(at) // HOUR
        if hour > facts.purged_to and _is_whole(hour, facts):
            _, before = told.get((site, person or "", kind), (0, 0))
            told[site, person or "", kind] = (event, before + number)
    counted = _totals(over.items(), facts)
    for key, (event, number) in told.items():
        if number > counted[key]:
            raise Broken(f"The repeats of {name_of(event)} are more than were counted.")
    if facts == ChainFacts(no_acts=facts.no_acts, holds=facts.holds):  # nothing was ever removed
        for (site, person, kind), number in sorted(counted.items()):
            if kind == "unknown" and told.get((site, person, kind), (0, 0))[1] != number:
                raise Broken(f"Repeats of refusals on {site!r} were counted that are missing.")


def _totals(over: Iterable[tuple[_Key, int]], facts: ChainFacts) -> Counter[tuple[str, str, str]]:
    totals: Counter[tuple[str, str, str]] = Counter()
    for (hour, site, person, kind, allowed), number in over:
        if not allowed and hour > facts.purged_to and _is_whole(hour, facts):
            totals[site, person, kind] += number
    return totals


def _is_whole(hour: int, facts: ChainFacts) -> bool:
    """Whether the counts of an hour are all there still, each with its person."""
    return hour >= max(facts.named_from, facts.kept_from)


def _when(start: int, span: int) -> str:
    return f"the {'day' if span < WEEK else 'week'} from {_moment(start)}"


def _moment(hour: int) -> str:
    return f"{from_microseconds(hour * HOUR):%-d %B %Y %H:%M} UTC"
