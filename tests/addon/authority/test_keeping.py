"""The school's certificate authority: made once, kept private, mended, renewed, never replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import (
    CERTIFICATE,
    ROOT_KEY,
    SIGNING,
    AuthorityError,
    Signing,
    key_text,
    read_signing,
    text_of,
)
from addon.authority.keeping import RENEWED_BEFORE, ensure_authority
from addon.authority.names import Wanted
from tests.support.authority import NEED, NOW, SCHOOL, need

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "authority"


def ensure(folder: Path, wanted: Wanted = NEED, now: datetime = NOW) -> Signing:
    return ensure_authority(folder, SCHOOL, wanted, now)


def root_of(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())


def test_the_root_is_the_schools_own_and_lasts_ten_years(folder: Path) -> None:
    ensure(folder)
    root = root_of(folder)
    assert SCHOOL in root.subject.rfc4514_string()
    assert isinstance(root.public_key(), EllipticCurvePublicKey)
    assert root.not_valid_before_utc < NOW
    assert root.not_valid_after_utc > NOW + timedelta(days=3650)


def test_what_signs_lasts_a_year_and_may_make_no_further_authority(folder: Path) -> None:
    signing = ensure(folder)
    for intermediate in signing.intermediates:
        found = intermediate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (found.critical, found.value.path_length) == (True, 0)
        bounds = intermediate.extensions.get_extension_for_class(x509.NameConstraints)
        assert bounds.critical
        assert NOW < intermediate.not_valid_after_utc <= NOW + timedelta(days=365)
    assert root_of(folder).public_key() != signing.key.public_key()


def test_secrets_are_their_owners_alone(folder: Path) -> None:
    ensure(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secret = {file.name for file in folder.iterdir() if stat.S_IMODE(file.stat().st_mode) == 0o600}
    assert secret == {ROOT_KEY, SIGNING, "lock"}
    assert b"PRIVATE" not in (folder / CERTIFICATE).read_bytes()


def test_secrets_that_others_could_read_are_closed_again(folder: Path) -> None:
    ensure(folder)
    folder.chmod(0o755)
    for name in (ROOT_KEY, SIGNING):
        (folder / name).chmod(0o644)
    ensure(folder, need("more.example"))
    test_secrets_are_their_owners_alone(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for somebody else")
def test_what_root_writes_the_gate_can_read(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    ensure(folder)
    assert {file.stat().st_uid for file in folder.iterdir()} == {65534}


def test_a_second_start_keeps_everything_and_puts_back_a_lost_certificate(folder: Path) -> None:
    first, root = ensure(folder), root_of(folder)
    (folder / CERTIFICATE).unlink()
    assert ensure(folder, now=LATER).intermediates == first.intermediates
    assert root_of(folder) == root
    (folder / CERTIFICATE).write_bytes(b"half")
    ensure(folder, now=LATER)
    assert root_of(folder) == root


@pytest.mark.parametrize(
    ("wanted", "now"),
    [
        pytest.param(need("social.example", "new.example"), LATER, id="a site more"),
        pytest.param(need("social.example"), LATER, id="a site less"),
        pytest.param(
            need("social.example", "chat.example", own=("gate.example",)), LATER, id="portal"
        ),
        pytest.param(NEED, NOW + timedelta(days=365) - RENEWED_BEFORE, id="near its end"),
        pytest.param(NEED, NOW + timedelta(days=700), id="long after its end"),
        pytest.param(NEED, NOW - timedelta(hours=40), id="a clock that was ahead"),
    ],
)
def test_with_the_roots_key_at_hand_it_is_signed_anew_under_the_same_root(
    folder: Path, wanted: Wanted, now: datetime
) -> None:
    # The root starts a day before it is made, so that one is made two days back.
    root = root_certificate(key := new_key(), SCHOOL, NOW - timedelta(days=2))
    folder.mkdir()
    (folder / CERTIFICATE).write_bytes(text_of(root))
    (folder / ROOT_KEY).write_bytes(key_text(key))
    before, after = ensure(folder), ensure(folder, wanted, now)
    assert after.key.public_key() != before.key.public_key()
    assert after.covering.is_exactly(wanted)
    assert after.valid_from <= now < after.valid_until - RENEWED_BEFORE
    assert after.root == before.root == root_of(folder)


def test_without_the_roots_key_what_signs_stays_until_its_end(folder: Path) -> None:
    before = ensure(folder)
    (folder / ROOT_KEY).unlink()
    near = NOW + timedelta(days=364)
    assert ensure(folder, need("new.example"), near).intermediates == before.intermediates
    with pytest.raises(AuthorityError, match=r"was valid until 23 November 2027; run `schoolgate"):
        ensure(folder, now=NOW + timedelta(days=366))
    (folder / SIGNING).unlink()
    with pytest.raises(AuthorityError, match=r"run `schoolgate ca renew`"):
        ensure(folder)
    assert not (folder / ROOT_KEY).exists()


def test_the_authority_of_before_stays_the_root_and_gets_intermediates(folder: Path) -> None:
    key = new_key()
    root = root_certificate(key, SCHOOL, NOW)
    folder.mkdir()
    (folder / SIGNING).write_bytes(key_text(key) + text_of(root))
    (folder / CERTIFICATE).write_bytes(text_of(root))
    signing = ensure(folder)
    assert signing.root == root == root_of(folder)
    assert signing.key.public_key() != root.public_key()
    assert signing.covering.part_for("www.social.example") is not None
    assert (folder / ROOT_KEY).read_bytes() == key_text(key)


def corporate(folder: Path) -> None:
    key = new_key()
    root = root_certificate(key, SCHOOL, NOW)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Acme Inspection CA")])
    other = root_certificate(new_key(), SCHOOL, NOW)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, root.not_valid_before_utc.replace(tzinfo=None),
        root.not_valid_after_utc.replace(tzinfo=None),
    ).sign(key, other.signature_hash_algorithm)  # fmt: skip
    (folder / SIGNING).write_bytes(key_text(key) + text_of(certificate))


def another_key(folder: Path) -> None:
    lines = (folder / SIGNING).read_bytes()
    (folder / SIGNING).write_bytes(key_text(new_key()) + lines[lines.index(b"-----BEGIN CERT") :])


def another_root(folder: Path) -> None:
    (folder / CERTIFICATE).write_bytes(text_of(root_certificate(new_key(), SCHOOL, NOW)))


def another_signer(folder: Path) -> None:
    signing = read_signing(folder)
    assert isinstance(signing, Signing)
    root = root_certificate(new_key(), SCHOOL, NOW)
    chain = b"".join(map(text_of, (*signing.intermediates, root)))
    (folder / SIGNING).write_bytes(key_text(signing.key) + chain)


def unbounded(folder: Path) -> None:
    root_key, key = new_key(), new_key()
    root = root_certificate(root_key, SCHOOL, NOW)
    free = x509.CertificateBuilder(
        root.subject, root.subject, key.public_key(), 2,
        root.not_valid_before_utc.replace(tzinfo=None),
        root.not_valid_after_utc.replace(tzinfo=None),
    ).sign(root_key, root.signature_hash_algorithm)  # fmt: skip
    (folder / SIGNING).write_bytes(key_text(key) + text_of(free) + text_of(root))


def lost_root(folder: Path) -> None:
    (folder / SIGNING).unlink()
    (folder / CERTIFICATE).unlink()


def foreign_root_key(folder: Path) -> None:
    (folder / SIGNING).unlink()
    (folder / ROOT_KEY).write_bytes(key_text(new_key()))


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "now", "said"),
    [
        (corporate, NOW, "is not an authority that Schoolgate made"),
        (another_key, NOW, "is not that of the certificate it belongs to"),
        (another_root, NOW, "is not the root of what signs"),
        (another_signer, NOW, "did not sign the certificates before it"),
        (unbounded, NOW, "may sign for any name"),
        (lost_root, NOW, "but not its certificate"),
        (foreign_root_key, NOW, "is not that of the certificate it belongs to"),
        (write(SIGNING, b""), NOW, "does not hold a private key and its certificate"),
        (write(SIGNING, b"noise"), NOW, "restore it from a backup"),
        (lambda _: None, NOW + timedelta(days=3660), "was valid until"),
        (lambda _: None, NOW - timedelta(days=30), "set the clock"),
    ],
)
def test_what_cannot_be_ours_or_cannot_sign_is_said_in_one_sentence_and_left_alone(
    folder: Path, spoil: Callable[[Path], None], now: datetime, said: str
) -> None:
    ensure(folder)
    spoil(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(AuthorityError, match=said) as caught:
        ensure(folder, now=now)
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "authority").write_text("")
    with pytest.raises(AuthorityError, match=r"cannot be read or written"):
        ensure(tmp_path / "authority")


def test_a_name_longer_than_a_certificate_may_hold_is_cut(folder: Path) -> None:
    ensure_authority(folder, "A School with a Name " * 10, NEED, NOW)


PROCESS = """
import sys
from pathlib import Path
from addon.authority.keeping import ensure_authority
from tests.support.authority import NEED, NOW, SCHOOL
print(ensure_authority(Path(sys.argv[1]), SCHOOL, NEED, NOW).intermediates[0].serial_number)
"""


def test_of_several_processes_one_makes_it_and_the_others_find_it(folder: Path) -> None:
    def start(_: int) -> str:
        command = [sys.executable, "-c", PROCESS, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(start, range(4)))) == 1
    assert {file.name for file in folder.iterdir()} == {ROOT_KEY, SIGNING, CERTIFICATE, "lock"}


def test_a_root_of_its_last_months_is_not_outlived(folder: Path) -> None:
    ensure(folder)
    late = root_of(folder).not_valid_after_utc - timedelta(days=100)
    assert ensure(folder, now=late).valid_until == root_of(folder).not_valid_after_utc


def test_now_is_real_time_too(folder: Path) -> None:
    now = datetime.now(UTC)
    signing = ensure(folder, now=now)
    assert signing.valid_from <= now < signing.valid_until


def test_what_devices_trust_is_laid_out_beside_the_keys_and_nothing_else(folder: Path) -> None:
    ensure(folder)
    public = folder.parent / "certificates"
    assert [path.name for path in public.iterdir()] == [CERTIFICATE]
    assert (public / CERTIFICATE).read_bytes() == (folder / CERTIFICATE).read_bytes()
    assert public.stat().st_mode & 0o777 == 0o700
    following = folder / "next-root.crt"
    following.write_bytes(text_of(root_certificate(new_key(), SCHOOL, NOW)))
    ensure(folder)
    assert (public / following.name).read_bytes() == following.read_bytes()
    following.unlink()
    ensure(folder)
    assert [path.name for path in public.iterdir()] == [CERTIFICATE]
