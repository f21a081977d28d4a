"""The authority's files in the state folder: read, checked, and written whole or not at all.

schoolgate-ca.crt       the root's certificate, which devices trust; for everybody
root.key                the root's key, while it is not sealed
root.sealed.key         the same under a passphrase
mitmproxy-ca.pem        what signs: a key, its intermediates, then the root. mitmproxy's name
next-root.*             the next root, between `ca rotate` and `ca rotate --switch`
former-root.crt         the root before, afterwards
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from addon.authority.certificates import ROOT_NAME
from addon.authority.parts import Covering, Part, part_of
from addon.durable_file import give_to_folders_owner, replace_file
from addon.state_folder import certificates_folder

CERTIFICATE: Final = "schoolgate-ca.crt"
ROOT_KEY: Final = "root.key"
SEALED_KEY: Final = "root.sealed.key"
SIGNING: Final = "mitmproxy-ca.pem"
NEXT_CERTIFICATE: Final = "next-root.crt"
NEXT_KEY: Final = "next-root.key"
NEXT_SEALED_KEY: Final = "next-root.sealed.key"
FORMER_CERTIFICATE: Final = "former-root.crt"

_SECRET, _PUBLIC = 0o600, 0o644
_ANEW = "restore it from a backup, or move it away to have it made anew"


class AuthorityError(Exception):
    """One sentence on why there is no usable authority."""


@dataclass(frozen=True)
class Signing:
    """What signs now: one key, its intermediates with what each may sign for, and their root."""

    key: ec.EllipticCurvePrivateKey
    intermediates: tuple[x509.Certificate, ...]
    parts: tuple[Part, ...]
    root: x509.Certificate

    @cached_property
    def covering(self) -> Covering:
        return Covering(self.parts)

    @property
    def valid_from(self) -> datetime:
        return max(each.not_valid_before_utc for each in self.intermediates)

    @property
    def valid_until(self) -> datetime:
        return min(each.not_valid_after_utc for each in self.intermediates)


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """How it was kept before there were intermediates: the root's key and certificate, signing."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder if there is none, and keeps every other process from changing it.

    In the end the certificates that devices trust are laid out beside it as they now are.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, _SECRET)
    try:
        give_to_folders_owner(descriptor, folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        _lay_out(folder)
    finally:
        os.close(descriptor)


def _lay_out(folder: Path) -> None:
    """The portal of an installation cannot look into the folder, where the keys are."""
    public = certificates_folder(folder.parent)
    for name in (CERTIFICATE, NEXT_CERTIFICATE):
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            (public / name).unlink(missing_ok=True)
            continue
        if not public.exists():
            public.mkdir(mode=0o700)
            if os.geteuid() == 0:
                owner = folder.stat()
                os.chown(public, owner.st_uid, owner.st_gid)
        if not (public / name).exists() or (public / name).read_bytes() != content:
            write(public / name, content, public=True)


def write(path: Path, content: bytes, *, public: bool = False) -> None:
    """Whole or not at all; a secret is never readable by others, not even for a moment."""
    mode = _PUBLIC if public else _SECRET
    replace_file(path, content, mode=mode, durable=True, as_folders_owner=True)


def write_signing(folder: Path, signing: Signing) -> None:
    """Puts it in the place of what signed before."""
    certificates = (*signing.intermediates, signing.root)
    write(folder / SIGNING, key_text(signing.key) + b"".join(map(text_of, certificates)))


def read_signing(folder: Path) -> Signing | SelfSigned | None:
    """What signs, checked to be ours and whole; None if there is nothing. Raises AuthorityError."""
    path = folder / SIGNING
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    _tighten(path)
    try:
        key = load_pem_private_key(text, None)
        certificates = x509.load_pem_x509_certificates(text)
    except (ValueError, TypeError) as error:
        raise AuthorityError(
            f"{path} does not hold a private key and its certificate; {_ANEW}."
        ) from error
    return _understood(path, key, certificates)


def read_root(folder: Path, name: str = CERTIFICATE) -> x509.Certificate | None:
    """A root's certificate; None if it is not there or holds none, which is then written again."""
    try:
        return x509.load_pem_x509_certificate((folder / name).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def read_key(path: Path, root: x509.Certificate) -> ec.EllipticCurvePrivateKey | None:
    """A root's key that is not sealed; None if it is not there. Raises AuthorityError."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    _tighten(path)
    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(
            f"{path} does not hold a private key; restore it from a backup."
        ) from error
    return matching(key, root, path)


def matching(key: object, certificate: x509.Certificate, path: Path) -> ec.EllipticCurvePrivateKey:
    """The key, if it is that of the certificate. Raises AuthorityError."""
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or key.public_key() != certificate.public_key()
    ):
        raise AuthorityError(
            f"The key in {path} is not that of the certificate it belongs to; restore both from"
            " one backup."
        )
    return key


def text_of(certificate: x509.Certificate) -> bytes:
    """PEM."""
    return certificate.public_bytes(Encoding.PEM)


def key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PEM, PKCS #8, as it is: whoever writes it sees that nobody else reads it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _understood(
    path: Path, key: object, certificates: Sequence[x509.Certificate]
) -> Signing | SelfSigned:
    *intermediates, root = certificates
    if not _is_ours(root):
        raise AuthorityError(
            f"{path} is not an authority that Schoolgate made, and it does not sign with anybody"
            " else's; move it away to have the school's own made."
        )
    if not intermediates:
        return SelfSigned(matching(key, root, path), root)
    parts = []
    for intermediate in intermediates:
        key = matching(key, intermediate, path)
        part = part_of(intermediate)
        try:
            intermediate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise AuthorityError(
                f"The root in {path} did not sign the certificates before it; {_ANEW}."
            ) from error
        if part is None:
            raise AuthorityError(f"A certificate in {path} may sign for any name; {_ANEW}.")
        parts.append(part)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Signing(key, tuple(intermediates), tuple(parts), root)


def _is_ours(root: x509.Certificate) -> bool:
    names = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names or not str(names[0].value).startswith(ROOT_NAME):
        return False
    try:
        root.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _tighten(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        path.chmod(_SECRET)
