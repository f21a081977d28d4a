"""The certificates: a root, the intermediates below it, and what they sign for one host.

Elliptic-curve keys (P-256) throughout: signing is faster than with RSA, and every device in use
accepts them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from addon.authority.parts import Part

ROOT_LIFETIME: Final = timedelta(days=3652)
"""Ten years: devices are told to trust it by hand, and a school cannot do that often."""

INTERMEDIATE_LIFETIME: Final = timedelta(days=365)
LEAF_LIFETIME: Final = timedelta(days=90)
ROOT_NAME: Final = "Schoolgate certificate authority"

# A day back, so that a device whose clock is a little slow accepts it at once.
_SLOW_CLOCKS: Final = timedelta(days=1)
_LONGEST_NAME: Final = 64  # X.520 bounds the names of people and organisations


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key."""
    return ec.generate_private_key(ec.SECP256R1())


def root_certificate(
    key: ec.EllipticCurvePrivateKey, school: str, now: datetime, generation: str = ""
) -> x509.Certificate:
    """The root, self-signed. The school's name tells whoever finds it on a device whose it is.

    `generation` tells a later root from the one before it.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"{ROOT_NAME} {generation}".strip()),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, school[:_LONGEST_NAME]),
        ]
    )
    return (
        _started(name, name, key.public_key(), now - _SLOW_CLOCKS, now + ROOT_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def intermediate_certificate(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    part: Part,
    number: int,
    now: datetime,
) -> x509.Certificate:
    """An intermediate that may sign for `part`, web servers only, and make no further authority."""
    start = max(now - _SLOW_CLOCKS, root.not_valid_before_utc)
    end = min(now + INTERMEDIATE_LIFETIME, root.not_valid_after_utc)
    # The name says which of them it is: a verifier looks for the signer of a leaf by name.
    name = x509.Name(
        [
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"Schoolgate gateway {now:%Y-%m-%d %H:%M:%S} no. {number}"
            ),
            *root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME),
        ]
    )
    return (
        _started(name, root.subject, key, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(part.constraints(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_signed_by(root), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def leaf_certificate(
    signer: x509.Certificate,
    signer_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    host: str,
    now: datetime,
) -> x509.Certificate:
    """A server's certificate for one canonical host or IP address, and for nothing else."""
    number = ":" in host or host.replace(".", "").isdecimal()
    name = x509.IPAddress(ip_address(host)) if number else x509.DNSName(host)
    # OpenSSL takes a number in the common name for a domain, which may not be signed for.
    short = not number and len(host) <= _LONGEST_NAME
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, host)] if short else []
    start = max(now - _SLOW_CLOCKS, signer.not_valid_before_utc)
    end = min(now + LEAF_LIFETIME, signer.not_valid_after_utc)
    return (
        _started(x509.Name(subject), signer.subject, key, start, end)
        .add_extension(x509.SubjectAlternativeName([name]), critical=not short)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_signed_by(signer), critical=False)
        .sign(signer_key, hashes.SHA256())
    )


def _started(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _signed_by(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
