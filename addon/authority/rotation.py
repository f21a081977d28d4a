"""The next root beside the present one: devices are told of it first, and only then does it sign.

The switch is several files. What signs is the one that counts: once that is the next root's, the
rest follows, at the next start if need be.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from addon.authority.certificates import new_key, root_certificate
from addon.authority.folder import (
    CERTIFICATE,
    FORMER_CERTIFICATE,
    NEXT_CERTIFICATE,
    NEXT_KEY,
    NEXT_SEALED_KEY,
    ROOT_KEY,
    SEALED_KEY,
    AuthorityError,
    Signing,
    key_text,
    read_root,
    text_of,
    write,
)
from addon.authority.names import Wanted
from addon.authority.signing import sign_anew


def make_next(folder: Path, school: str, now: datetime) -> x509.Certificate:
    """The next root, published but not yet used. The lock is held. Raises AuthorityError."""
    if read_root(folder, NEXT_CERTIFICATE) is not None:
        raise AuthorityError(
            "There is a next root already; once every device trusts it, `schoolgate ca rotate"
            " --switch` goes over to it."
        )
    key = new_key()
    root = root_certificate(key, school, now, f"from {now:%Y-%m-%d}")
    write(folder / NEXT_KEY, key_text(key))
    write(folder / NEXT_CERTIFICATE, text_of(root), public=True)
    return root


def switch(folder: Path, key: ec.EllipticCurvePrivateKey, wanted: Wanted, now: datetime) -> Signing:
    """Signs under the next root from now on; `key` is its own. The lock is held."""
    root = read_root(folder, NEXT_CERTIFICATE)
    former = read_root(folder)
    if root is None:
        raise AuthorityError("There is no next root; `schoolgate ca rotate` makes one.")
    if former is not None:
        write(folder / FORMER_CERTIFICATE, text_of(former), public=True)
    signing = sign_anew(folder, root, key, wanted, now)
    if not any((folder / name).exists() for name in (NEXT_KEY, NEXT_SEALED_KEY)):
        for name in (ROOT_KEY, SEALED_KEY):  # the next one's key is kept elsewhere
            (folder / name).unlink(missing_ok=True)
    finish_switch(folder, signing)
    return signing


def finish_switch(folder: Path, signing: Signing) -> None:
    """Puts the next root's files in the place of the present one's, if it is what signs."""
    if read_root(folder, NEXT_CERTIFICATE) != signing.root:
        return
    write(folder / CERTIFICATE, text_of(signing.root), public=True)
    keys = {NEXT_KEY: ROOT_KEY, NEXT_SEALED_KEY: SEALED_KEY}
    there = [name for name in keys if (folder / name).exists()]
    if there:
        for present in keys.values():
            (folder / present).unlink(missing_ok=True)  # the former root's; it signs no more
    for name in there:
        (folder / name).replace(folder / keys[name])
    (folder / NEXT_CERTIFICATE).unlink()
