"""`--record URL`, as it is typed: every command that opens the record finds it on the server."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from addon.record_address import RECORD_VARIABLE
from scripts.cli import main
from storage.database import open_record
from storage.events import Event, EventIds
from storage.record_server import LOCK
from storage.recorder import Recorder
from tests.scripts.test_run import policy_text
from tests.support.origin import Origin
from tests.support.postgresql import PostgresServer
from tests.support.running_gate import wait_until
from tests.support.schoolgate import Schoolgate, free_port


@pytest.fixture
def url(postgres: PostgresServer, filled: str) -> Iterator[str]:
    """A record of its own for each test, with three events."""
    name = postgres.new_database(like=filled)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of its database."""
    name = postgres.new_database()
    ids, now = EventIds(0), datetime.now(UTC)
    recorder = Recorder(open_record(tmp_path_factory.mktemp("filled"), postgres.url(name)))
    recorder.start()
    for _ in range(3):
        recorder.note(
            Event(
                id=ids.next(now), at=now, person="fern.example", source="address",
                address="127.0.0.1", site="facebook", host="www.facebook.com", scheme="https",
                method="GET", kind="navigation", allowed=False, outcome="no-purpose", reason="-",
            )
        )  # fmt: skip
    assert recorder.close(30) == 0
    return name


