"""The root's key under a passphrase.

The form is the usual one (PKCS #8, PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC), so that any tool
opens it, `openssl pkcs8` too. Only the number of rounds is ours: what the library writes by itself
has few thousand, and a computer tries thousands of passphrases a second at that.
"""

from __future__ import annotations

import base64
import os
import textwrap
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pyasn1.codec.der.encoder import encode
from pyasn1.type.univ import Integer, Null, ObjectIdentifier, OctetString, Sequence

from addon.authority.folder import AuthorityError, matching

ROUNDS: Final = 1_000_000
SHORTEST: Final = 12
"""Characters of a passphrase."""

_PBES2, _PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
_HMAC_SHA256, _AES_256_CBC = "1.2.840.113549.2.9", "2.16.840.1.101.3.4.1.42"


def sealed(key: ec.EllipticCurvePrivateKey, passphrase: str) -> bytes:
    """PEM of the key under a passphrase (RFC 8018, section 6.2; RFC 5958, section 3)."""
    salt, start = os.urandom(16), os.urandom(16)
    secret = PBKDF2HMAC(hashes.SHA256(), 32, salt, ROUNDS).derive(passphrase.encode())
    pad = PKCS7(AES.block_size).padder()
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cipher = Cipher(AES(secret), CBC(start)).encryptor()
    hidden = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
    derivation = _sequence(
        OctetString(salt), Integer(ROUNDS), _sequence(ObjectIdentifier(_HMAC_SHA256), Null(""))
    )
    scheme = _sequence(
        _sequence(ObjectIdentifier(_PBKDF2), derivation),
        _sequence(ObjectIdentifier(_AES_256_CBC), OctetString(start)),
    )
    der = encode(_sequence(_sequence(ObjectIdentifier(_PBES2), scheme), OctetString(hidden)))
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    name = "ENCRYPTED PRIVATE KEY"
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""]).encode()


def unsealed(path: Path, passphrase: str, root: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    """The key of a root, from its sealed file. Raises AuthorityError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AuthorityError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        key = load_pem_private_key(text, passphrase.encode())
    except (ValueError, TypeError) as error:
        raise AuthorityError(
            f"{path} does not open with this passphrase, or does not hold a sealed key."
        ) from error
    return matching(key, root, path)


def _sequence(*members: object) -> Sequence:
    sequence = Sequence()
    for position, member in enumerate(members):
        sequence.setComponentByPosition(position, member)
    return sequence
