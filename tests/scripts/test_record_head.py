"""`schoolgate record head`: printed, written elsewhere and mailed, and once a day by `run`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from addon.doctor.finding import Verdict
from addon.doctor.heads import examine
from addon.doctor.patient import Patient
from addon.endpoint import Endpoint
from addon.kept_heads import How, Place, places, put_down
from rules.loading import SHIPPED_POLICY, load_policy
from scripts.cli import main
from storage.database import open_record
from tests.support.mail_server import PASSWORD, USER, Letterbox, mail_server, tls_for
from tests.support.running_gate import wait_until
from tests.support.schoolgate import Schoolgate, free_port

NOW = datetime.now(UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "var"
    open_record(state).dispose()
    return state


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with mail_server() as box:
        yield box


def head(state: Path, *words: str, **environment: str) -> Result:
    typed = ["record", "head", *words, "--state", str(state)]
    return CliRunner().invoke(main, typed, env=environment)


def at(box: Letterbox) -> tuple[str, str]:
    return "--smtp", f"127.0.0.1:{box.port}"


def test_a_file_gets_a_dated_line_each_time_that_verify_reads(state: Path, tmp_path: Path) -> None:
    kept = tmp_path / "heads.txt"
    for number in (1, 2):
        said = head(state, "--to", str(kept))
        assert said.exit_code == 0, said.output
        printed, written = said.stdout.splitlines()
        assert written == f"Written to {kept}."
        assert len(kept.read_text().splitlines()) == number
    last = kept.read_text().splitlines()[-1]
    assert re.fullmatch(re.escape(printed) + r", written \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", last)
    words = ["record", "verify", "--head", str(kept), "--state", str(state)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert json.loads(head(state, "--json", "--to", str(kept)).stdout)["written"] == str(kept)


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["--to", "FOLDER"], 1, "is a folder: name a file in it"),
        (["--to", "FOLDER/none/heads"], 1, "see whether the disk or share is there"),
        (["--to", "STATE/heads"], 2, "is beside the record"),
        (["--mail"], 2, "Name it with --smtp HOST"),
        (["--mail-to", "nobody"], 2, "is not an e-mail address"),
        (["--mail-to", "a@x..y", "--smtp", "localhost"], 1, "to or from a@x..y: see whether"),
        (["--mail-to", "a@[x.y", "--smtp", "localhost"], 1, "to or from a@[x.y: see whether"),
        (
            ["--mail", "--mail-from", "ä@x.y", "--smtp", "localhost"],
            1,
            "to or from ä@x.y: see whether",
        ),
        (["--mail", "--smtp", "a b"], 2, "write it like 'mail.school.example:587'"),
        (["--mail", "--smtp", "localhost:70000"], 2, "is not a mail server"),
        (
            ["--mail", "--smtp", "localhost", "--smtp-user", "me"],
            1,
            "The password of me is missing",
        ),
        (
            [
                "--mail",
                "--smtp",
                "localhost",
                "--smtp-user",
                "me",
                "--smtp-password-file",
                "FOLDER",
            ],
            1,
            "cannot be read as the file with the mail password",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    state: Path, tmp_path: Path, words: list[str], status: int, part: str
) -> None:
    (tmp_path / "folder").mkdir()
    places = {"FOLDER": str(tmp_path / "folder"), "STATE": str(state)}
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    said = head(state, *words)
    assert said.exit_code == status
    assert part in said.stderr
    assert len(said.stderr.splitlines()) == 1


class TestTheMail:
    def test_says_the_chair_what_it_is_why_and_what_to_do(
        self, state: Path, box: Letterbox
    ) -> None:
        said = head(state, "--mail", *at(box))
        assert said.exit_code == 0, said.output
        printed, sent = said.stdout.splitlines()
        assert sent == "Sent to chair@school.example."
        (mail,) = box.mails
        assert box.to == ["chair@school.example"]
        assert mail["From"] == "Schoolgate <it@school.example>"
        assert mail["Subject"].startswith("Please keep: ")
        assert mail.get_content_type() == "text/plain"
        lines = mail.get_content().splitlines()
        seal = printed.split()[0]
        assert seal in lines
        assert f"schoolgate record verify --head {seal}" in lines
        assert {"What it is", "Why to keep it", "What to do with it"} <= set(lines)
        # It goes through other people's servers: it says nothing of anybody, not even whose it is.
        for person in load_policy(SHIPPED_POLICY).people.values():
            assert person.id not in str(mail)
            assert person.name not in str(mail)
        assert "Linden" not in str(mail)

    def test_goes_elsewhere_if_that_is_said(self, state: Path, box: Letterbox) -> None:
        words = ("--mail-to", "clerk@school.example", "--mail-from", "gate@school.example")
        assert head(state, *words, *at(box)).exit_code == 0
        assert box.to == ["clerk@school.example"]
        assert box.mails[0]["From"] == "Schoolgate <gate@school.example>"

    @pytest.mark.parametrize("where", ["file", "variable"])
    def test_logs_in_with_a_password_that_is_no_argument(
        self, state: Path, tmp_path: Path, where: str
    ) -> None:
        tls, authority = tls_for("localhost", tmp_path)
        password = tmp_path / "password"
        password.write_text(f"{PASSWORD}\n")
        environment = {
            "file": {"SCHOOLGATE_SMTP_PASSWORD_FILE": str(password)},
            "variable": {"SCHOOLGATE_SMTP_PASSWORD": PASSWORD},
        }[where]
        with mail_server(tls, log_in=True) as box:
            environment |= {
                "SCHOOLGATE_SMTP": f"localhost:{box.port}",
                "SCHOOLGATE_SMTP_USER": USER,
                "SCHOOLGATE_SMTP_CA": str(authority),
            }
            said = head(state, "--mail", **environment)
            assert said.exit_code == 0, said.output
        assert (box.users, box.encrypted) == ([USER], [True])

    def test_that_fails_keeps_the_file_no_line_back(
        self, state: Path, tmp_path: Path, box: Letterbox
    ) -> None:
        box.refusals["RCPT"] = "550 no such user"
        kept = tmp_path / "heads.txt"
        said = head(state, "--to", str(kept), "--mail", *at(box))
        assert said.exit_code == 1
        assert "takes no mail for chair@school.example (550 no such user)" in said.stderr
        assert len(kept.read_text().splitlines()) == 1

    def test_without_its_password_keeps_no_line_back_either(
        self, state: Path, tmp_path: Path
    ) -> None:
        kept = tmp_path / "heads.txt"
        words = ("--once-a-day", "--to", str(kept), "--mail", "--smtp", "localhost")
        assert head(state, *words, "--smtp-user", "me").exit_code == 1
        assert len(kept.read_text().splitlines()) == 1


class TestOnceADay:
    def words(self, tmp_path: Path, box: Letterbox) -> tuple[str, ...]:
        return ("--once-a-day", "--to", str(tmp_path / "heads.txt"), "--mail", *at(box))

    def lines(self, tmp_path: Path) -> int:
        return len((tmp_path / "heads.txt").read_text().splitlines())

    def test_it_goes_once_and_the_next_day_again(
        self, state: Path, tmp_path: Path, box: Letterbox
    ) -> None:
        for _ in range(3):
            assert head(state, *self.words(tmp_path, box)).exit_code == 0
        assert (self.lines(tmp_path), len(box.mails)) == (1, 1)
        for each in places(state):
            assert each.wanted
            assert each.done is not None
            put_down(state, replace(each, done=each.done - timedelta(days=1)))
        assert head(state, *self.words(tmp_path, box)).exit_code == 0
        assert (self.lines(tmp_path), len(box.mails)) == (2, 2)

    def test_only_what_failed_is_tried_again(
        self, state: Path, tmp_path: Path, box: Letterbox
    ) -> None:
        box.refusals["DATA"] = "451 try again later"
        assert head(state, *self.words(tmp_path, box)).exit_code == 75
        box.refusals.clear()
        assert head(state, *self.words(tmp_path, box)).exit_code == 0
        assert (self.lines(tmp_path), len(box.mails)) == (1, 1)

    def test_it_does_not_go_where_that_cannot_be_noted(
        self, state: Path, tmp_path: Path, box: Letterbox
    ) -> None:
        (state / "kept-heads.json").mkdir()
        assert head(state, *self.words(tmp_path, box)).exit_code == 75
        assert not (tmp_path / "heads.txt").exists()
        assert box.mails == []


FILE = Place(How.FILE, "/mnt/heads.txt", wanted=True)
MAIL = Place(How.MAIL, "chair@school.example", wanted=True)


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([], [(Verdict.LOOK, "kept nowhere else")]),
        ([replace(FILE, done=NOW)], [(Verdict.GOOD, "last written to /mnt/heads.txt on ")]),
        (
            [replace(FILE, done=NOW - timedelta(days=2, hours=1)), replace(MAIL, done=NOW)],
            [(Verdict.GOOD, "last sent to chair@"), (Verdict.LOOK, "last written to /mnt/")],
        ),
        ([replace(MAIL, problem="It is off.")], [(Verdict.LOOK, "not been sent to chair@")]),
        (
            [replace(FILE, wanted=False, done=NOW), replace(MAIL, wanted=False)],
            [(Verdict.GOOD, "last written to")],
        ),
        ([replace(FILE, wanted=False, done=NOW), MAIL], [(Verdict.LOOK, "not been sent")]),
    ],
)
def test_the_doctor_says_when_it_last_went(
    tmp_path: Path, known: list[Place], found: list[tuple[Verdict, str]]
) -> None:
    for each in known:
        put_down(tmp_path, each)
    portal = Endpoint("127.0.0.1", 1)
    patient = Patient(tmp_path, SHIPPED_POLICY, None, "", None, portal, None, NOW)
    said = list(examine(patient))
    assert len(said) == len(found)
    for one, (verdict, part) in zip(said, found, strict=True):
        assert one.verdict is verdict
        assert part in one.found
        assert bool(one.remedy) == (verdict is Verdict.LOOK)
        assert all(each.problem is None or each.problem in one.found for each in known)


def test_run_writes_and_mails_it_and_a_restart_does_not_do_so_twice(
    tmp_path: Path, box: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, kept = tmp_path / "var", tmp_path / "heads.txt"
    with monkeypatch.context() as environment:
        for name, value in (("HEAD_TO", str(kept)), ("HEAD_MAIL", "yes"), ("SMTP", at(box)[1])):
            environment.setenv(f"SCHOOLGATE_{name}", value)
        with Schoolgate(state) as gate:
            wait_until(lambda: len([one for one in places(state) if one.done]) == 2, 60)
            gate.stop()
        for each in places(state):  # what is due tells when the chore was there again
            if each.how is How.FILE:
                put_down(state, replace(each, done=None))
        with Schoolgate(state) as gate:
            wait_until(lambda: all(one.done for one in places(state)), 60)
            gate.stop()
    assert (len(kept.read_text().splitlines()), len(box.mails)) == (2, 1)
    with Schoolgate(state):
        assert not any(each.wanted for each in places(state))


def test_run_says_why_it_could_not_be_sent(tmp_path: Path) -> None:
    words = ("--head-mail", "--smtp", f"127.0.0.1:{free_port()}")
    with Schoolgate(tmp_path / "var", *words) as gate:
        wait_until(lambda: "tried again every few minutes" in gate.errors(), 60)
        assert "cannot be reached (Connection refused)" in gate.errors()


def test_run_does_not_start_with_a_mail_and_no_server(tmp_path: Path) -> None:
    words = ["run", "--state", str(tmp_path / "var"), "--head-mail"]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 2
    assert "Name it with --smtp HOST" in said.stderr
