"""What goes on record at a school is in the centre, once, whatever becomes of the link."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from storage import access
from storage.access import changing_access
from storage.centre.address import Address, CentreError, ChangedError
from storage.centre.forwarding import Forwarder
from storage.centre.kept_rows import IN_TABLES
from storage.centre.tables import EVENTS
from storage.centre.verifying import Held, verify_at
from storage.connections import Database
from storage.copies import backup, restore
from storage.database import open_record
from storage.events import first_id
from storage.guards import put_back
from storage.holds import hold, release
from storage.purging import purge_events
from storage.purging_access import purge_access
from storage.purging_visits import purge_visits
from storage.sealing import IN_ROWS, What, content, digest_of, encoded, link
from storage.verifying import head, verify
from storage.visit_keeping import settle
from storage.visit_seals import seal_visits
from storage.writing import EVENT_COLUMNS, Line, Work, event_row, write
from tests.storage.centre.conftest import Centre, forward_all, rewritten
from tests.storage.conftest import ALLOWED, NOON
from tests.storage.test_purging import DAY, fill, no_rest
from tests.support.link import Link


@pytest.fixture
def link_to(centre: Centre) -> Iterator[Link]:
    made = Link(centre.server.port)
    yield made
    made.close()


def purge(database: Database, days: int) -> int:
    before, after = NOON + days * DAY, lambda: NOON + 30 * DAY
    return purge_events(database, before, "Kept long enough.", after, step=37, rest=no_rest)


def test_the_centre_gets_all_and_gets_it_once(
    centre: Centre, database: Database, state: Path
) -> None:
    url = centre.school("ash")
    told = fill(database)
    assert forward_all(database, url) > len(told)
    assert centre.has_what("ash", state)
    held = centre.verified("ash")
    assert held.verdict == verify(database)
    assert held.verdict.head == head(database)
    assert forward_all(database, url) == 0
    fill(database, days=2)
    forward_all(database, url)
    assert centre.has_what("ash", state)


def test_steps_of_access_travel_and_so_does_their_purge(centre: Centre, database: Database) -> None:
    url = centre.school("ash")
    fill(database, days=1)
    kept = "SELECT facts FROM schoolgate.seals WHERE what = 'access' ORDER BY number"
    for day in (0, 9):
        with changing_access(database) as changes:
            for what in (access.What.WITHDRAW, access.What.RESTORE):
                changes.add(access.Step(at=NOON + day * DAY, what=what, person="p.1", by="Ö"))
    forward_all(database, url)
    assert [json.loads(facts)[0][2] for (facts,) in centre.ask(kept)] == ["withdraw", "restore"] * 2
    assert centre.verified("ash").verdict == verify(database)
    before, after = NOON + 5 * DAY, lambda: NOON + 30 * DAY
    assert purge_access(database, before, "Kept long enough.", after, rest=no_rest) == 2
    forward_all(database, url)
    assert len(centre.ask(kept)) == 2
    held = centre.verified("ash")
    assert (held.verdict.broken, held.awaited) == (None, 0)
    assert held.verdict == verify(database)


def test_visits_travel_and_so_does_their_purge(centre: Centre, database: Database) -> None:
    url = centre.school("ash")
    fill(database, days=6)
    with database.writer() as connection, connection.begin():
        settle(connection)
    sealed = seal_visits(database, NOON + 5 * DAY, rest=no_rest)
    forward_all(database, url)
    kept = "SELECT facts FROM schoolgate.seals WHERE what = 'visits'"
    assert sealed == sum(len(json.loads(facts)) for (facts,) in centre.ask(kept)) > 0
    assert centre.verified("ash").verdict == verify(database)
    before, after = NOON + 2 * DAY, lambda: NOON + 30 * DAY
    gone = purge_visits(database, before, "Kept long enough.", after, rest=no_rest)
    assert 0 < gone < sealed
    forward_all(database, url)
    assert sum(len(json.loads(facts)) for (facts,) in centre.ask(kept)) == sealed - gone
    held = centre.verified("ash")
    assert (held.verdict.broken, held.awaited) == (None, 0)
    assert held.verdict == verify(database)


def test_a_purge_travels(centre: Centre, database: Database, state: Path) -> None:
    url = centre.school("ash")
    fill(database)
    forward_all(database, url)
    hold(database, "p.1", "head", "A case.", NOON)
    assert purge(database, 6)
    forward_all(database, url)
    assert centre.has_what("ash", state), "what is held stays in both"
    assert centre.ask(
        f"SELECT DISTINCT person FROM schoolgate.events WHERE id < {first_id(NOON + 6 * DAY)}"
    ) == [("p.1",)]
    held = centre.verified("ash")
    assert (held.verdict.broken, held.awaited) == (None, 0)
    assert held.verdict.purged == verify(database).purged


def test_retention_does_not_wait_for_the_link(
    centre: Centre, database: Database, state: Path
) -> None:
    url = centre.school("ash")
    fill(database, days=3)
    forward_all(database, url)
    fill(database, days=9)
    assert purge(database, 6)
    forwarder = Forwarder(database, Address(url), rows=30)
    seen = steps = 0
    while forwarder.step().seals:
        steps += 1
        if steps % 4 != 1:
            continue
        held = centre.verified("ash")
        assert held.verdict.broken is None
        seen = max(seen, held.awaited)
    forwarder.close()
    assert seen, "for a while, what was purged is awaited as such"
    assert centre.has_what("ash", state)
    assert centre.verified("ash").awaited == 0


@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_between_the_centre_ends_with_the_same(
    centre: Centre, database: Database, state: Path, seed: int
) -> None:
    """Batches of any size, purges and holds at any moment, forwarded or not."""
    dice = random.Random(seed)
    url = centre.school("ash")
    forwarder = Forwarder(database, Address(url), dice.choice((1, 20, 100)))
    purged = 0
    for _ in range(10):
        fill(database, days=dice.randint(1, 3), a_day=20)
        for _ in range(dice.choice((0, 1, 4, 100))):
            if not forwarder.step().seals:
                break
        if dice.random() < 0.5:
            hold(database, f"p.{dice.randrange(4)}", "head", "A case.", NOON)
        if dice.random() < 0.3:
            release(database, "p.1", "head", NOON)
        if dice.random() < 0.5:
            purged += purge(database, dice.randint(0, 3))
        if dice.random() < 0.3:
            forwarder.close()
    while forwarder.step().seals:
        pass
    forwarder.close()
    assert purged
    assert centre.has_what("ash", state)
    held = centre.verified("ash")
    assert (held.verdict.broken, held.awaited) == (None, 0)
    assert held.verdict.head == head(database)


class TestALinkThatFails:
    def test_is_caught_up_after_days(
        self, centre: Centre, database: Database, state: Path, link_to: Link
    ) -> None:
        forwarder = Forwarder(database, Address(centre.school("ash", link_to.port)), rows=40)
        fill(database, days=2)
        assert forwarder.step().seals
        link_to.cut()
        fill(database, days=7)
        for _ in range(3):
            with pytest.raises(CentreError, match="cannot be used"):
                forwarder.step()
        link_to.mend()
        steps = 0
        while forwarder.step().seals:
            steps += 1
        assert steps > 5, "in batches"
        assert centre.has_what("ash", state)
        forwarder.close()

    def test_may_lose_the_answer_to_a_commit(
        self, centre: Centre, database: Database, state: Path, link_to: Link
    ) -> None:
        forwarder = Forwarder(database, Address(centre.school("ash", link_to.port)), rows=40)
        fill(database, days=2)
        forwarder.step()
        before = centre.number("events")
        link_to.lose_answer_to(b"COMMIT")
        with pytest.raises(CentreError):
            forwarder.step()
        assert link_to.lost.is_set()
        assert centre.number("events") != before, "it was committed"
        while forwarder.step().seals:
            pass
        assert centre.has_what("ash", state)
        forwarder.close()

    def test_may_go_with_the_server(self, centre: Centre, database: Database, state: Path) -> None:
        forwarder = Forwarder(database, Address(centre.school("ash")), rows=40)
        fill(database, days=2)
        forwarder.step()
        centre.server.kill()
        try:
            with pytest.raises(CentreError):
                forwarder.step()
        finally:
            centre.server.start()
        while forwarder.step().seals:
            pass
        assert centre.has_what("ash", state)
        forwarder.close()

    def test_may_be_there_twice(self, centre: Centre, database: Database, state: Path) -> None:
        """As when a process is thought dead, and another takes its place."""
        url = centre.school("ash")
        fill(database, days=3)
        one, other = (Forwarder(database, Address(url), rows=40) for _ in range(2))
        while one.step().behind + other.step().behind:
            pass
        assert centre.has_what("ash", state)
        one.close()
        other.close()


class TestAChangedRecord:
    def test_is_refused_and_what_came_before_it_is_taken(
        self, centre: Centre, database: Database, state: Path
    ) -> None:
        url = centre.school("ash")
        told = fill(database, days=3)
        with closing(rewritten(state)) as file, file:
            (seal,) = file.execute(
                "SELECT seal FROM events WHERE id = ?", (told[60].id,)
            ).fetchone()
            file.execute("UPDATE events SET person = 'b.birch' WHERE id = ?", (told[60].id,))
        with pytest.raises(ChangedError) as refused:
            forward_all(database, url)
        record = centre.ask("SELECT record, last FROM schoolgate.records")
        assert record[0][1] == seal - 1
        assert str(refused.value) == (
            f"Seal {seal} of the record {str(record[0][0])[:8]} does not fit what it stands for, or"
            " the seal before it: the record was changed after it was sealed."
        )
        assert centre.verified("ash").verdict.broken is None

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("DELETE FROM events WHERE id = {id}", "does not fit what it stands for"),
            (
                "UPDATE events SET host = CAST('x' AS BLOB) WHERE id = {id}",
                "a value of a kind that is never written",
            ),
            ("DELETE FROM seals WHERE number = {seal}", "Seal {seal} of the record is missing"),
            ("UPDATE seals SET at = at + 1 WHERE number = {seal}", "Seal {seal} of the record "),
            ("UPDATE seals SET facts = '{{}}' WHERE number = 1", "first seal is missing"),
        ],
    )
    def test_is_named(
        self, centre: Centre, database: Database, state: Path, script: str, words: str
    ) -> None:
        url = centre.school("ash")
        told = fill(database, days=3)
        facts = {"id": told[60].id}
        with closing(rewritten(state)) as file, file:
            query = "SELECT seal FROM events WHERE id = ?"
            (facts["seal"],) = file.execute(query, (told[60].id,)).fetchone()
            file.execute(script.format(**facts))
        with pytest.raises(ChangedError) as refused:
            forward_all(database, url, rows=1)
        assert words.format(**facts) in str(refused.value)
        assert str(refused.value).count(". ") <= 1

    def test_that_was_written_anew_with_all_its_seals_is_found_out(
        self, centre: Centre, database: Database, state: Path
    ) -> None:
        url = centre.school("ash")
        fill(database, days=2)
        forward_all(database, url)
        with closing(rewritten(state)) as file, file:
            for table in ("events", "acts", "visits", "unsettled", "counts"):
                file.execute(f"UPDATE {table} SET person = 'b.birch' WHERE person = 'p.1'")
            seal_anew(file)
        with database.writer() as connection, connection.begin():
            put_back(connection)
        assert verify(database).broken is None, "by itself it is whole"
        with pytest.raises(ChangedError, match=r"Seal \d+ of the record is not the one that the"):
            forward_all(database, url)

    def test_that_was_cut_off_is_found_out(
        self, centre: Centre, database: Database, state: Path
    ) -> None:
        url = centre.school("ash")
        fill(database, days=1)
        forward_all(database, url)
        newest = head(database)
        assert newest
        with closing(rewritten(state)) as file, file:
            file.execute("DELETE FROM seals WHERE number > 4")
        with pytest.raises(ChangedError, match=f"up to seal {newest.number}, and here it ends"):
            forward_all(database, url)


def seal_anew(file: sqlite3.Connection) -> None:
    """What somebody would do who has this program: every seal again, over the changed rows."""
    before = ""
    corrected = {
        row[0]: list(row[1:])
        for row in file.execute("SELECT event, outcome, reason, rule, clause FROM corrections")
    }
    for number, what, at, first, last, rows, facts in file.execute(
        "SELECT number, what, at, first, last, rows, facts FROM seals ORDER BY number"
    ).fetchall():
        if what == What.EVENTS:
            query = f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE seal = ? ORDER BY id"
            found = [list(row) for row in file.execute(query, (number,))]
            for row in found:
                if row[0] in corrected:
                    row[10:15] = [1, *corrected[row[0]]]
            inside = content(found)
        elif what == What.COMPLETIONS:
            query = (
                "SELECT id, status, bytes_up, bytes_down, ended_at FROM events "
                "WHERE ended_seal = ? ORDER BY id"
            )
            inside = content([list(row) for row in file.execute(query, (number,))])
        elif what == What.CORRECTIONS:
            query = (
                "SELECT event, outcome, reason, rule, clause FROM corrections "
                "WHERE seal = ? ORDER BY event"
            )
            inside = content([list(row) for row in file.execute(query, (number,))])
        else:
            inside = digest_of(facts)
        before = link(before, number, what, at, first, last, rows, inside)
        file.execute(
            "UPDATE seals SET digest = ? WHERE number = ?", (bytes.fromhex(before), number)
        )


class TestACopyThatWasPutBack:
    def test_goes_on_once_somebody_has_said_so(
        self, centre: Centre, database: Database, state: Path, tmp_path: Path
    ) -> None:
        url = centre.school("ash")
        fill(database, days=3)
        backup(database, tmp_path / "copy")
        fill(database, days=2)
        purge(database, 1)
        forward_all(database, url)
        lost = centre.number("events")
        restore(state, tmp_path / "copy", NOON + 6 * DAY)
        fill(database, days=1)
        with pytest.raises(ChangedError, match="an older copy was put back"):
            forward_all(database, url)
        forwarder = Forwarder(database, Address(url), rows=50)
        assert forwarder.put_back()
        while forwarder.step().seals:
            pass
        apart, in_use = (
            centre.ask(
                "SELECT count(*) FROM schoolgate.events e JOIN schoolgate.records r "
                f"ON r.number = e.record WHERE r.after {sign} 0"
            )[0][0]
            for sign in (">", "=")
        )
        assert apart
        assert lost
        assert in_use
        for held in verify_both(centre):
            assert held.verdict.broken is None
        purge(database, 1)
        while forwarder.step().seals:
            pass
        assert [held.awaited for held in verify_both(centre)] == [0, 0]
        forwarder.close()

    def test_changes_nothing_where_none_was(self, centre: Centre, database: Database) -> None:
        url = centre.school("ash")
        fill(database, days=1)
        forward_all(database, url)
        with pytest.raises(ChangedError, match="does not say that a copy was put back"):
            Forwarder(database, Address(url)).put_back()


def verify_both(centre: Centre) -> tuple[Held, ...]:
    found = verify_at(Address(centre.url()), "ash")
    assert len(found) == 2
    return found


def test_records_no_longer_in_use_are_thinned_by_rule(
    centre: Centre, database: Database, state: Path, tmp_path: Path
) -> None:
    url = centre.school("ash")
    fill(database, days=4)
    forward_all(database, url)
    new = open_record(tmp_path / "new")
    fill(new, days=1)
    hold(new, "p.3", "head", "A case.", NOON)
    forward_all(new, url)
    forwarder = Forwarder(new, Address(url))
    assert forwarder.forget(NOON + 2 * DAY) == 64
    assert forwarder.forget(NOON + 2 * DAY) == 0
    forwarder.close()
    old, in_use = verify_both(centre)
    assert (old.verdict.broken, in_use.verdict.broken) == (None, None)
    assert old.thinned
    assert not in_use.thinned
    assert centre.ask("SELECT events FROM schoolgate.forgotten") == [(64,)]
    left = "SELECT DISTINCT person FROM schoolgate.events WHERE record = 1 AND id < {}"
    assert centre.ask(left.format(first_id(NOON + 2 * DAY))) == [("p.3",)]


def test_what_a_newer_gateway_says_of_an_event_is_kept_as_it_was_sealed(
    centre: Centre, database: Database, state: Path
) -> None:
    """By hand, as a later release with two more columns would send it."""
    url = centre.school("ash")
    forward_all(database, url)
    newest = head(database)
    assert newest
    row = (*event_row(replace(ALLOWED, id=5, confidence=90, action="post")), None, "später")
    text = content([row])
    facts = (2, "events", 7, 5, 5, 1)
    digest = link(newest.digest, *facts, text)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(
            "SELECT schoolgate.take(record, 1, digest, %s::bigint[], ARRAY[digest], %s::text[], "
            "%s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::bytea[], %s::text[]) "
            "FROM schoolgate.records",
            [*([each] for each in facts), [bytes.fromhex(digest)], [f"[{encoded(row)}]"]],
        )
    assert centre.ask("SELECT action, more FROM schoolgate.events") == [("post", [None, "später"])]
    assert centre.verified("ash").verdict.broken is None


def test_the_centre_knows_each_kind_of_row_that_is_sealed() -> None:
    """Of kinds without a table there it keeps the text; a column comes with a new version."""
    assert set(IN_TABLES) == {What.EVENTS, What.CORRECTIONS, What.COMPLETIONS}
    assert set(IN_ROWS) - set(IN_TABLES) == {What.ACCESS, What.VISITS}
    assert tuple(EVENTS.c.keys())[3:-1] == EVENT_COLUMNS


def test_memory_does_not_grow_with_what_is_to_be_sent(centre: Centre, database: Database) -> None:
    """A batch is bounded in rows and in seals."""
    url = centre.school("ash")
    with closing(database.writer()) as connection:
        for number in range(300):
            at = NOON + timedelta(seconds=number)
            lines = [Line(event_row(replace(ALLOWED, id=number + 1, at=at)), False)]
            with connection.begin():
                write(connection, Work(lines, [], []), at, careful=False)
    forwarder = Forwarder(database, Address(url), rows=64)
    sent = []
    while (progress := forwarder.step()).seals:
        sent.append(progress.rows)
    forwarder.close()
    assert sum(sent) == 300
    assert max(sent) <= 64
