"""What lies beside the events and is changed by hand shows, as long as the events are there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.connections import Database
from storage.database import FILE_NAME, copy_record, open_record, open_record_readonly
from storage.events import EventIds, reference
from storage.instants import HOUR, to_microseconds
from storage.models import NO_LONGER_NAMED
from storage.purging import purge_events
from storage.purging_figures import forget_names
from storage.purging_visits import purge_visits
from storage.recorder import Recorder
from storage.tallies import Tally
from storage.verifying import verify
from storage.visit_keeping import see, settle
from storage.visit_seals import seal_visits
from tests.storage.conftest import ALLOWED, NOON
from tests.storage.kept import Kept, KeptInFile, KeptOnServer
from tests.support.postgresql import PostgresServer

FIRST_DAY = f"start <= {to_microseconds(NOON) // HOUR}"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LATER = NOON + 3 * DAY + timedelta(hours=1)


def no_rest(_seconds: float) -> None:
    """Nobody else is there."""


def fill(database: Database) -> list[int]:
    """What two people did on four days, and an app of theirs: the events' ids. What began on the
    first two days is sealed.
    """
    recorder = Recorder(database)
    recorder.start()
    ids, numbers = EventIds(), []
    for day in range(4):
        for minute in range(6):
            at = NOON + day * DAY + minute * MINUTE
            number = ids.next(at)
            numbers.append(number)
            person, kind = ("a", "b")[minute % 2], "action" if minute == 4 else "navigation"
            recorder.note(
                replace(
                    ALLOWED, id=number, at=at, person=person, kind=kind, action="view", inside=True
                )
            )
            recorder.note(Tally(at, person, "facebook", "background", True))
        at = NOON + day * DAY + 10 * MINUTE
        refused = ids.next(at)
        numbers.append(refused)
        recorder.note(
            replace(ALLOWED, id=refused, at=at, person="a", kind="app", allowed=False, rule=None)
        )
        for _ in range(5):
            recorder.note(Tally(at, "a", "facebook", "app", False, refused))
        elsewhere = replace(ALLOWED, id=ids.next(at), at=at, person="b")
        asyncio.run(recorder.durable(elsewhere, 10))
        numbers.append(elsewhere.id)
        recorder.no_act("b", elsewhere.id)
    assert recorder.close(10) == 0
    with database.writer() as connection, connection.begin():
        for day in range(4):
            used = to_microseconds(NOON + day * DAY + 6 * MINUTE)
            see(connection, {("a", "facebook"): used})
        settle(connection)
    assert seal_visits(database, LATER, rest=no_rest) == 4
    assert verify(database).broken is None
    database.dispose()
    return numbers


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A filled record in a file, to be copied."""
    state = tmp_path_factory.mktemp("original") / "var"
    return state, fill(open_record(state))


@pytest.fixture
def told(original: tuple[Path, list[int]], state: Path) -> list[int]:
    """The ids of the events in a copy of that record."""
    folder, numbers = original
    copy_record(folder, state.parent / "copy.sqlite3")
    state.mkdir(mode=0o700)
    (state.parent / "copy.sqlite3").rename(state / FILE_NAME)
    return numbers


# What is done to the file, and a part of the words. {0} to {7} are the first day's events: of a and
# b in turn, then an app's that was refused, and one that only led elsewhere; {24} is of the last.
TAMPERINGS = {
    "an act of another person": (
        "UPDATE acts SET person = 'c' WHERE id = {26}", "act {26} is not what its event",
    ),
    "an act on another site": (
        "UPDATE acts SET site = 'x' WHERE id = {26}", "act {26} is not what its event",
    ),
    "a view made a post": (
        "UPDATE acts SET action = 'post' WHERE id = {26}", "act {26} is not what its event",
    ),
    "an act at another time": (
        "UPDATE acts SET at = at + 1 WHERE id = {26}", "act {26} is not what its event",
    ),
    "an act without an event": (
        "INSERT INTO acts SELECT person, id + 1, at, site, outcome, rule, action, inside, seen "
        "FROM acts WHERE id = {26}", "is not what its event",
    ),
    "an act of what was refused": (
        "INSERT INTO acts SELECT person, {6}, at, site, outcome, rule, action, inside, seen "
        "FROM acts WHERE id = {4}", "act {6} is not what its event",
    ),
    "an act deleted": ("DELETE FROM acts WHERE id = {26}", "act of event {26} is missing"),
    "an act of what only led elsewhere": (
        "INSERT INTO acts SELECT person, id, at, site, outcome, rule, '', FALSE, NULL FROM events "
        "WHERE id = {7}", "{7} only led elsewhere",
    ),
    "a visit made longer": (
        "UPDATE visits SET at_least = 999 WHERE first = {24}", "visit {24} is not what the acts",
    ),
    "a visit made up": (
        "INSERT INTO visits SELECT person, first + 1, site, outcome, rule, began, last, ended, "
        "acts, at_least, at_most, NULL FROM visits WHERE first = {24}", "is not what the acts",
    ),
    "a visit deleted": ("DELETE FROM visits WHERE first = {24}", "visit {24} is not what the acts"),
    "the last use of a page": (
        "UPDATE acts SET seen = seen + 60000000 WHERE id = {28}; "
        "UPDATE visits SET at_most = at_most + 60 WHERE first = {24}", "visit {24} is not what",
    ),
    "a value of another kind": ("UPDATE visits SET began = 'x' WHERE first = {24}", "of a kind"),
    "a sealed visit made longer": (
        "UPDATE visits SET at_least = 999 WHERE first = {0}", "Visit {0} to",
    ),
    "a sealed visit deleted": ("DELETE FROM visits WHERE first = {0}", "3 of them are there"),
    "a sealed visit and its acts' signs": (
        "UPDATE acts SET seen = seen + 60000000 WHERE id = {4}", "visit {0} is not what the acts",
    ),
    "a visit that says it is sealed": (
        "UPDATE visits SET seal = 999 WHERE first = {24}", "no seal stands for it",
    ),
    "what a person did, counted once more": (
        "UPDATE counts SET number = number + 1 WHERE kind = 'action' AND person = 'a' AND "
        + FIRST_DAY,
        "more requests were counted on 'facebook'",
    ),
    "what a person did, counted once less": (
        "UPDATE counts SET number = number - 1 WHERE kind = 'navigation' AND person = 'b' AND "
        + FIRST_DAY,
        "fewer requests were counted on 'facebook'",
    ),
    "what a person did, counted for another": (
        "UPDATE counts SET person = 'c' WHERE kind = 'navigation' AND person = 'b'",
        "fewer requests were counted",
    ),
    "a refusal counted as allowed": (
        "UPDATE counts SET allowed = TRUE WHERE kind = 'app' AND NOT allowed", "fewer requests",
    ),
    "the count of an hour": (
        "UPDATE counts SET number = 99 WHERE kind = 'background' AND span = 1",
        "are not the sum of their hours",
    ),
    "the count of a week": (
        "UPDATE counts SET number = 99 WHERE kind = 'background' AND span = 168",
        "the week from 16 November 2026 00:00 UTC on 'facebook' are not the sum",
    ),
    "a day not counted": ("DELETE FROM counts WHERE span = 24", "counts of the day from"),
    "names taken out": (
        f"UPDATE counts SET person = '{NO_LONGER_NAMED}' WHERE person = 'a'", "no rule did it",
    ),
    "a count of another kind": (
        "UPDATE counts SET number = 'x' WHERE kind = 'background'", "of a kind that is never",
    ),
    "more repeats": (
        "UPDATE repeats SET number = 99 WHERE event = {6}", "are more than were counted",
    ),
    "repeats of nothing": ("UPDATE repeats SET event = {0} WHERE event = {6}", "of no refusal"),
}  # fmt: skip


