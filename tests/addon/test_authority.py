"""The school's certificate authority: made once, kept private, mended, never replaced."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from addon.authority import AuthorityError, ensure_authority

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_it_is_the_schools_own_and_lasts_ten_years(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(
        ensure_authority(tmp_path / "authority", "Fernhill Test School", NOW).read_bytes()
    )
    assert "Fernhill Test School" in certificate.subject.rfc4514_string()
    assert isinstance(certificate.public_key(), EllipticCurvePublicKey)
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc > NOW + timedelta(days=3650)


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    ensure_authority(tmp_path / "authority", "School", NOW)
    key = tmp_path / "authority" / "mitmproxy-ca.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "authority").stat().st_mode) == 0o700
    assert b"PRIVATE" not in (tmp_path / "authority" / "schoolgate-ca.crt").read_bytes()


def test_a_second_start_keeps_it_and_puts_back_a_lost_certificate(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path, "School", NOW).read_bytes()
    (tmp_path / "schoolgate-ca.crt").unlink()
    assert ensure_authority(tmp_path, "School", NOW).read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"noise", b"-----BEGIN CERTIFICATE-----\nnoise\n"])
def test_a_broken_one_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    ensure_authority(tmp_path, "School", NOW)
    path = tmp_path / "mitmproxy-ca.pem"
    path.write_bytes(content)
    with pytest.raises(AuthorityError, match=r"restore it from a backup"):
        ensure_authority(tmp_path, "School", NOW)
    assert path.read_bytes() == content


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "authority").write_text("")
    with pytest.raises(AuthorityError, match=r"cannot be read or written"):
        ensure_authority(tmp_path / "authority", "School", NOW)


def test_a_name_longer_than_a_certificate_may_hold_is_cut(tmp_path: Path) -> None:
    ensure_authority(tmp_path, "A School with a Name " * 10, NOW)
