"""A record that somebody has changed says so, and where; one that nobody has changed is whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from storage import access
from storage.access import changing_access
from storage.connections import Database
from storage.database import FILE_NAME, open_record
from storage.events import Completion, Event, EventIds, reference
from storage.holds import hold, holds, release
from storage.sealing import digest_of
from storage.verifying import Verdict, head, verify
from storage.visit_seals import seal_visits
from storage.writing import Line, Work, completion_row, event_row, write
from tests.storage.conftest import NOON, RECOUNT
from tests.storage.kept import REFUSALS, Kept, KeptInFile, KeptOnServer

Make = Callable[..., Event]


def checked(kept: Kept, *heads: str) -> Verdict:
    return verify(kept.readonly(), heads)


@pytest.fixture
def told(kept: Kept, database: Database, event: Make) -> list[Event]:
    """Six batches of five events, an hour apart; three are corrected and twenty completed."""
    ids = EventIds()
    hours = [NOON + timedelta(hours=n // 5, minutes=n % 5) for n in range(30)]
    told = [event(id=ids.next(at), at=at, person=f"p.{n}") for n, at in enumerate(hours)]
    with closing(database.writer()) as connection:
        for number in range(6):
            lines = [Line(event_row(each), False) for each in told[number * 5 : number * 5 + 5]]
            corrections = [told[1].id, told[number * 5].id] if number % 2 else []
            ended = [
                completion_row(Completion(each.id, 200, 1, 2**40, NOON))
                for each in told[max(0, number * 4 - 4) : number * 4]
            ]
            with connection.begin():
                now = NOON + timedelta(hours=number)
                write(connection, Work(lines, corrections, ended), now, careful=False)
    return told


def test_a_record_that_nobody_changed_is_whole(kept: Kept, told: list[Event]) -> None:
    found = checked(kept)
    assert found.broken is None
    assert found.events == 30
    assert found.until == NOON + timedelta(hours=5)
    assert found.head == head(kept.readonly())
    assert checked(kept, str(found.head)).broken is None


def test_a_new_record_is_whole(kept: Kept) -> None:
    found = verify(kept.open())
    assert (found.broken, found.events, found.seals) == (None, 0, 1)


def test_no_two_records_begin_alike(tmp_path: Path) -> None:
    first, second = (head(open_record(tmp_path / name)) for name in "ab")
    assert first
    assert second
    assert first.digest != second.digest
    assert "is not the one that the given head names" in str(
        checked(KeptInFile(tmp_path / "a"), str(second)).broken
    )


# What is done to the file; which seal then is the first that does not fit; a part of the words.
# Seal 1 begins; 2, 3, 6, 8, 11 and 13 are the batches; 4, 9 and 14 are of corrections; the rest
# are of completions.
TAMPERINGS = {
    "another person": ("UPDATE events SET person = 'b.birch' WHERE id = {7}", 3, "{5} to {9}"),
    "nobody": ("UPDATE events SET person = NULL WHERE id = {7}", 3, "{5} to {9}"),
    "another time": ("UPDATE events SET at = at + 1 WHERE id = {12}", 6, "{10} to {14}"),
    "another verdict": ("UPDATE events SET allowed = FALSE WHERE id = {12}", 6, "{10} to {14}"),
    "a path": ("UPDATE events SET path = '/x' WHERE id = {29}", 13, "{25} to {29}"),
    "a value of another kind": (
        "UPDATE events SET host = CAST('www.facebook.com' AS BLOB) WHERE id = {7}",
        3,
        "{7} was changed",
    ),
    "the size of a download": (
        "UPDATE events SET bytes_down = 3 WHERE id = {2}", 5, "End of {0} to {3}",
    ),
    "a completion taken back": (
        "UPDATE events SET status = NULL, bytes_up = NULL, bytes_down = NULL, ended_at = NULL, "
        "ended_seal = NULL WHERE id = {2}", 5, "3 of them are there",
    ),
    "a completion given": (
        "UPDATE events SET status = 200, ended_at = 1 WHERE id = {25}", 13, "end of event {25}",
    ),
    "a correction taken back": (
        "UPDATE events SET allowed = TRUE, outcome = c.outcome, reason = c.reason, rule = c.rule, "
        "clause = c.clause FROM corrections c WHERE c.event = events.id AND id = {5}",
        3, "{5} was corrected, and then changed",
    ),
    "a correction's words": (
        "UPDATE corrections SET reason = 'x' WHERE event = {15}", 8, "{15} to {19}",
    ),
    "a correction lost": (
        "DELETE FROM corrections WHERE event = {15}", 8, "{15} to {19}",
    ),
    "a correction made up": (
        "INSERT INTO corrections SELECT id, outcome, reason, rule, clause, 4 FROM events "
        "WHERE id = {13}; UPDATE events SET allowed = FALSE, outcome = 'record-unavailable', "
        "reason = (SELECT reason FROM events WHERE id = {1}), rule = NULL, clause = NULL "
        "WHERE id = {13}",
        4, "stands for 2 corrections",
    ),
    "an event deleted": ("DELETE FROM events WHERE id = {7}", 3, "4 of them are there"),
    "the first event deleted": ("DELETE FROM events WHERE id = {0}", 2, "4 of them are there"),
    "a batch deleted": ("DELETE FROM events WHERE seal = 6", 6, "0 of them are there"),
    "an event inserted": (
        "CREATE TEMP TABLE t AS SELECT * FROM events WHERE id = {7}; UPDATE t SET id = {9} + 1; "
        "INSERT INTO events SELECT * FROM t", 6, "was put in from outside",
    ),
    "an event inserted into a batch": (
        "CREATE TEMP TABLE t AS SELECT * FROM events WHERE id = {7}; UPDATE t SET id = {6} + 1; "
        "INSERT INTO events SELECT * FROM t", 3, "6 of them are there",
    ),
    "an event without a seal": ("UPDATE events SET seal = NULL WHERE id = {7}", 3, "{7} was put"),
    "an event in another seal": ("UPDATE events SET seal = 6 WHERE id = {7}", 3, "4 of them"),
    "two events change places": (
        "UPDATE events SET id = 1 WHERE id = {7}; UPDATE events SET id = {7} WHERE id = {8}; "
        "UPDATE events SET id = {8} WHERE id = 1", 3, "{5} to {9}",
    ),
    "two batches change places": (
        "UPDATE events SET seal = CASE seal WHEN 3 THEN 6 ELSE 3 END WHERE seal IN (3, 6)",
        3, "0 of them are there",
    ),
    "two seals change places": (
        "UPDATE seals SET number = 99 WHERE number = 8; UPDATE seals SET number = 8 WHERE "
        "number = 11; UPDATE seals SET number = 11 WHERE number = 99", 8, "was changed",
    ),
    "a seal's time": ("UPDATE seals SET at = at - 1 WHERE number = 6", 6, "was changed"),
    "a seal's digest": ("UPDATE seals SET digest = ZEROS WHERE number = 6", 6, "changed"),
    "a seal deleted": ("DELETE FROM seals WHERE number = 6", 7, "Seal 6 is missing"),
    "the beginning deleted": (
        "DELETE FROM seals WHERE number < 3; DELETE FROM events WHERE seal < 3", 3, "Seal 1 is",
    ),
    "the beginning reworded": ("UPDATE seals SET facts = '{{}}' WHERE number = 1", 1, "(begin)"),
    "a seal that is no number": ("UPDATE events SET seal = 'abc' WHERE id = {7}", 3, "{7} was put"),
    "a completion's seal that is no number": (
        "UPDATE events SET ended_seal = 'abc' WHERE id = {2}", 2, "end of event {2} was put",
    ),
    "a text that is none": (
        "UPDATE events SET host = CAST(x'ff66' AS TEXT) WHERE id = {7}", 3, "Event {7} was changed",
    ),
    "a text that is none, later": (
        "UPDATE events SET host = CAST(x'ff66' AS TEXT) WHERE id = {29}", 13, "{29} was changed",
    ),
    "a size with a fraction": (
        "UPDATE events SET host = CAST(x'ff' AS TEXT), bytes_down = 1.5 WHERE id = {2}",
        2, "{2} was changed",
    ),
    "a correction of bytes": (
        "UPDATE corrections SET reason = x'ff' WHERE event = {15}", 8, "{15} to {19}",
    ),
    "a seal's time is a word": ("UPDATE seals SET at = 'abc' WHERE number = 6", 6, "Seal 6 was"),
    "a seal's time is beyond time": (
        "UPDATE seals SET at = 9000000000000000000 WHERE number = 6", 6, "Seal 6 was changed",
    ),
    "a seal's digest is a word": (
        "UPDATE seals SET digest = 'abc' WHERE number = 6", 6, "Seal 6 was changed",
    ),
    "a seal's facts are bytes": (
        "UPDATE seals SET facts = x'ff00' WHERE number = 1", 1, "Seal 1 was changed",
    ),
    "a seal's facts are no text": (
        "UPDATE seals SET facts = CAST(x'ff' AS TEXT) WHERE number = 1", 1, "Seal 1 was changed",
    ),
    "everything deleted": (
        "DELETE FROM seals; DELETE FROM events; DELETE FROM counts; DELETE FROM acts; "
        "DELETE FROM visits; DELETE FROM corrections", 1, "has not even its first seal",
    ),
    "the beginning is said to be purged": (
        "DELETE FROM events WHERE seal = 2; DELETE FROM seals WHERE number < 3; "
        "INSERT INTO seals VALUES (16, 'purge', 1, 1, 1, 5, "
        "'{{\"gaps\": [[1, 2, \"00\"]], \"from\": 0, \"to\": 1, \"why\": \"x\"}}', ZEROS)",
        3, "Seal 1 is missing",
    ),
    "the end of the chain deleted": (
        "DELETE FROM seals WHERE number > 12", 13, "the end of the chain is missing",
    ),
    "a tombstone made up": (
        "DELETE FROM events WHERE seal = 6; DELETE FROM seals WHERE number = 6; "
        "INSERT INTO seals VALUES (16, 'purge', 1, 1, 1, 5, "
        "'{{\"gaps\": [[6, 6, \"00\"]], \"from\": 0, \"to\": 1, \"why\": \"x\"}}', ZEROS)",
        7, "was changed",
    ),
}  # fmt: skip


# After the batches: a grant, a withdrawal and a restoration, each with a seal. Which of these seals
# is the first that does not fit; a part of the words.
ACCESS_TAMPERINGS = {
    "a longer grant": ("UPDATE access SET until = until + 1 WHERE id = 1", 0, "Step 1 of access"),
    "another reason": ("UPDATE access SET reason = 'x' WHERE id = 2", 1, "Step 2 of access"),
    "a reason of another kind": (
        "UPDATE access SET reason = CAST('A reason.' AS BLOB) WHERE id = 2", 1, "Step 2 of access",
    ),
    "a time that is none": ("UPDATE access SET at = 'noon' WHERE id = 2", 1, "Step 2 of access"),
    "a withdrawal deleted": ("DELETE FROM access WHERE id = 2", 1, "0 of them are there"),
    "a step put in": (
        "INSERT INTO access (id, at, what, person, by) VALUES (4, 1, 'restore', 'larch', 'oak')", 3,
        "The step 4 of access is in no seal (none)",
    ),
    "a step put into a seal": (
        "INSERT INTO access (id, at, what, person, by, seal) SELECT 4, at, what, person, by, seal "
        "FROM access WHERE id = 3", 2, "stands for 1 steps of access, from 3 to 3, and 2 of them",
    ),
    "two steps change places": (
        "UPDATE access SET id = 9 WHERE id = 2; UPDATE access SET id = 2 WHERE id = 3; "
        "UPDATE access SET id = 3 WHERE id = 9", 1, "Step 2 of access",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCESS_TAMPERINGS)
def test_a_history_of_access_that_was_tampered_with_is_named(
    kept: Kept, database: Database, name: str
) -> None:
    script, later, words = ACCESS_TAMPERINGS[name]
    if any(odd in script for odd in ("AS BLOB", "'noon'")) and isinstance(kept, KeptOnServer):
        pytest.skip("A column of the server's holds values of one kind only.")
    first = verify(database).seals + 1
    with changing_access(database) as changes:
        for what, facts in (
            (access.What.GRANT, {"site": "x", "starts": NOON, "until": NOON + timedelta(hours=1)}),
            (access.What.WITHDRAW, {"reason": "A reason."}),
            (access.What.RESTORE, {}),
        ):
            changes.add(access.Step(at=NOON, what=what, person="larch", by="oak", **facts))
    assert checked(kept).broken is None
    kept.unguarded(script)
    broken = checked(kept).broken
    assert broken
    assert words in broken.why
    assert broken.seal == first + later
    assert broken.why.endswith(".")


@pytest.mark.parametrize("script", ["DELETE FROM access", "UPDATE access SET person = 'x'"])
def test_steps_of_access_are_not_changed_by_accident(
    kept: Kept, database: Database, script: str
) -> None:
    with changing_access(database) as changes:
        changes.add(access.Step(at=NOON, what=access.What.WITHDRAW, person="larch", by="oak"))
    with pytest.raises(REFUSALS, match="steps of access are only added"):
        kept.run(script)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_tampered_with_is_named(kept: Kept, told: list[Event], name: str) -> None:
    script, seal, words = TAMPERINGS[name]
    odd = ("AS BLOB", "AS TEXT", "'abc'", "x'ff", "90000000")
    if any(each in script for each in odd) and isinstance(kept, KeptOnServer):
        pytest.skip("A column of the server's holds values of one kind only.")
    ids = [each.id for each in told]
    kept.unguarded(script.format(*ids))
    broken = checked(kept).broken
    assert broken
    assert words.format(*map(reference, ids)) in broken.why
    assert broken.seal == seal
    assert broken.why.endswith(".")


def test_what_comes_before_a_break_is_said_to_be_whole(kept: Kept, told: list[Event]) -> None:
    kept.unguarded(f"DELETE FROM events WHERE id = {told[22].id}")
    found = checked(kept)
    assert found.broken
    assert found.events == 20
    assert found.until == NOON + timedelta(hours=3)
    assert found.broken.by == NOON + timedelta(hours=4)


class TestAHeadKeptElsewhere:
    def test_shows_that_the_tail_was_cut_off(self, kept: Kept, told: list[Event]) -> None:
        before = head(kept.readonly())
        kept.unguarded(
            "DELETE FROM events WHERE seal > 7; DELETE FROM seals WHERE number > 7; "
            "UPDATE events SET status = NULL, bytes_up = NULL, bytes_down = NULL, "
            "ended_at = NULL, ended_seal = NULL WHERE ended_seal > 7; "
            "DELETE FROM corrections WHERE seal > 7; "
            "DELETE FROM acts WHERE id NOT IN (SELECT id FROM events WHERE allowed); " + RECOUNT
        )
        assert before
        assert checked(kept).broken is None, "by itself, a shorter chain is whole"
        broken = checked(kept, str(before)).broken
        assert broken
        assert broken.why == (
            f"The chain ends with seal 7, and the given head is seal {before.number}: the newest "
            "part of the record is missing."
        )

    def test_shows_that_the_record_was_written_anew(
        self, kept: Kept, told: list[Event], tmp_path: Path
    ) -> None:
        before = head(kept.readonly())
        kept.empty()
        database = kept.open()
        with closing(database.writer()) as connection:
            for each in told:
                with connection.begin():
                    write(
                        connection,
                        Work([Line(event_row(each), False)], [], []),
                        NOON,
                        careful=False,
                    )
        assert checked(kept).broken is None
        broken = checked(kept, str(before)).broken
        assert broken
        assert "is not the one that the given head names" in broken.why

    @pytest.mark.parametrize("text", ["", "12", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "g" * 64])
    def test_must_be_one(self, kept: Kept, told: list[Event], text: str) -> None:
        with pytest.raises(ValueError, match="is not a head"):
            checked(kept, text)


class TestTriggers:
    """They stop accidents, with the words of whoever made them."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM events",
            "DELETE FROM corrections",
            "DELETE FROM seals",
            "DELETE FROM seals WHERE number = 1",
            "UPDATE seals SET at = 0",
            "UPDATE events SET person = 'x'",
            "UPDATE events SET at = 0",
            "UPDATE events SET allowed = FALSE",
            "UPDATE events SET allowed = TRUE",
            "UPDATE events SET reason = 'x'",
            "UPDATE events SET seal = 1",
            "UPDATE events SET status = 500 WHERE ended_at IS NOT NULL",
            "UPDATE events SET ended_seal = NULL WHERE ended_at IS NOT NULL",
            "UPDATE corrections SET reason = 'x'",
            "UPDATE corrections SET seal = 1",
            "INSERT INTO seals SELECT number + 100, what, at, first, last, rows, facts, digest "
            "FROM seals",
        ],
    )
    def test_refuse(self, kept: Kept, told: list[Event], statement: str) -> None:
        with pytest.raises(REFUSALS, match="The record is sealed"):
            kept.ask(statement)
        assert checked(kept).broken is None

    @pytest.mark.parametrize("table", ["events", "corrections", "seals"])
    def test_refuse_to_have_a_table_emptied_at_one_go(
        self, on_server: KeptOnServer, table: str
    ) -> None:
        with pytest.raises(REFUSALS, match="The record is sealed"):
            on_server.ask(f"TRUNCATE {table}")


