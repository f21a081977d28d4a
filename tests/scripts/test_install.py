"""`scripts/install` and `scripts/uninstall`: what they refuse, and the steps that they consist of.

The whole of it, on a systemd of its own, is in `tests/lab/test_installed.py`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addon.kept_withdrawals import KeptWithdrawals
from addon.record_continuity import begin, remember
from addon.state_version import claim
from scripts.install_steps import main
from storage import access
from storage.database import copy_record, open_record, open_record_readonly

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ROOT / "scripts"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def run(
    script: str, *options: str | Path, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPTS / script, *options],
        capture_output=True,
        text=True,
        input=given or "",
        check=False,
    )


type Step = Callable[..., tuple[int, str, str]]


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Step:
    """Takes a step of the installation: exit status, what it says, and what it complains of."""

    def take(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["install_steps", *map(str, words)])
        return main(), *capsys.readouterr()

    return take


def test_shell_scripts_are_sound() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("needs shellcheck")
    names = ("run", "test", "bench", "install", "uninstall", "environment.sh", "lab-packages.sh")
    done = subprocess.run(
        ["shellcheck", "-x", *names], cwd=SCRIPTS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_help_and_wrong_options_are_answered_before_anything_is_done(script: str) -> None:
    assert "Usage: scripts/" in run(script, "--help").stdout
    wrong = run(script, "--nonsense")
    assert wrong.returncode == 2
    assert "--nonsense" in wrong.stderr
    assert run(script, "--root").returncode == 2


def test_a_mode_that_does_not_exist_is_wrong_usage() -> None:
    done = run("install", "--mode", "secret")
    assert done.returncode == 2
    assert done.stderr == "--mode can be gateway or regular, not 'secret'.\n"


@needs_root
def test_a_python_that_others_may_not_run_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    program = secret / "python3"
    program.symlink_to(sys.executable)
    image = tmp_path / "image"
    done = run("install", "--root", image, "--python", program)
    assert done.returncode == 1
    assert f"{program} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in image.rglob("*") if path.is_file()] == []


@needs_root
def test_what_is_not_installed_is_not_taken_away(tmp_path: Path) -> None:
    done = run("uninstall", "--root", tmp_path)
    assert done.returncode == 0
    assert "is not installed" in done.stderr


@needs_root
def test_uninstalling_asks_and_keeps_the_record_unless_told(tmp_path: Path) -> None:
    kept = [tmp_path / "var/lib/schoolgate/record.sqlite3", tmp_path / "etc/schoolgate/school.yaml"]
    gone = [
        tmp_path / "opt/schoolgate/current/venv/bin/schoolgate",
        tmp_path / "etc/systemd/system/schoolgate.service",
        tmp_path / "etc/systemd/system/multi-user.target.wants/schoolgate.service",
        tmp_path / "usr/local/bin/schoolgate",
    ]
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    others = tmp_path / "etc/systemd/system/other.service"
    others.write_text("x")
    assert run("uninstall", "--root", tmp_path, given="no\n").returncode == 1
    assert all(path.exists() for path in (*kept, *gone))
    assert run("uninstall", "--root", tmp_path, given="yes\n").returncode == 0
    assert all(path.exists() for path in (*kept, others))
    assert not any(path.exists() for path in gone)
    assert run("uninstall", "--root", tmp_path, "--yes", "--purge").returncode == 0
    assert not any(path.exists() for path in kept)
    assert others.exists()


def test_an_older_release_does_not_take_a_newer_ones_place(step: Step) -> None:
    assert step("not-older", "0.10.0", "0.9.1") == (
        1,
        "",
        "Schoolgate 0.10.0 is installed, and this is 0.9.1: an older release cannot take its"
        " place.\n",
    )
    assert step("not-older", "0.9.1", "0.10.0") == (0, "", "")
    assert step("not-older", "0.9.1", "0.9.1") == (0, "", "")


def test_a_state_of_a_newer_release_is_refused(step: Step, tmp_path: Path) -> None:
    assert step("usable", tmp_path) == (0, "", "")
    claim(tmp_path, "99.0")
    for name in ("usable", "readable"):
        status, _, said = step(name, tmp_path)
        assert status == 1
        assert "was last used by Schoolgate 99.0" in said


def test_a_record_of_newer_tables_is_not_readable_and_none_is_no_obstacle(
    step: Step, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    assert step("readable", state)[0] == 0
    open_record(state).dispose()
    assert step("readable", state)[0] == 0
    with closing(sqlite3.connect(state / "record.sqlite3")) as record:
        record.execute("UPDATE alembic_version SET version_num = 'v9999'")
        record.commit()
    status, _, said = step("readable", state)
    assert status == 1
    assert str(state) in said


def test_an_upgrade_first_copies_what_it_may_change_and_forgets_old_copies(
    step: Step, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    open_record(state).dispose()
    (state / "authority").mkdir(mode=0o700)
    (state / "authority" / "root.key").write_text("secret")
    (state / "authority" / "root.crt").write_text("public")
    for name in ("1", "2", "3", "4"):
        assert step("copy", state, name) == (0, f"{state}/backups/{name}\n", "")
    assert sorted(path.name for path in (state / "backups").iterdir()) == ["2", "3", "4"]
    copy = state / "backups" / "4"
    assert (copy / "authority" / "root.crt").read_text() == "public"
    assert not (copy / "authority" / "root.key").exists(), "it would outlive its being sealed"
    assert (copy / "record.sqlite3").stat().st_mode & 0o077 == 0
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy / "record.sqlite3")) as record:
        assert record.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def withdraw(state: Path, person: str) -> None:
    now, what = datetime.now(UTC), access.What.WITHDRAW
    with access.changing_access(open_record(state)) as changes:
        changes.add(access.Step(at=now, what=what, person=person, by="oak"))


def test_a_record_that_is_put_back_is_not_taken_for_one_that_was_cut_off(tmp_path: Path) -> None:
    state, copy = tmp_path / "var", tmp_path / "var/backups/1"
    copy.mkdir(parents=True)
    withdraw(state, "birch")
    copy_record(state, copy / "record.sqlite3")
    withdraw(state, "larch")
    KeptWithdrawals(state).keep(frozenset({"birch", "larch"}))
    remember(state, open_record_readonly(state))
    with closing(sqlite3.connect(state / "record.sqlite3")) as record:
        record.execute("UPDATE alembic_version SET version_num = 'v9999'")
        record.commit()
    for folder in ("opt/releases/old", "opt/releases/new", "opt/.units-before", "units"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("old", "new"):
        (tmp_path / "opt/releases" / name / "venv").symlink_to(sys.prefix)
    (tmp_path / "opt/current").symlink_to("releases/new")
    whole = (SCRIPTS / "install").read_text()
    start = whole.index("put_back() {")
    given = f"""
        target={tmp_path} prefix=/opt settings=/etc state=/var release=/opt/releases/new now=1
        committed=no switched=yes before=releases/old current={tmp_path}/opt/current made=()
        kept_units={tmp_path}/opt/.units-before units={tmp_path}/units copy={copy}
        say() {{ printf '%s\\n' "$*" >&2; }}
        systemd_runs() {{ false; }}
        {whole[start : whole.index(chr(10) + "}" + chr(10), start) + 3]}
        put_back
    """
    done = subprocess.run(["bash", "-c", given], capture_output=True, text=True, check=False)
    assert "The record is as it was before" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "It does not know that web access was withdrawn from larch: withdraw it again with"
        " 'schoolgate access withdraw'."
    )
    assert {path.name for path in state.glob("*.of-1.*")} == {
        "record.of-1.sqlite3",
        "newest-seal.of-1.json",
    }
    assert begin(state, datetime.now(UTC)) is None


def test_an_upgrade_copies_the_certificates_where_the_record_is_on_a_server(
    step: Step, tmp_path: Path
) -> None:
    (tmp_path / "authority").mkdir(mode=0o700)
    (tmp_path / "authority" / "root.crt").write_text("public")
    assert step("copy", tmp_path, "1") == (0, f"{tmp_path}/backups/1\n", "")
    copied = [path.name for path in (tmp_path / "backups" / "1").rglob("*")]
    assert sorted(copied) == ["authority", "root.crt"]


def test_units_name_what_was_installed_where(step: Step, tmp_path: Path) -> None:
    assert step("units", tmp_path, "/opt/gate/schoolgate", "/srv/state", "/srv/settings")[0] == 0
    text = (tmp_path / "schoolgate.service").read_text()
    assert "ExecStart=/opt/gate/schoolgate run --state /srv/state" in text
    assert "--policy /srv/settings/school.yaml" in text
    assert "EnvironmentFile=-/srv/settings/schoolgate.env" in text


def test_a_step_that_does_not_exist_is_wrong_usage(step: Step) -> None:
    assert step("dance")[0] == 2
