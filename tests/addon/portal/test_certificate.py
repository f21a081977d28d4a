"""The certificate can be had in every form, each the same certificate, and never anything else."""

import hashlib
import plistlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from addon.authority.certificates import new_key, root_certificate

FORMS = ["pem", "crt", "mobileconfig"]


def certificate_in(portal):
    path = portal.state / "authority" / "schoolgate-ca.crt"
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(
    ("form", "media_type", "read"),
    [
        ("pem", "application/x-pem-file", x509.load_pem_x509_certificate),
        ("crt", "application/x-x509-ca-cert", x509.load_der_x509_certificate),
        (
            "mobileconfig",
            "application/x-apple-aspen-config",
            lambda body: x509.load_der_x509_certificate(
                plistlib.loads(body)["PayloadContent"][0]["PayloadContent"]
            ),
        ),
    ],
)
def test_each_form_is_the_same_certificate(portal, form, media_type, read):
    reply = portal.get(f"/certificate/schoolgate-ca.{form}")
    assert reply.status == 200
    assert reply.headers["Content-Type"].split(";")[0] == media_type
    assert read(reply.body) == certificate_in(portal)


def test_the_profile_is_one_that_apple_reads(portal):
    one, again = (
        plistlib.loads(portal.get("/certificate/schoolgate-ca.mobileconfig").body) for _ in range(2)
    )
    assert one == again, "so that installing it twice leaves one"
    assert one["PayloadType"] == "Configuration"
    (payload,) = one["PayloadContent"]
    assert payload["PayloadType"] == "com.apple.security.root"
    assert payload["PayloadVersion"] == one["PayloadVersion"] == 1
    assert payload["PayloadUUID"] != one["PayloadUUID"]


def test_the_page_shows_the_fingerprint_that_devices_show(portal):
    der = certificate_in(portal).public_bytes(Encoding.DER)
    expected = hashlib.sha256(der).hexdigest().upper()
    text = portal.get("/certificate").text.replace("<wbr>", "")
    assert ":".join(expected[at : at + 2] for at in range(0, 64, 2)) in text


def test_the_page_tells_every_kind_of_device_how(portal):
    text = portal.get("/certificate").text
    for device in ("Group Policy", "ChromeOS", "macOS", "iPad", "Android", "Linux", "Firefox"):
        assert device in text
    assert "Barningham &lt;Schoolgate&gt; &amp; co" in text


@pytest.mark.parametrize("path", ["", *(f"/schoolgate-ca.{form}" for form in FORMS)])
@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, "The certificate is not there yet"),
        (b"", "does not hold a certificate"),
        (b"-----BEGIN CERTIFICATE-----\nbm9pc2U=\n-----END CERTIFICATE-----\n", "does not hold"),
        (b"\0\xff" * 1000, "does not hold a certificate"),
    ],
)
def test_without_a_certificate_there_is_a_clear_page(serve, tmp_path, path, left, said):
    if left is not None:
        (tmp_path / "authority").mkdir()
        (tmp_path / "authority" / "schoolgate-ca.crt").write_bytes(left)
    reply = serve().get(f"/certificate{path}")
    assert reply.status == 404
    assert said in reply.text


def test_a_key_beside_the_certificate_never_leaves(portal):
    path = portal.state / "authority" / "schoolgate-ca.crt"
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    path.write_bytes(key + path.read_bytes() + key)
    for form in FORMS:
        reply = portal.get(f"/certificate/schoolgate-ca.{form}")
        assert reply.status == 200
        assert b"PRIVATE" not in reply.body


@pytest.mark.parametrize(
    "name", ["schoolgate-ca.key", "mitmproxy-ca.pem", "schoolgate-ca.", "../x"]
)
def test_nothing_else_can_be_had(portal, name):
    assert portal.get(f"/certificate/{name}").status == 404


def test_the_next_certificate_stands_beside_the_present_one(portal):
    assert "next certificate" not in portal.get("/certificate").text
    assert portal.get("/certificate/schoolgate-ca-next.pem").status == 404
    following = root_certificate(new_key(), "School", datetime(2026, 6, 8, tzinfo=UTC))
    path = portal.state / "authority" / "next-root.crt"
    path.write_bytes(following.public_bytes(Encoding.PEM))
    text = portal.get("/certificate").text.replace("<wbr>", "")
    for certificate in (following, certificate_in(portal)):
        assert certificate.fingerprint(SHA256()).hex(":").upper() in text
    reply = portal.get("/certificate/schoolgate-ca-next.pem")
    assert x509.load_pem_x509_certificate(reply.body) == following
    assert portal.get("/certificate/schoolgate-ca-next.key").status == 404