class TestALegalHold:
    """That somebody takes one away is what it is there to show: the purge would do the rest."""

    @pytest.fixture(autouse=True)
    def _held(self, told: list[Event], database: Database) -> None:
        hold(database, "p.1", "oak", "A case.", NOON, "17/26")
        hold(database, "p.2", "oak", "Another.", NOON)
        release(database, "p.2", "elm", NOON + timedelta(hours=1))

    def test_is_sealed_and_so_is_its_end(self, kept: Kept) -> None:
        assert checked(kept).broken is None
        assert [each.person for each in holds(kept.readonly())] == ["p.1"]
        assert [each.ended_by for each in holds(kept.readonly(), ended=True)] == [None, "elm"]

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("DELETE FROM holds WHERE id = 1", "hold 1 on p.1's events was taken away"),
            ("DELETE FROM holds", "hold 1 on p.1's events was taken away"),
            ("UPDATE holds SET ended = 1, ended_by = 'oak' WHERE id = 1", "hold 1 on p.1's events"),
            (
                "UPDATE holds SET ended = NULL, ended_by = NULL",
                "hold 2 on p.2's events was changed",
            ),
            ("UPDATE holds SET person = 'p.9' WHERE id = 1", "hold 1 on p.1's events was changed"),
            ('UPDATE holds SET "case" = NULL WHERE id = 1', "hold 1 on p.1's events was changed"),
            (
                "INSERT INTO holds (id, person, began, by, why) VALUES (3, 'p.3', 1, 'oak', 'x')",
                "hold 3 on p.3's events was put in from outside",
            ),
        ],
    )
    def test_that_was_tampered_with_is_named(self, kept: Kept, script: str, words: str) -> None:
        kept.unguarded(script)
        broken = checked(kept).broken
        assert broken
        assert words in broken.why
        assert broken.seal is None

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM holds",
            "UPDATE holds SET person = 'x'",
            "UPDATE holds SET why = 'x'",
            "UPDATE holds SET ended = 1, ended_by = 'oak' WHERE id = 1",
            "UPDATE holds SET ended = NULL",
        ],
    )
    def test_is_not_changed_by_accident(self, kept: Kept, statement: str) -> None:
        with pytest.raises(REFUSALS, match="a legal hold only ends, by a release"):
            kept.ask(statement)
        assert checked(kept).broken is None

    def test_of_two_for_two_cases_only_one_is_released(self, database: Database) -> None:
        hold(database, "p.1", "oak", "Another case.", NOON, "18/26")
        assert release(database, "p.1", "oak", NOON, "17/26") == 1
        assert [each.case for each in holds(database)] == ["18/26"]
        assert release(database, "p.1", "oak", NOON) == 1
        assert verify(database).broken is None


