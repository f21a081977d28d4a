"""Grants and withdrawals as a worker holds them, over a real record that others change."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from addon.access_in_force import AccessInForce
from addon.kept_withdrawals import KeptWithdrawals
from rules.decision import Grant
from rules.request import Person, Role
from storage.access import AccessReader, Step, What, changing_access
from storage.copies import backup
from storage.database import Database, RecordError, open_record, open_record_readonly
from storage.purging_access import purge_access
from tests.storage.conftest import without_guards
from tests.support.pace import promised
from tests.support.running_gate import wait_until

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOON = 1.0
"""Seconds within which every change is known."""


class Clocks:
    """The wall clock, which can be set wrong, and the steady one, which cannot."""

    def __init__(self) -> None:
        self.wall, self.seconds = NINE, 1000.0

    def passes(self, by: timedelta) -> datetime:
        self.wall += by
        self.seconds += by.total_seconds()
        return self.wall


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def database(state: Path) -> Iterator[Database]:
    database = open_record(state)
    yield database
    database.dispose()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def access(database: Database, state: Path, clocks: Clocks) -> Iterator[AccessInForce]:
    """Looks when it is told to, by clocks that the test sets."""
    access = AccessInForce(
        open_record_readonly(state), clock=lambda: clocks.wall, steady=lambda: clocks.seconds
    )
    access.look()
    yield access
    access.close()


class Later:
    """Both clocks as they are, and further on by as much as a test says."""

    def __init__(self) -> None:
        self.by = timedelta()

    def wall(self) -> datetime:
        return datetime.now(UTC) + self.by

    def steady(self) -> float:
        return time.monotonic() + self.by.total_seconds()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def following(database: Database, state: Path, later: Later) -> Iterator[AccessInForce]:
    """Follows by itself, as in a worker."""
    access = AccessInForce(open_record_readonly(state), clock=later.wall, steady=later.steady)
    access.start()
    yield access
    access.close()


def add(database: Database, what: What, person: str = "larch", **more: object) -> Step:
    if what is What.GRANT:
        more = {"site": "x", "starts": NINE, "until": NINE + HOUR, "purpose": "lesson", **more}
    with changing_access(database) as changes:
        return changes.add(Step(at=datetime.now(UTC), what=what, person=person, by="oak", **more))  # type: ignore[arg-type]


def test_a_grant_is_known_as_the_rules_know_it(access: AccessInForce, database: Database) -> None:
    add(database, What.GRANT)
    access.look()
    assert access.grants_of("larch", NINE) == (
        Grant("larch", "x", NINE + HOUR, "lesson", "lesson#1"),
    )
    assert access.grants_of("maple", NINE) == ()


def test_a_grant_ends_by_itself_and_begins_when_it_should(
    access: AccessInForce, database: Database, clocks: Clocks
) -> None:
    add(database, What.GRANT, starts=NINE + HOUR, until=NINE + 2 * HOUR)
    access.look()
    assert not access.grants_of("larch", clocks.wall)
    assert access.grants_of("larch", clocks.passes(HOUR))
    assert access.grants_of("larch", clocks.passes(HOUR - timedelta(seconds=1)))
    assert not access.grants_of("larch", clocks.passes(timedelta(seconds=1)))


def test_a_withdrawal_marks_the_person_until_they_are_restored(
    access: AccessInForce, database: Database
) -> None:
    larch = Person("larch", "A Larch", Role.EMPLOYEE)
    assert access.as_it_stands(larch) is larch
    add(database, What.WITHDRAW)
    access.look()
    assert access.as_it_stands(larch).withdrawn
    assert (access.is_withdrawn("larch"), access.withdrawn()) == (True, frozenset({"larch"}))
    add(database, What.RESTORE)
    access.look()
    assert access.as_it_stands(larch) is larch
    assert access.withdrawn() == frozenset()


class TestAClockThatIsSet:
    def test_back_does_not_lengthen_a_grant(
        self, access: AccessInForce, database: Database, clocks: Clocks
    ) -> None:
        add(database, What.GRANT)
        access.look()
        clocks.passes(HOUR / 2)
        clocks.wall -= HOUR / 2
        access.look()
        assert access.grants_of("larch", clocks.wall)
        clocks.passes(HOUR / 2)
        access.look()
        assert clocks.wall < NINE + HOUR
        assert not access.grants_of("larch", clocks.wall)

    def test_back_does_not_bring_a_revoked_grant_to_life(
        self, access: AccessInForce, database: Database, clocks: Clocks
    ) -> None:
        add(database, What.GRANT)
        add(database, What.REVOKE, site="x")
        clocks.wall -= HOUR / 4
        access.look()
        assert not access.grants_of("larch", NINE)

    def test_ahead_and_right_again_leaves_a_grant_as_it_was(
        self, access: AccessInForce, database: Database, clocks: Clocks
    ) -> None:
        add(database, What.GRANT)
        access.look()
        clocks.wall += 5000 * HOUR
        access.look()
        add(database, What.GRANT, "maple")
        access.look()
        assert not access.grants_of("larch", clocks.wall)
        clocks.wall -= 5000 * HOUR
        access.look()
        assert access.grants_of("larch", clocks.wall)
        assert access.grants_of("maple", clocks.wall)


class TestARecordInTrouble:
    """Each does to the file what happens to files; the following goes on."""

    @pytest.fixture(autouse=True)
    def _known(self, database: Database, following: AccessInForce) -> None:
        now = datetime.now(UTC)
        add(database, What.GRANT, starts=now, until=now + HOUR)
        add(database, What.WITHDRAW, "maple")
        wait_until(lambda: following.withdrawn(), promised(SOON))
        assert following.grants_of("larch", datetime.now(UTC))

    @staticmethod
    def assert_goes_on(
        following: AccessInForce, later: Later, caplog: pytest.LogCaptureFixture
    ) -> None:
        wait_until(lambda: caplog.records)
        assert following.is_withdrawn("maple")
        assert following.grants_of("larch", later.wall())
        later.by = HOUR
        assert not following.grants_of("larch", later.wall())
        time.sleep(0.6)
        assert following.is_withdrawn("maple")
        assert len(caplog.records) == 1
        assert "grants end when they were to end, and withdrawals go on" in caplog.text

    def test_gone(
        self,
        following: AccessInForce,
        later: Later,
        state: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        shutil.rmtree(state)
        self.assert_goes_on(following, later, caplog)
        assert "is gone" in caplog.text

    def test_no_database_any_more(
        self,
        following: AccessInForce,
        later: Later,
        state: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        other = state / "other"
        other.write_bytes(b"not a database " * 1000)
        for old in state.glob("record.sqlite3*"):
            old.unlink()
        other.rename(state / "record.sqlite3")
        self.assert_goes_on(following, later, caplog)

    def test_gone_and_begun_anew_keeps_the_withdrawal_until_somebody_restores(
        self, following: AccessInForce, state: Path
    ) -> None:
        shutil.move(state, state.with_name("aside"))
        fresh = open_record(state)
        add(fresh, What.WITHDRAW, "hazel")
        wait_until(lambda: following.is_withdrawn("hazel"), promised(SOON + 1))
        assert following.withdrawn() == {"hazel", "maple"}
        assert not following.grants_of("larch", datetime.now(UTC))
        add(fresh, What.RESTORE, "maple")
        wait_until(lambda: following.withdrawn() == {"hazel"}, promised(SOON))

    def test_locked_by_another_program_for_a_while(
        self, following: AccessInForce, database: Database, state: Path
    ) -> None:
        with closing(sqlite3.connect(state / "record.sqlite3", isolation_level=None)) as rude:
            rude.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            assert following.is_withdrawn("maple")
            assert following.grants_of("larch", datetime.now(UTC))
            assert time.monotonic() - started < promised(0.1)
            time.sleep(0.5)
            rude.execute("COMMIT")
        add(database, What.RESTORE, "maple")
        wait_until(lambda: not following.withdrawn(), promised(SOON))


def put_back_in_place(state: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(copy)) as source,
        closing(sqlite3.connect(state / "record.sqlite3")) as file,
    ):
        source.backup(file)


def put_back_and_gone_on_with(state: Path, copy: Path) -> None:
    """By as many steps as it had: the last number is the same again."""
    put_back_in_place(state, copy)
    add(open_record(state), What.GRANT, "hazel")
    add(open_record(state), What.GRANT, "hazel")


def cut(state: Path, _: Path) -> None:
    with without_guards(state) as file:
        file.execute("DELETE FROM seals WHERE number > 3")
        file.execute("DELETE FROM access WHERE id > 2")


def taken_out(state: Path, _: Path) -> None:
    with without_guards(state) as file:
        file.execute("DELETE FROM access WHERE person = 'maple' AND id > 2")


@pytest.mark.parametrize("happen", [put_back_in_place, put_back_and_gone_on_with, cut, taken_out])
def test_a_record_that_is_changed_in_its_file_gives_nobody_their_access_back(
    database: Database, state: Path, clocks: Clocks, happen: Callable[[Path, Path], None]
) -> None:
    kept = KeptWithdrawals(state)
    access = AccessInForce(
        open_record_readonly(state), kept, clock=lambda: clocks.wall, steady=lambda: clocks.seconds
    )
    add(database, What.WITHDRAW, "maple")
    add(database, What.RESTORE, "maple")
    backup(database, copy := state / "copy")
    add(database, What.WITHDRAW, "maple")
    add(database, What.GRANT)
    access.look()
    assert access.withdrawn() == {"maple"}
    inode = (state / "record.sqlite3").stat().st_ino
    happen(state, copy)
    assert (state / "record.sqlite3").stat().st_ino == inode
    access.look()
    add(database, What.GRANT, "birch")
    access.look()
    assert access.withdrawn() == kept.read() == {"maple"}
    add(database, What.WITHDRAW, "maple")  # as `storage.continuity` does
    access.look()
    add(database, What.RESTORE, "maple")
    access.look()
    access.close()
    assert access.withdrawn() == kept.read() == frozenset()


def test_a_purge_is_no_exchange(database: Database, state: Path) -> None:
    reading = open_record_readonly(state)
    access = AccessInForce(reading, clock=lambda: NINE)
    for what in (What.WITHDRAW, What.RESTORE):
        add(database, what, "larch")
    add(database, What.WITHDRAW, "maple")
    for what in (What.WITHDRAW, What.RESTORE):
        add(database, what, "hazel")
    access.look()
    reader = AccessReader(reading)
    reader.look(NINE)
    before = reader.identity
    assert purge_access(database, datetime.now(UTC), "old", lambda: datetime.now(UTC)) == 4
    assert reader.look(NINE)
    assert reader.identity == before
    access.look()
    assert access.withdrawn() == {"maple"}
    reader.close()
    access.close()


def test_a_restoration_counts_though_the_clock_was_set_back(
    access: AccessInForce, database: Database
) -> None:
    add(database, What.WITHDRAW, "maple")
    access.look()
    with changing_access(database) as changes:
        early = datetime.now(UTC) - HOUR
        changes.add(Step(at=early, what=What.RESTORE, person="maple", by="oak"))
    access.look()
    assert access.withdrawn() == frozenset()


def test_without_a_record_it_does_not_start(database: Database, state: Path) -> None:
    reading = open_record_readonly(state)
    shutil.rmtree(state)
    with pytest.raises(RecordError, match="is gone"):
        AccessInForce(reading).start()


def test_whoever_wants_to_know_is_told_of_each_change(
    following: AccessInForce, database: Database
) -> None:
    told: list[frozenset[str]] = []
    following.on_change(lambda: told.append(following.withdrawn()))
    add(database, What.WITHDRAW)
    wait_until(lambda: told, promised(SOON))
    assert told == [frozenset({"larch"})]


def test_asking_costs_microseconds_whatever_the_history(
    access: AccessInForce, database: Database
) -> None:
    with changing_access(database) as changes:
        for number in range(2000):
            changes.add(
                Step(
                    at=NINE, what=What.GRANT, person=f"p{number}", by="oak", site="x",
                    starts=NINE, until=NINE + HOUR, purpose="lesson",
                )
            )  # fmt: skip
    access.look()
    ask: Callable[[], object] = lambda: (access.is_withdrawn("p7"), access.grants_of("p7", NINE))  # noqa: E731
    best = min(_seconds(ask) for _ in range(20))
    assert best < 50e-6


def _seconds(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(100):
        ask()
    return (time.perf_counter() - started) / 100


def test_of_a_thousand_grants_and_endings_by_four_processes_none_is_used_a_second_too_long(
    following: AccessInForce, database: Database, state: Path
) -> None:
    program, writers, rounds, people = Path(__file__).with_name("granting.py"), 4, 5, 25
    everybody = [f"p{number}.{place}" for number in range(writers) for place in range(people)]
    children = [
        subprocess.Popen(
            [sys.executable, str(program), str(state), str(number), str(rounds), str(people)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(writers)
    ]
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    while any(child.poll() is None for child in children) or time.time() - max(last.values()) < 1:
        for person in everybody:
            for grant in following.grants_of(person, datetime.now(UTC)):
                last[grant.reference] = time.time()
                first.setdefault(grant.reference, last[grant.reference])
        time.sleep(0.01)
    told: dict[str, tuple[float, float]] = {}
    for child in children:
        output, errors = child.communicate()
        assert (child.returncode, errors) == (0, "")
        for line in output.splitlines():
            reference, began, ended = line.split()
            told[reference] = float(began), float(ended)
    assert len(told) == writers * rounds * people
    late = {
        ref: first[ref] - told[ref][0]
        for ref in first
        if first[ref] - told[ref][0] > promised(SOON)
    }
    over = {
        ref: last[ref] - told[ref][1] for ref in last if last[ref] - told[ref][1] > promised(SOON)
    }
    assert (late, over) == ({}, {})
    # Those that end by themselves are short: on a slow machine some are never seen.
    assert len(first) >= len(told) * 0.5
