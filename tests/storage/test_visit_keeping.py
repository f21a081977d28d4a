"""Visits on record: whatever comes in whatever order, they are what the acts make up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.events import Event, first_id
from storage.instants import to_microseconds
from storage.recorder import Recorder
from storage.sealing import Chain
from storage.visit_keeping import (
    acts_between,
    add_acts,
    see,
    settle,
    take_back,
    visits_again,
    visits_between,
)
from storage.visit_seals import seal_some
from storage.visit_tables import VISITS
from storage.visits import Visit
from tests.storage.kept import Kept

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
ALWAYS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))

moments = st.integers(0, 4 * 3600 * 1000)  # milliseconds
step = st.one_of(
    st.tuples(
        st.just("act"), moments, st.sampled_from(["x", "linkedin"]), st.booleans(), st.booleans()
    ),
    st.tuples(st.just("used"), moments, st.sampled_from(["x", "linkedin"])),
    st.tuples(st.just("none"), st.integers(0, 20)),
    st.tuples(st.just("settle")),
    st.tuples(st.just("clock back"), st.integers(1, 7200)),
)


PEOPLE = count()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, max_size=25), settled=st.booleans())
def test_what_is_kept_is_what_the_acts_make_up(
    database: Database, steps: Sequence[tuple[object, ...]], settled: bool
) -> None:
    """Acts of two workers come in any order; pages are used; acts turn out to be none."""
    person = f"p{next(PEOPLE)}"
    known: list[int] = []
    back = timedelta(0)
    with database.writer() as connection, connection.begin():
        for number, (what, *how) in enumerate(steps):
            if what == "act":
                milliseconds, site, inside, granted = how
                at = NOON + timedelta(milliseconds=milliseconds)  # type: ignore[arg-type]
                known.append(first_id(at) + number)
                outcome = "grant" if granted else "purpose"
                told = to_microseconds(at - back)
                row = (person, known[-1], told, str(site), outcome, None, "view", int(bool(inside)))
                add_acts(connection, [row])
            elif what == "used":
                at = NOON + timedelta(milliseconds=how[0]) - back  # type: ignore[arg-type]
                see(connection, {(person, str(how[1])): to_microseconds(at)})
            elif what == "none" and known:
                take_back(connection, person, known[int(str(how[0])) % len(known)])
            elif what == "settle":
                settle(connection)
            elif what == "clock back":
                back += timedelta(seconds=int(str(how[0])))
        if settled:
            settle(connection)
    again = visits_again(database, person)
    assert visits_between(database, person, *ALWAYS) == again
    assert sum(visit.acts for visit in again) == len(acts_between(database, person, *ALWAYS))


@pytest.fixture
def told(recorder: Recorder, event: Make) -> Callable[..., None]:
    """Records events of one person, seconds after noon and differences each."""

    def tell(*acts: tuple[float, dict[str, object]]) -> None:
        for seconds, differences in acts:
            at = NOON + timedelta(seconds=seconds)
            recorder.note(event(**({"at": at, "inside": True, "action": "view"} | differences)))

    return tell


def visits(database: Database) -> list[tuple[str, int, int, int | None]]:
    found = visits_between(database, "a.larch", *ALWAYS)
    return [(visit.site, visit.acts, visit.at_least, visit.at_most) for visit in found]


def eventually(condition: Callable[[], object]) -> None:
    async def wait() -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    asyncio.run(wait())


def test_events_become_visits_and_what_was_refused_or_not_done_does_not(
    recorder: Recorder, database: Database, told: Callable[..., None]
) -> None:
    told(
        (0, {}),
        (10, {"kind": "action", "action": "post"}),
        (20, {"allowed": False, "outcome": "no-purpose"}),
        (30, {"kind": "unknown"}),
        (40, {"kind": "background"}),
        (50, {"person": None}),
        (60, {}),
    )
    recorder.use("a.larch", "facebook", NOON + timedelta(seconds=90))
    assert recorder.close(10) == 0
    assert visits(database) == [("facebook", 3, 60, 90)]
    acts = acts_between(database, "a.larch", *ALWAYS)
    assert [act.action for act in acts] == ["view", "post", "view"]


def test_visits_are_stored_within_a_second_or_so(
    recorder: Recorder, database: Database, told: Callable[..., None], stored: Ask
) -> None:
    told((0, {}), (30, {}))
    eventually(lambda: stored("SELECT acts, at_least FROM visits") == [(2, 30)])
    assert stored("SELECT * FROM unsettled") == []


def test_a_reader_need_not_wait_until_they_are(
    recorder: Recorder, database: Database, told: Callable[..., None], stored: Ask
) -> None:
    told((0, {}), (30, {}))
    eventually(lambda: len(stored("SELECT * FROM acts")) == 2)
    assert visits(database) == [("facebook", 2, 30, None)]
    assert recorder.close(10) == 0


def test_what_a_dead_worker_left_is_settled_with_the_first_act_of_the_next(
    database: Database, kept: Kept, event: Make, stored: Ask
) -> None:
    with database.writer() as connection, connection.begin():
        act = ("a.larch", first_id(NOON), to_microseconds(NOON), "x", "purpose", None, "view", 0)
        add_acts(connection, [act])
    assert stored("SELECT person FROM unsettled") == [("a.larch",)]
    recorder = Recorder(kept.open())
    recorder.start()
    assert visits(database) == [("x", 1, 0, None)], "a reader need not wait for that"
    recorder.note(event(person="b.birch"))
    eventually(lambda: stored("SELECT * FROM unsettled") == [])
    assert recorder.close(10) == 0
    assert stored("SELECT person, acts FROM visits") == [("a.larch", 1), ("b.birch", 1)]


def test_an_event_that_only_led_elsewhere_is_no_act(
    recorder: Recorder, database: Database, event: Make, stored: Ask
) -> None:
    short_link = event(at=NOON)
    asyncio.run(recorder.durable(short_link, 10))
    recorder.no_act("a.larch", short_link.id)
    assert recorder.close(10) == 0
    assert visits(database) == []
    assert stored("SELECT count(*) FROM events") == [(1,)]


def test_an_event_corrected_to_refused_is_no_act(
    recorder: Recorder, database: Database, event: Make, stored: Ask
) -> None:
    asyncio.run(recorder.durable(kept := event(at=NOON), 10))

    async def cancelled() -> None:
        told = event(at=NOON + timedelta(seconds=30))
        task = asyncio.create_task(recorder.durable(told, 10))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert recorder.close(10) == 0
    assert [act.id for act in acts_between(database, "a.larch", *ALWAYS)] == [kept.id]
    assert len(visits(database)) == 1


def test_visits_stay_when_their_acts_have_been_purged(
    database: Database, state: Path, stored: Ask
) -> None:
    def add(*seconds: int) -> None:
        rows = []
        for second in seconds:
            at = NOON + timedelta(seconds=second)
            rows.append(("p", first_id(at), to_microseconds(at), "x", "purpose", None, "view", 1))
        with database.writer() as connection, connection.begin():
            add_acts(connection, rows)
            assert settle(connection) == 1

    add(0, 60)
    (old,) = visits_between(database, "p", *ALWAYS)
    with database.writer() as connection, connection.begin():
        # As a purge does it.
        assert seal_some(connection, Chain(connection, NOON), VISITS.c.person == "p") == 1
        connection.exec_driver_sql("DELETE FROM acts")
    add(100 * 86_400, 100 * 86_400 + 30)
    assert visits_between(database, "p", *ALWAYS) == (
        old,
        *visits_again(database, "p"),
    )
    assert len(stored("SELECT * FROM visits")) == 2


def test_a_year_of_a_person_is_read_at_once(database: Database) -> None:
    """Forty thousand acts: two hundred on each of two hundred days."""
    rows = []
    for day in range(200):
        for number in range(200):
            at = NOON + timedelta(days=day, seconds=100 * number)
            rows.append(("p", first_id(at), to_microseconds(at), "x", "purpose", None, "view", 1))
    with database.writer() as connection, connection.begin():
        add_acts(connection, rows)
        settle(connection)
    began = datetime.now(UTC)
    kept = visits_between(database, "p", *ALWAYS)
    assert datetime.now(UTC) - began < timedelta(seconds=1)
    assert len(kept) == 200
    assert kept == visits_again(database, "p")


def test_a_part_of_the_time_can_be_asked_for(
    recorder: Recorder, database: Database, told: Callable[..., None]
) -> None:
    told((0, {}), (86_400, {}), (2 * 86_400, {}))
    assert recorder.close(10) == 0
    second = visits_between(
        database, "a.larch", NOON + timedelta(hours=1), NOON + timedelta(hours=25)
    )
    assert [visit.began for visit in second] == [NOON + timedelta(days=1)]


def test_visits_compare_by_what_they_say() -> None:
    visit = Visit(1, "x", "purpose", None, NOON, NOON, None, 1, 0, None)
    assert visit._replace(acts=2) != visit
