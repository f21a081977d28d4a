"""The authority from first start on: made, taken over, extended, renewed.

Everything here is done under the folder's lock, so of several processes exactly one makes what is
wanting, and the others find it made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import (
    CERTIFICATE,
    ROOT_KEY,
    SEALED_KEY,
    SIGNING,
    AuthorityError,
    SelfSigned,
    Signing,
    key_text,
    locked,
    read_key,
    read_root,
    read_signing,
    text_of,
    write,
)
from addon.authority.names import Wanted
from addon.authority.rotation import finish_switch
from addon.authority.signing import sign_anew

RENEWED_BEFORE: Final = timedelta(days=60)
"""A school's summer holiday: nobody has to be there for it, nor just after it."""


def ensure_authority(folder: Path, school: str, wanted: Wanted, now: datetime) -> Signing:
    """Gives back what signs, made or brought up to date where that is possible.

    It may not cover all that is wanted, or be near its end, if the root's key is sealed: `report`
    says so. Raises AuthorityError if what is in the folder cannot be used.
    """
    try:
        with locked(folder):
            signing = _taken_over(folder)
            root = _root(folder, signing, school, now)
            _check_times(root, "The school's authority", now)
            if signing is None or _is_due(signing, wanted, now):
                key = read_key(folder / ROOT_KEY, root)
                if key is not None:
                    signing = sign_anew(folder, root, key, wanted, now)
            if signing is None:
                raise AuthorityError(_without_key(folder))
            _check_times(signing, "The certificate that signs block pages", now)
            return signing
    except OSError as error:
        raise AuthorityError(
            f"The certificate authority in {folder} cannot be read or written: {error.strerror}."
        ) from error


def _taken_over(folder: Path) -> Signing | None:
    """What signs. Where that was the root itself, its key is put where the root's key belongs.

    What is left of it signs no more: what follows puts intermediates in its place.
    """
    found = read_signing(folder)
    if isinstance(found, SelfSigned):
        write(folder / ROOT_KEY, key_text(found.key))
        write(folder / CERTIFICATE, text_of(found.root), public=True)
        return None
    return found


def _root(folder: Path, signing: Signing | None, school: str, now: datetime) -> x509.Certificate:
    if signing is not None:
        finish_switch(folder, signing)
    root = read_root(folder)
    if signing is not None:
        if root is None:
            # Derived, so it can be written again: a half-finished start mends itself.
            write(folder / CERTIFICATE, text_of(signing.root), public=True)
        elif root != signing.root:
            raise AuthorityError(
                f"{folder / CERTIFICATE} is not the root of what signs in {SIGNING}; restore both"
                " from one backup."
            )
        return signing.root
    if root is not None:
        return root
    if any((folder / name).exists() for name in (ROOT_KEY, SEALED_KEY)):
        raise AuthorityError(
            f"The root's key is in {folder}, but not its certificate, {CERTIFICATE}; restore it"
            " from a backup, or from a device that trusts it."
        )
    key = new_key()
    root = root_certificate(key, school, now)
    write(folder / ROOT_KEY, key_text(key))
    write(folder / CERTIFICATE, text_of(root), public=True)
    return root


def _is_due(signing: Signing, wanted: Wanted, now: datetime) -> bool:
    return (
        not signing.valid_from <= now < signing.valid_until - RENEWED_BEFORE
        or not signing.covering.is_exactly(wanted)
    )


def _without_key(folder: Path) -> str:
    return (
        f"Nothing in {folder} can sign block pages, and the root's key is sealed or elsewhere;"
        " run `schoolgate ca renew`. To start with a new authority instead, which every device"
        f" must then be told to trust, move {CERTIFICATE} away."
    )


def _check_times(subject: x509.Certificate | Signing, what: str, now: datetime) -> None:
    if isinstance(subject, Signing):
        start, end, remedy = subject.valid_from, subject.valid_until, "run `schoolgate ca renew`"
    else:
        start, end = subject.not_valid_before_utc, subject.not_valid_after_utc
        remedy = f"move {CERTIFICATE} and {ROOT_KEY} away to have a new one made"
    if now < start:
        raise AuthorityError(
            f"{what} is valid from {start:%-d %B %Y} only, and this computer's clock says"
            f" {now:%-d %B %Y}; set the clock."
        )
    if now >= end:
        raise AuthorityError(
            f"{what} was valid until {end:%-d %B %Y}; {remedy}, or set the clock if it is wrong."
        )
