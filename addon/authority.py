"""The school's own certificate authority, which signs the block page of a site that uses TLS.

Made at first start and kept in the state folder: an elliptic-curve key, because signing with one
is faster than RSA, and because every device in use accepts it. The key is readable by its owner
only; the certificate is what devices are told to trust. mitmproxy reads both from one file of a
name it prescribes.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=3652)
"""Ten years: devices are told to trust it by hand, and a school cannot do that often."""

CERTIFICATE = "schoolgate-ca.crt"
_KEY_AND_CERTIFICATE = "mitmproxy-ca.pem"


class AuthorityError(Exception):
    """One sentence on why there is no usable authority."""


def ensure_authority(folder: Path, school: str, now: datetime) -> Path:
    """Makes the authority in `folder` if there is none; gives back the public certificate's path.

    `school` goes into the certificate's name, so that whoever looks at it on a device can tell
    whose it is. Raises AuthorityError if the folder cannot be written or what is there is broken.
    """
    certificate = folder / CERTIFICATE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / _KEY_AND_CERTIFICATE).exists():
            _create(folder, school, now)
        pem = (folder / _KEY_AND_CERTIFICATE).read_bytes()
        serialization.load_pem_private_key(pem, None)
        public = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
        # Derived, so it can always be written again: a half-finished first start mends itself.
        text = public.public_bytes(serialization.Encoding.PEM)
        if not certificate.exists() or certificate.read_bytes() != text:
            certificate.write_bytes(text)
    except OSError as error:
        raise AuthorityError(
            f"The certificate authority in {folder} cannot be read or written: {error.strerror}."
        ) from error
    except ValueError as error:
        raise AuthorityError(
            f"{folder / _KEY_AND_CERTIFICATE} does not hold a private key and its certificate; "
            "restore it from a backup, or move it away to have a new one made, "
            "which every device must then be told to trust."
        ) from error
    return certificate


def _create(folder: Path, school: str, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Schoolgate certificate authority"),
            # X.520 bounds an organisation's name to 64 characters.
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, school[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day back, so that a device whose clock is a little slow accepts it at once.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    # Whole or not at all, and never readable by others, not even for a moment.
    unfinished = folder / f"{_KEY_AND_CERTIFICATE}.{os.getpid()}"
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / _KEY_AND_CERTIFICATE)
