"""A real directory server (OpenLDAP's slapd) with a few made-up people, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme

from tests.support.running_gate import wait_until
from tests.support.schoolgate import free_port

BASE = "dc=school,dc=example"
READER = f"cn=reader,{BASE}"
READERS_PASSWORD = "reads: only"

_PATH = "/usr/sbin:/usr/bin:/sbin"
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
database mdb
suffix "{base}"
directory {folder}/data
"""
_PEOPLE = """
dn: {base}
objectClass: dcObject
objectClass: organization
o: Fernhill Test School
dc: school

dn: {reader}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {password}

dn: uid=fe,{base}
objectClass: inetOrgPerson
cn: Fern Example
sn: Example
uid: fe
userPassword: right: of Fern's

dn: uid=willow.example,{base}
objectClass: inetOrgPerson
cn: Willow Example
sn: Example
uid: willow.example
userPassword: right of Willow's
"""


class Directory:
    """Runs from `with` on, at `port` (for StartTLS too) and under TLS at `tls_port`."""

    def __init__(self, folder: Path, authority: trustme.CA, name: str = "localhost") -> None:
        if not shutil.which("slapd", path=_PATH):
            pytest.skip("needs slapd (Debian: slapd)")
        self._folder = folder
        folder.mkdir()
        (folder / "data").mkdir()
        self.authorities = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.authorities))
        certificate = authority.issue_cert(name)
        certificate.private_key_pem.write_to_path(str(folder / "server.key"))
        certificate.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
        facts = {"folder": folder, "base": BASE, "reader": READER, "password": READERS_PASSWORD}
        (folder / "slapd.conf").write_text(_CONFIGURATION.format(**facts))
        people = folder / "people.ldif"
        people.write_text(_PEOPLE.format(**facts).lstrip())
        self._run("slapadd", "-q", "-l", str(people))
        self.port, self.tls_port = free_port(), free_port()

    def line(self, scheme: str, host: str = "localhost", **other: object) -> str:
        """What stands in the secrets for it."""
        port = self.tls_port if scheme == "ldaps" else self.port
        password = other.get("password", READERS_PASSWORD)
        return f"{scheme}:{host}:{port}:{READER}:{password}:{BASE}?search_filter_key=uid"

    def __enter__(self) -> Directory:
        at = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        program = shutil.which("slapd", path=_PATH)
        assert program
        self._process = subprocess.Popen(
            [program, "-d", "0", "-h", at, "-f", self._folder / "slapd.conf"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: _listens(self.port) and _listens(self.tls_port), 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _run(self, program: str, *words: str) -> None:
        found = shutil.which(program, path=_PATH)
        assert found
        subprocess.run([found, "-f", self._folder / "slapd.conf", *words], check=True)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe, suppress(OSError):
        probe.connect(("127.0.0.1", port))
        return True
    return False
