"""Whether acts and visits on record are those that the events make up, while the events last.

The chain says that the events are as they were written. Acts and visits follow from them, so they
are worked out anew and compared: each act with its event, each event that should have an act, and
each visit with the acts of its person. A sealed visit whose acts are gone speaks for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, and_, exists, not_, or_, select

from storage.chain_facts import ChainFacts
from storage.models import EVENTS
from storage.sealed_rows import Broken, name_of
from storage.text_order import as_python_sorts
from storage.visit_keeping import settled_up_to
from storage.visit_tables import ACTS, VISITS
from storage.visits import Act, Visit, visits_of

_AT_A_TIME: Final = 2_000  # rows held in memory at once
_SAME: Final = ("at", "person", "site", "outcome", "rule", "action", "inside")
_ACT: Final = [ACTS.c[name] for name in Act._fields]
_VISIT: Final = [VISITS.c[name] for name in Visit._fields]
_IN_ORDER: Final = {"yield_per": _AT_A_TIME}


def check_acts_and_visits(connection: Connection, facts: ChainFacts) -> None:
    """Raises Broken with the first difference."""
    _check_acts(connection, facts)
    _check_visits(connection)


def _check_acts(connection: Connection, facts: ChainFacts) -> None:
    differs = or_(
        EVENTS.c.id.is_(None),
        not_(EVENTS.c.allowed),
        *(EVENTS.c[name].is_distinct_from(ACTS.c[name]) for name in _SAME),
    )
    joined = select(ACTS.c.id).outerjoin(EVENTS, EVENTS.c.id == ACTS.c.id)
    wrong = connection.execute(joined.where(differs).order_by(ACTS.c.id).limit(1)).all()
    for (act,) in wrong:
        raise Broken(f"The act {name_of(act)} is not what its event says.")
    its_act = exists().where(and_(ACTS.c.person == EVENTS.c.person, ACTS.c.id == EVENTS.c.id))
    should = select(EVENTS.c.id, its_act).where(EVENTS.c.inside.is_not(None), EVENTS.c.allowed)
    streaming = connection.execution_options(**_IN_ORDER)
    with streaming.execute(should.order_by(EVENTS.c.id)) as rows:
        for event, has_act in rows:
            if not has_act and event not in facts.no_acts:
                raise Broken(f"The act of event {name_of(event)} is missing.")
            if has_act and event in facts.no_acts:
                raise Broken(f"Event {name_of(event)} only led elsewhere, and now is an act.")


def _check_visits(connection: Connection) -> None:
    done = select(ACTS.c.person, *_ACT)
    kept = select(VISITS.c.person, VISITS.c.seal, *_VISIT)
    # Side by side, they have to be in the order that Python compares them by.
    acts = _by_person(
        connection, done.order_by(as_python_sorts(ACTS.c.person, connection), ACTS.c.id)
    )
    visits = _by_person(
        connection, kept.order_by(as_python_sorts(VISITS.c.person, connection), VISITS.c.first)
    )
    for person, own, stood in _side_by_side(acts, visits):
        _check_person(
            [Act(*row) for row in own],
            [(seal is not None, Visit(*row)) for seal, *row in stood],
            settled_up_to(connection, person),
        )


def _check_person(acts: list[Act], kept: list[tuple[bool, Visit]], settled: int) -> None:
    """`settled` is the id of the first act from which on visits are still to be worked out."""
    sealed = [visit for is_sealed, visit in kept if is_sealed]
    still_open = [visit for is_sealed, visit in kept if not is_sealed and visit.first < settled]
    # Where what the last sealed visit stands for ends.
    after = min((visit.first for is_sealed, visit in kept if not is_sealed), default=settled)
    ends = [*(visit.first for visit in sealed[1:]), after]
    for visit, end in zip(sealed, ends, strict=False):
        _check_sealed(visit, [act for act in acts if visit.first <= act.id < end], acts, end)
    rest = [act for act in acts if not sealed or act.id >= after]
    expected = [visit for visit in visits_of(rest) if visit.first < settled]
    for found, right in zip(still_open, expected, strict=False):
        if found != right:
            raise Broken(_wrong(found if found.first <= right.first else right))
    if len(still_open) != len(expected):
        longer = max(still_open, expected, key=len)
        raise Broken(_wrong(longer[min(len(still_open), len(expected))]))


def _check_sealed(visit: Visit, own: list[Act], acts: list[Act], end: int) -> None:
    if not own:
        return
    if own[0].id != visit.first:  # its first acts have been purged; those that are left end it
        if own[-1].at != visit.last or len(own) >= visit.acts:
            raise Broken(_wrong(visit))
        return
    following = next((act for act in acts if act.id >= end), None)
    # What came after may have come only when the visit was sealed.
    told = [list(visits_of(own))]
    if following is not None:
        told.append([each for each in visits_of([*own, following]) if each.first < following.id])
    if [visit] not in told:
        raise Broken(_wrong(visit))


def _wrong(visit: Visit) -> str:
    return f"The visit {name_of(visit.first)} is not what the acts on record make up."


def _by_person(connection: Connection, query: Any) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    try:
        with connection.execution_options(**_IN_ORDER).execute(query) as rows:
            for person, own in groupby(rows, lambda row: row[0]):
                yield person, [row[1:] for row in own]
    except (TypeError, ValueError, OverflowError) as error:
        raise Broken("The acts or visits hold a value of a kind that is never written.") from error


def _side_by_side(
    left: Iterator[tuple[str, list[Sequence[Any]]]],
    right: Iterator[tuple[str, list[Sequence[Any]]]],
) -> Iterator[tuple[str, list[Sequence[Any]], list[Sequence[Any]]]]:
    """Each person of either, with what both have of them."""
    one, other = next(left, None), next(right, None)
    while one or other:
        if other is None or (one and one[0] < other[0]):
            assert one
            yield one[0], one[1], []
            one = next(left, None)
        elif one is None or other[0] < one[0]:
            yield other[0], [], other[1]
            other = next(right, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)
