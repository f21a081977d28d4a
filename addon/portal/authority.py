"""The school's own certificate, in the forms that devices take it in.

Only the public certificate is ever read here, and it is written out anew from what was understood,
so whatever else the file may hold cannot leave through the portal. Where the portal is a service of
its own, the authority's folder is not there for it, only the one that certificates are laid out in.
"""

import plistlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from addon.state_folder import certificates_folder


class NoAuthority(Exception):
    """There is no certificate to give out; str() is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate in its two encodings, and what helps a person to recognise it."""

    pem: bytes
    der: bytes
    name: str
    fingerprint: str  # SHA-256 of the DER form, 'AB:CD:...'
    valid_from: datetime  # aware UTC
    valid_until: datetime

    def apple_profile(self, school: str) -> bytes:
        """A configuration profile that adds the certificate (Apple's com.apple.security.root).

        Its identifiers come from the fingerprint, so installing it twice leaves one.
        """
        payload = uuid.uuid5(uuid.NAMESPACE_OID, f"schoolgate certificate {self.fingerprint}")
        profile = uuid.uuid5(uuid.NAMESPACE_OID, f"schoolgate profile {self.fingerprint}")
        return plistlib.dumps(
            {
                "PayloadType": "Configuration",
                "PayloadVersion": 1,
                "PayloadIdentifier": f"schoolgate.{profile}",
                "PayloadUUID": str(profile).upper(),
                "PayloadDisplayName": f"Schoolgate certificate, {school}",
                "PayloadDescription": (
                    "Lets this device show the school's page where a site is restricted."
                ),
                "PayloadOrganization": school,
                "PayloadContent": [
                    {
                        "PayloadType": "com.apple.security.root",
                        "PayloadVersion": 1,
                        "PayloadIdentifier": f"schoolgate.{payload}",
                        "PayloadUUID": str(payload).upper(),
                        "PayloadDisplayName": self.name,
                        "PayloadCertificateFileName": "schoolgate-ca.crt",
                        "PayloadContent": self.der,
                    }
                ],
            }
        )


def read_next(state: Path) -> Authority | None:
    """The certificate that will follow, once every device trusts it; None if none is to yet."""
    try:
        return _read(_place_of("next-root.crt", state))
    except NoAuthority:
        return None


def read_authority(state: Path) -> Authority:
    """The certificate that the proxy left in the state folder. Raises NoAuthority."""
    return _read(_place_of("schoolgate-ca.crt", state))


def _place_of(name: str, state: Path) -> Path:
    laid_out = certificates_folder(state) / name
    return laid_out if laid_out.exists() else state / "authority" / name


def _read(path: Path) -> Authority:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError as fault:
        raise NoAuthority(
            "The certificate is not there yet; the proxy makes it when it first starts."
        ) from fault
    except OSError as fault:
        raise NoAuthority(f"The certificate cannot be read: {fault.strerror}.") from fault
    except ValueError as fault:
        raise NoAuthority("The certificate's file does not hold a certificate.") from fault
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Authority(
        pem=certificate.public_bytes(Encoding.PEM),
        der=certificate.public_bytes(Encoding.DER),
        name=str(names[0].value) if names else "Schoolgate",
        fingerprint=certificate.fingerprint(SHA256()).hex(":").upper(),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )
