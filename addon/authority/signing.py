"""New intermediates under a root, whenever its key is at hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from addon.authority.certificates import intermediate_certificate, new_key
from addon.authority.folder import Signing, write_signing
from addon.authority.names import Wanted
from addon.authority.parts import deal_out


def sign_anew(
    folder: Path,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    wanted: Wanted,
    now: datetime,
) -> Signing:
    """New intermediates with a new key, in the folder before this returns. The lock is held."""
    key, parts = new_key(), deal_out(wanted)
    signing = Signing(
        key,
        tuple(
            intermediate_certificate(root, root_key, key.public_key(), part, number, now)
            for number, part in enumerate(parts)
        ),
        parts,
        root,
    )
    write_signing(folder, signing)
    return signing