ON_A_SERVER = (
    *("a view made a post", "an act deleted", "an act of what only led elsewhere"),
    *("a visit deleted", "a sealed visit made longer", "a visit that says it is sealed"),
    *("what a person did, counted once more", "the count of a week", "more repeats"),
)


@pytest.fixture(scope="module")
def server_original(
    postgres: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[int]]:
    """A filled record on a server, to be copied."""
    name = postgres.new_database(like=template)
    kept = KeptOnServer(tmp_path_factory.mktemp("server") / "var", postgres, name)
    return name, fill(kept.open())


@pytest.fixture
def server_told(
    postgres: PostgresServer, server_original: tuple[str, list[int]], state: Path
) -> Iterator[tuple[Kept, list[int]]]:
    original, numbers = server_original
    name = postgres.new_database(like=original)
    yield KeptOnServer(state, postgres, name), numbers
    postgres.drop(name)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_tampered_with_is_named(state: Path, told: list[int], name: str) -> None:
    check(KeptInFile(state), told, name)


@pytest.mark.parametrize("name", ON_A_SERVER)
def test_so_it_is_on_a_server(server_told: tuple[Kept, list[int]], name: str) -> None:
    check(*server_told, name)


def check(kept: Kept, told: list[int], name: str) -> None:
    script, words = TAMPERINGS[name]
    kept.unguarded(script.format(*told))
    broken = verify(kept.readonly()).broken
    assert broken
    assert words.format(*map(reference, told)) in broken.why
    assert broken.why.endswith(".")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE visits SET at_least = 9",
        "UPDATE visits SET seal = NULL",
        "DELETE FROM visits",
        "UPDATE events SET action = 'post'",
        "UPDATE events SET inside = 0",
    ],
)
def test_triggers_stop_accidents(state: Path, told: list[int], statement: str) -> None:
    refused = pytest.raises(sqlite3.IntegrityError, match="The record is sealed")
    with closing(sqlite3.connect(state / FILE_NAME)) as file, refused:
        file.execute(statement)


def test_visits_are_provable_when_their_events_have_gone_and_until_they_go_themselves(
    state: Path, told: list[int]
) -> None:
    database = open_record(state)
    # All but the last day, and in the middle of a visit at that.
    gone = purge_events(database, NOON + 3 * DAY, "x", lambda: LATER, step=3, rest=no_rest)
    assert gone == 24
    assert verify(database).broken is None
    assert purge_visits(database, NOON + DAY, "y", lambda: LATER, rest=no_rest) == 2
    found = verify(database)
    assert found.broken is None
    assert [each.events for each in found.purged if each.of == "visits"] == [2]
    KeptInFile(state).unguarded(f"UPDATE visits SET at_least = 9 WHERE first = {told[8]}")
    broken = verify(open_record_readonly(state)).broken
    assert broken
    assert broken.why.startswith(f"Visit {reference(told[8])}")


def test_a_purge_in_the_middle_of_a_visit_leaves_it_provable(state: Path, told: list[int]) -> None:
    database = open_record(state)
    purge_events(database, NOON + 3 * MINUTE, "x", lambda: LATER, step=1, rest=no_rest)
    assert verify(database).broken is None
    KeptInFile(state).unguarded(f"UPDATE acts SET at = at + 1 WHERE id = {told[4]}")
    assert verify(open_record_readonly(state)).broken


def test_what_a_rule_has_taken_out_of_the_figures_is_no_tampering(
    state: Path, told: list[int]
) -> None:
    database = open_record(state)
    forget_names(database, NOON + DAY, "x", lambda: LATER, no_rest)
    assert verify(database).broken is None
