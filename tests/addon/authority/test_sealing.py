"""A sealed key opens with its passphrase, in other people's tools too, and with nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import AuthorityError, key_text
from addon.authority.sealing import ROUNDS, sealed, unsealed
from tests.support.authority import NOW, SCHOOL

PASSPHRASE = "four quiet geese übten"
KEY = new_key()
ROOT = root_certificate(KEY, SCHOOL, NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "root.sealed.key"
    path.write_bytes(sealed(KEY, PASSPHRASE))
    return path


def test_it_opens_with_the_passphrase(file: Path) -> None:
    assert key_text(unsealed(file, PASSPHRASE, ROOT)) == key_text(KEY)
    assert key_text(KEY).splitlines()[1] not in file.read_bytes()


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_opens_it_too_after_a_million_rounds(file: Path) -> None:
    command = ["openssl", "pkcs8", "-in", file, "-passin", f"pass:{PASSPHRASE}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == key_text(KEY)
    command = ["openssl", "asn1parse", "-in", file]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f":{ROUNDS:06X}" in said
    assert "hmacWithSHA256" in said
    assert "aes-256-cbc" in said


@pytest.mark.parametrize("passphrase", ["", "four quiet geese", PASSPHRASE + " "])
def test_no_other_passphrase_opens_it(file: Path, passphrase: str) -> None:
    with pytest.raises(AuthorityError, match="does not open with this passphrase"):
        unsealed(file, passphrase, ROOT)


def test_the_key_of_another_root_is_not_taken(file: Path) -> None:
    with pytest.raises(AuthorityError, match="is not that of the certificate"):
        unsealed(file, PASSPHRASE, root_certificate(new_key(), SCHOOL, NOW))


@pytest.mark.parametrize("content", [b"", b"noise", key_text(KEY)])
def test_what_is_no_sealed_key_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(AuthorityError, match="does not open with this passphrase, or does not"):
        unsealed(tmp_path / "key", PASSPHRASE, ROOT)
    with pytest.raises(AuthorityError, match="cannot be read"):
        unsealed(tmp_path / "nothing", PASSPHRASE, ROOT)