class TestWithoutItsTriggers:
    def test_a_record_says_which_are_missing(self, kept: Kept, told: list[Event]) -> None:
        (name, table), *_ = [each for each in kept.guards() if each[0] == "events_stay"]
        kept.run(kept.drop_guard(name, table))
        broken = checked(kept).broken
        assert broken
        assert ": events_stay. A start of Schoolgate puts them back" in broken.why
        assert (broken.seal, broken.after) == (None, None)
        kept.without_guards()
        broken = checked(kept).broken
        assert broken
        assert all(name in broken.why for name, _ in kept.guards())

    def test_one_that_refuses_nothing_is_missing_too(self, kept: Kept, told: list[Event]) -> None:
        if isinstance(kept, KeptOnServer):
            kept.run("ALTER TABLE seals DISABLE TRIGGER seals_never_change")
        else:
            kept.run(
                "DROP TRIGGER seals_never_change; CREATE TRIGGER seals_never_change BEFORE UPDATE "
                "ON seals WHEN FALSE BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
        broken = checked(kept).broken
        assert broken
        assert ": seals_never_change." in broken.why

    def test_they_are_back_after_a_start_which_is_on_record(
        self, kept: Kept, told: list[Event], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = sorted(kept.guards())
        kept.without_guards()
        kept.open().dispose()
        assert sorted(kept.guards()) == made
        assert checked(kept).broken is None
        assert "were missing (events_stay, " in caplog.text
        ((facts,),) = kept.ask("SELECT facts FROM seals WHERE what = 'note'")
        assert "events_stay" in json.loads(str(facts))["triggers"]
        seals = checked(kept).seals
        kept.open().dispose()
        assert checked(kept).seals == seals


ODD_VALUES = ("'abc'", "x'ff00'", "CAST(x'ff' AS TEXT)", "9000000000000000000")


def test_whatever_is_put_anywhere_there_is_a_sentence_about_it(
    state: Path, tmp_path: Path, event: Make
) -> None:
    """A value of each kind in each column of each table; SQLite keeps them all."""
    database = open_record(state)
    with closing(database.writer()) as connection, connection.begin():
        rows = [event_row(event(action="post")) for _ in range(3)]
        rows += [event_row(event(allowed=False)) for _ in range(3)]
        ended = [completion_row(Completion(int(rows[0][0] or 0), 200, 1, 2, NOON))]
        lines = [Line(row, False) for row in rows]
        write(connection, Work(lines, [int(rows[1][0] or 0)], ended), NOON, careful=False)
    hold(database, "a.larch", "oak", "A case.", NOON)
    with changing_access(database) as changes:
        changes.add(access.Step(at=NOON, what=access.What.WITHDRAW, person="larch", by="oak"))
    seal_visits(database, NOON + timedelta(days=9))
    assert verify(database).broken is None
    database.dispose()
    kept, changed = KeptInFile(state), KeptInFile(tmp_path / "changed")
    kept.without_guards()  # which is said last
    database.cut_log()
    changed.state.mkdir()
    found = 0
    for table in ("seals", "events", "corrections", "access", "holds", "visits", "acts", "counts"):
        for (column,) in kept.ask(f"SELECT name FROM pragma_table_info('{table}')"):
            for value in ODD_VALUES:
                copyfile(state / FILE_NAME, changed.state / FILE_NAME)
                try:
                    changed.run(
                        f'PRAGMA synchronous = OFF; UPDATE OR IGNORE {table} SET "{column}" = '
                        f'{value} WHERE "{column}" IS NOT NULL'
                    )
                except sqlite3.IntegrityError:
                    continue  # not even SQLite keeps a word in the place of a row's own number
                broken = checked(changed).broken
                assert broken, (table, column, value)
                assert broken.why.endswith("."), (table, column, value)
                broken.why.encode()
                found += not broken.why.startswith("Triggers")
    assert found > 200


texts = some.text(max_size=30).filter(lambda text: "\ud800" not in text)


@settings(deadline=None)
@given(
    person=some.none() | texts, host=texts, path=some.none() | texts, size=some.integers(0, 2**63)
)
def test_any_words_are_read_back_as_they_were_sealed(
    tmp_path_factory: pytest.TempPathFactory,
    person: str | None,
    host: str,
    path: str | None,
    size: int,
) -> None:
    """SQLite and Python write the canonical form each by themselves."""
    database = shared(tmp_path_factory)
    number = database.last_event_id() + 1
    told = Event(
        id=number, at=NOON, person=person, source="", address="", site="s", host=host, scheme="",
        method="", kind="", allowed=True, outcome="", reason='"\\/', path=path,
    )  # fmt: skip
    ended = completion_row(Completion(number, None, size, size, NOON))
    with closing(database.writer()) as connection, connection.begin():
        write(connection, Work([Line(event_row(told), False)], [], [ended]), NOON, careful=False)
    assert verify(database).broken is None


_SHARED: list[Database] = []


def shared(factory: pytest.TempPathFactory) -> Database:
    if not _SHARED:
        _SHARED.append(open_record(factory.mktemp("sealed") / "var"))
    return _SHARED[0]


def test_the_documented_form_is_enough_to_work_out_a_seal(kept: Kept, told: list[Event]) -> None:
    """By hand, as somebody without this program would."""
    (((before,),), ((number, what, at, first, last, rows, digest),), inside) = (
        kept.ask("SELECT digest FROM seals WHERE number = 5"),
        kept.ask("SELECT number, what, at, first, last, rows, digest FROM seals WHERE number = 6"),
        kept.ask(
            "SELECT id, at, person, source, address, site, host, scheme, method, kind, "
            "CAST(allowed AS INTEGER), outcome, reason, rule, clause, path, policy, confidence, "
            "action, CAST(inside AS INTEGER) FROM events WHERE seal = 6 ORDER BY id"
        ),
    )
    plain = {"ensure_ascii": False, "separators": (",", ":")}
    link = [
        before.hex(),
        number,
        what,
        at,
        first,
        last,
        rows,
        digest_of(json.dumps(inside, **plain)),
    ]
    assert digest_of(json.dumps(link, **plain)) == digest.hex()