def typed(state: Path, url: str, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--state", str(state)], env={RECORD_VARIABLE: url})


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("record", "verify"), 0, "The record is whole: 3 events in 2 seals"),
        (("record", "head"), 0, "2:"),
        (("record", "purge"), 0, "Removed 0 events"),
        (("record", "upgrade"), 0, "is up to date"),
        (("record", "backup", "copy"), 1, "pg_dump"),
        (("record", "restore", "copy"), 1, "pg_restore"),
        (("report", "overview"), 0, "Facebook"),
        (("replay",), 0, ""),
        (("access", "list"), 0, "Nothing is granted"),
        (("who", "127.0.0.1"), 0, "fern.example"),
        (("explain", "https://x.com/", "--as", "fern.example"), 0, ""),
    ],
)
def test_each_command(
    url: str, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    (tmp_path / "var").mkdir()
    found = typed(tmp_path / "var", url, *words)
    assert (found.exit_code, found.exception if found.exit_code > 1 else None) == (status, None)
    assert said in found.output
    assert not (tmp_path / "var" / "record.sqlite3").exists()
    assert "a%20pass" not in found.output


def test_a_purge_that_finds_nobody_there_may_be_tried_again_soon(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    away = url.replace(f":{postgres.port}/", f":{free_port()}/")
    found = typed(tmp_path / "var", away, "record", "purge")
    assert (found.exit_code, found.output.count("cannot be reached")) == (75, 1)
    wrong = url.replace("a%20pass", "another")
    found = typed(tmp_path / "var", wrong, "record", "purge")
    assert (found.exit_code, found.output.count("the user or the password")) == (1, 1)
    with postgres.connect(url.rpartition("/")[2]) as other, other.transaction():
        other.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        found = typed(tmp_path / "var", url, "record", "purge")
    assert (found.exit_code, found.output.count("is kept locked")) == (75, 1)
    assert typed(tmp_path / "var", url, "record", "purge").exit_code == 0


def test_a_hold_and_a_withdrawal(url: str, tmp_path: Path) -> None:
    by = ("--by", "rowan.example")
    state = tmp_path / "var"
    held = typed(state, url, "record", "hold", "fern.example", *by, "--why", "A case.")
    assert held.exit_code == 0, held.output
    assert typed(state, url, "record", "release", "fern.example", *by).exit_code == 0
    gone = typed(state, url, "access", "withdraw", "fern.example", *by, "--reason", "Misuse.")
    assert gone.exit_code == 0, gone.output
    assert "withdrawn" in typed(state, url, "access", "list").output
    own = typed(state, url, "record", "export", "fern.example", "--to", str(tmp_path / "own"), *by)
    assert own.exit_code == 0, own.output
    assert "3 events" in own.output


def test_a_password_on_the_command_line_is_warned_of(url: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        main, ["record", "head", "--state", str(tmp_path / "var"), "--record", url]
    )
    assert found.exit_code == 0
    assert "Everybody on this computer can read the password" in found.output
    quiet = typed(tmp_path / "var", url, "record", "head")
    assert "Everybody" not in quiet.output


def test_the_password_may_be_in_a_file(url: str, tmp_path: Path, postgres: PostgresServer) -> None:
    secret = tmp_path / "pgpass"
    secret.write_text(f"127.0.0.1:*:*:postgres:{postgres.password}\n")
    secret.chmod(0o600)
    without = url.replace(":a%20pass%2Fword%25@", "@")
    assert without != url
    found = CliRunner().invoke(
        main,
        ["record", "head", "--state", str(tmp_path / "var"), "--record", without],
        env={"PGPASSFILE": str(secret)},
    )
    assert (found.exit_code, found.output[:2]) == (0, "2:")


@pytest.mark.parametrize("address", ["nonsense", "sqlite:///x", "mysql://a:secret@b/c"])
def test_an_address_that_is_none_is_wrong_usage(tmp_path: Path, address: str) -> None:
    found = CliRunner().invoke(main, ["record", "head", "--record", address])
    assert found.exit_code == 2
    assert "postgresql+psycopg://" in found.output
    assert "secret" not in found.output


def test_no_variable_means_the_file(tmp_path: Path) -> None:
    assert RECORD_VARIABLE not in os.environ
    found = typed(tmp_path / "var", "", "record", "head")
    assert "There is no record at" in found.output


def test_a_second_gate_on_one_database_does_not_start_until_the_first_is_gone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_VARIABLE, url)
    with Schoolgate(tmp_path / "one") as first, Origin() as origin:
        second = Schoolgate(tmp_path / "two")
        with pytest.raises(AssertionError):
            second.__enter__()
        assert second.process.returncode == 1
        said = second.errors().splitlines()[-1]
        assert re.fullmatch(
            rf"Another gateway \({socket.gethostname()[:25]}, process {first.process.pid}, since"
            r" \d\d:\d\d UTC on \d+ \w+ \d{4}\) already writes to the database '\w+' on"
            r" 127\.0\.0\.1:\d+: stop it, or give each gateway a database of its own\.",
            said,
        )
        assert "Traceback" not in second.errors()
        with httpx.Client(proxy=first.proxy, timeout=60) as client:
            assert client.get(f"http://127.0.0.1:{origin.port}/").status_code in (200, 403)
        first.process.kill()
        first.process.wait()
        with second:
            assert second.said_ready()
        assert "gateway" not in first.errors()


def test_a_gate_goes_on_through_an_outage_of_its_server(
    postgres: PostgresServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_VARIABLE, url)
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy_text(noticeboard_is_open=True))

    def status(what: str) -> int:
        with httpx.Client(proxy=gate.proxy, timeout=60) as client:
            return client.get(what).status_code

    with Origin() as origin, Schoolgate(tmp_path / "gate", policy=policy) as gate:
        allowed, refused = f"http://127.0.0.1:{origin.port}/", "http://www.facebook.com/"
        assert (status(allowed), status(refused)) == (200, 403)
        seen = len(origin.seen)
        postgres.stop()
        try:
            assert (status(allowed), status(refused)) == (503, 403)
            assert len(origin.seen) == seen
        finally:
            postgres.start()
        wait_until(lambda: status(allowed) == 200, 60)
        for child in gate.children().values():
            assert b"postgresql" not in Path(f"/proc/{child}/cmdline").read_bytes()
    assert "a%20pass" not in gate.output() + gate.errors()
    assert "The record is whole" in typed(tmp_path / "gate", url, "record", "verify").output
    assert not (tmp_path / "gate" / "record.sqlite3").exists()


def test_a_withdrawal_outlasts_a_start_without_the_server(
    postgres: PostgresServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_VARIABLE, url)
    gone, back = (
        ("access", what, "fern.example", "--by", "rowan.example", *more)
        for what, more in (("withdraw", ("--reason", "Misuse.")), ("restore", ()))
    )

    def status(gate: Schoolgate, origin: Origin) -> int:
        # By another name than the portal's, which stays open to all. A withdrawal cuts what is
        # open: then there is no answer.
        with suppress(httpx.TransportError), httpx.Client(proxy=gate.proxy, timeout=60) as client:
            return client.get(f"http://localhost:{origin.port}/").status_code
        return 0

    with Origin() as origin:
        with Schoolgate(tmp_path / "gate") as gate:
            assert status(gate, origin) == 200
            assert typed(tmp_path / "gate", url, *gone).exit_code == 0
            wait_until(lambda: status(gate, origin) == 403)
        postgres.stop()
        try:
            with Schoolgate(tmp_path / "gate") as gate:
                assert status(gate, origin) == 403
                postgres.start()
                assert typed(tmp_path / "gate", url, *back).exit_code == 0
                wait_until(lambda: status(gate, origin) == 200)
        finally:
            postgres.start()
