"""`schoolgate ca`: the key is sealed, renewals ask for it once, and one root follows another."""

from __future__ import annotations

import plistlib
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from addon.authority.folder import CERTIFICATE, ROOT_KEY, SEALED_KEY, SIGNING, Signing, read_signing
from addon.authority.keeping import ensure_authority
from addon.authority.names import wanted
from addon.authority.report import authority_report
from rules.loading import load_policy
from scripts.cli import main
from tests.support.running_gate import POLICY

PASSPHRASE = "four quiet geese"
NEW_SITE = """
sites:
  newcomer:
    name: Newcomer
    categories: [social-networking]
    domains: [newcomer.example]
    source: made up
    checked: 2026-11-01
"""


class Ca:
    """The command, on one state folder and one policy."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.authority = self.state / "authority"
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY.read_text())
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.start()

    def start(self) -> Signing:
        """What a starting gate does."""
        policy = load_policy(self.policy)
        need = wanted(policy, "http://gate.school.example:8081")
        return ensure_authority(self.authority, policy.school.name, need, datetime.now(UTC))

    def signing(self) -> Signing:
        found = read_signing(self.authority)
        assert isinstance(found, Signing)
        return found

    def covers(self, host: str) -> bool:
        return self.signing().covering.part_for(host) is not None

    def problems(self) -> str:
        now = datetime.now(UTC)
        return " ".join(authority_report(self.state, load_policy(self.policy), now).problems)

    def run(self, *words: str | Path, typed: str = "", status: int = 0) -> str:
        done = CliRunner().invoke(
            main, ["ca", *map(str, words), "--state", str(self.state)], input=typed
        )
        assert done.exit_code == status, done.output
        assert "Traceback" not in done.output
        return done.output

    def with_policy(self, *words: str | Path, status: int = 0, typed: str = "") -> str:
        return self.run(*words, "--policy", self.policy, status=status, typed=typed)


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)


def test_a_sealed_roots_policy_that_adds_a_site_needs_the_passphrase_once(ca: Ca) -> None:
    ca.run("seal", "--passphrase-file", ca.passphrase)
    assert not (ca.authority / ROOT_KEY).exists()
    assert stat.S_IMODE((ca.authority / SEALED_KEY).stat().st_mode) == 0o600
    assert ca.problems() == ""
    ca.policy.write_text(ca.policy.read_text() + NEW_SITE)
    ca.start()
    assert not ca.covers("newcomer.example")
    assert "do not cover newcomer.example" in ca.problems()
    assert "newcomer.example" in ca.with_policy("status", status=1)
    wrong = ca.with_policy("renew", typed="not the passphrase\n", status=1)
    assert "does not open with this passphrase" in wrong
    ca.with_policy("renew", "--passphrase-file", ca.passphrase)
    assert ca.covers("www.newcomer.example")
    assert ca.covers("gate.school.example"), "the portal's name is kept"
    assert not (ca.authority / ROOT_KEY).exists()
    assert ca.problems() == ""


def test_check_says_what_the_certificates_do_not_cover(ca: Ca) -> None:
    ca.run("seal", "--passphrase-file", ca.passphrase)
    ca.policy.write_text(ca.policy.read_text() + NEW_SITE)
    words = ["check", str(ca.policy), "--state", str(ca.state)]
    assert "do not cover newcomer.example" in CliRunner().invoke(main, words).output


def test_unsealed_it_renews_by_itself_again(ca: Ca) -> None:
    ca.run("seal", "--passphrase-file", ca.passphrase)
    ca.run("unseal", "--passphrase-file", ca.passphrase)
    assert not (ca.authority / SEALED_KEY).exists()
    ca.policy.write_text(ca.policy.read_text() + NEW_SITE)
    ca.start()
    assert ca.covers("newcomer.example")


def test_the_passphrase_is_asked_for_twice_and_has_to_be_the_same(ca: Ca) -> None:
    typed = f"{PASSPHRASE}\nanother phrase\n{PASSPHRASE}\n{PASSPHRASE}\n"
    assert "do not match" in ca.run("seal", typed=typed)
    assert (ca.authority / SEALED_KEY).exists()


def test_a_short_passphrase_is_not_taken(ca: Ca) -> None:
    assert "at least 12 characters" in ca.run("seal", typed="goose\ngoose\n", status=1)
    assert (ca.authority / ROOT_KEY).exists()


def test_a_sealed_key_can_be_kept_elsewhere(ca: Ca, tmp_path: Path) -> None:
    stick = tmp_path / "stick.key"
    ca.run("seal", "--passphrase-file", ca.passphrase, "--to", stick)
    assert {file.name for file in ca.authority.iterdir()} == {CERTIFICATE, SIGNING, "lock"}
    assert "say with --from" in ca.with_policy("renew", status=1)
    before = ca.signing()
    ca.with_policy("renew", "--passphrase-file", ca.passphrase, "--from", stick)
    assert ca.signing().intermediates != before.intermediates
    again = ca.run("seal", "--passphrase-file", ca.passphrase, status=1)
    assert "sealed already, or elsewhere" in again


def test_sealing_leaves_no_copy_of_the_key_open(ca: Ca) -> None:
    copy = ca.state / "backups" / "0.1.0" / "authority" / ROOT_KEY
    copy.parent.mkdir(parents=True)
    copy.write_bytes((ca.authority / ROOT_KEY).read_bytes())
    said = ca.run("seal", "--passphrase-file", ca.passphrase)
    assert f"Removed, because it lay open: {copy}" in said
    assert not copy.exists()


def test_one_root_follows_another_with_both_published_in_between(ca: Ca, tmp_path: Path) -> None:
    first = ca.signing().root
    ca.with_policy("rotate")
    assert "There is a next root already" in ca.with_policy("rotate", status=1)
    next_file = tmp_path / "next.pem"
    ca.with_policy("export", "--next", "--to", next_file)
    following = x509.load_pem_x509_certificate(next_file.read_bytes())
    assert following != first
    assert following.subject != first.subject
    assert ca.start().root == first
    ca.run("seal", "--passphrase-file", ca.passphrase)
    ca.with_policy("rotate", "--switch", "--passphrase-file", ca.passphrase)
    assert ca.signing().root == following
    assert ca.start().root == following
    assert ca.covers("www.facebook.com")
    assert {file.name for file in ca.authority.iterdir()} == {
        *(CERTIFICATE, SIGNING, SEALED_KEY, "former-root.crt", "lock")
    }
    ca.run("unseal", "--passphrase-file", ca.passphrase)


def test_a_switch_cut_short_is_finished_at_the_next_start(ca: Ca) -> None:
    ca.with_policy("rotate")
    left = {
        file: file.read_bytes()
        for file in ca.authority.iterdir()
        if file.name in (CERTIFICATE, ROOT_KEY) or file.name.startswith("next-")
    }
    ca.with_policy("rotate", "--switch")
    following = ca.signing().root
    for file, content in left.items():
        file.write_bytes(content)
    assert ca.start().root == following
    ca.policy.write_text(ca.policy.read_text() + NEW_SITE)
    assert ca.start().root == following
    assert ca.covers("newcomer.example")


def test_without_a_next_root_there_is_nothing_to_switch_to(ca: Ca) -> None:
    assert "There is no next-root.crt" in ca.with_policy("rotate", "--switch", status=1)
    assert "There is no next root" in ca.with_policy("export", "--next", status=1)


@pytest.mark.parametrize("form", ["pem", "der", "mobileconfig"])
def test_every_form_is_the_one_certificate_and_no_key(ca: Ca, tmp_path: Path, form: str) -> None:
    file = tmp_path / "out"
    ca.with_policy("export", "--form", form, "--to", file)
    content = file.read_bytes()
    if form == "mobileconfig":
        content = plistlib.loads(content)["PayloadContent"][0]["PayloadContent"]
    load = x509.load_pem_x509_certificate if form == "pem" else x509.load_der_x509_certificate
    assert load(content) == ca.signing().root
    assert b"PRIVATE" not in file.read_bytes()


def test_status_says_where_the_key_is_and_until_when(ca: Ca) -> None:
    said = ca.with_policy("status")
    assert "its key: open in this folder" in said
    assert "`schoolgate ca seal`" in said
    ca.run("seal", "--passphrase-file", ca.passphrase)
    assert "its key: sealed" in ca.with_policy("status")


def test_before_the_first_start_there_is_nothing(tmp_path: Path) -> None:
    for words in (["status"], ["seal"], ["renew"], ["rotate"], ["export"]):
        done = CliRunner().invoke(main, ["ca", *words, "--state", str(tmp_path / "none")])
        assert done.exit_code == (0 if words == ["status"] else 1), (words, done.output)
        assert done.output.strip()
        assert done.exception is None or isinstance(done.exception, SystemExit)
