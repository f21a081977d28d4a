"""A school's network in a box: a namespace, a web of real names inside it, and the real gate.

Everything is a process of its own inside the namespace. The names lead to one origin, whose
certificate comes from an authority that stands for the public ones.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from tests.support.namespace import Namespace
from tests.support.running_gate import POLICY
from tests.support.schoolgate import Schoolgate

ROOT = Path(__file__).parent.parent.parent
PAGES = Path(__file__).parent / "pages"
NAMES = (
    "www.facebook.com",
    "m.facebook.com",
    "connect.facebook.net",
    "x.com",
    "www.linkedin.com",
    "news.example",
    "www.unrelated.example",
)


class Web:
    """The origin inside a namespace, and the authority that vouches for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority = trustme.CA(organization_name="The public web")
        self.authority = folder / "public-authority.pem"
        self._certificate = folder / "origin.pem"
        self._log = folder / "origin.jsonl"
        authority.cert_pem.write_to_path(str(self.authority))
        leaf = authority.issue_cert(*NAMES)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(self._certificate))
        self._log.touch()

    def certificate(self) -> bytes:
        """The origin's own certificate, DER."""
        pem = self._certificate.read_text()
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first, mark, _ = pem[pem.index(begin) :].partition(end)
        return ssl.PEM_cert_to_DER_cert(first + mark)

    def start(self, namespace: Namespace, host: str = "127.0.0.1") -> None:
        """Listens on ports 80 and 443; returns once it does."""
        with (self._folder / "origin.errors").open("w") as errors:
            namespace.start(
                *(sys.executable, "-m", "tests.support.origin", "--host", host),
                *("--http", "80", "--https", "443", "--cert", self._certificate),
                *("--log", self._log, "--pages", PAGES),
                cwd=ROOT,
                stderr=errors,
            )
        namespace.wait_for(80)
        namespace.wait_for(443)

    def written(self) -> int:
        """How long the log of these requests is, in bytes."""
        return self._log.stat().st_size

    def seen(self) -> list[dict[str, Any]]:
        """The requests that reached the origin, in order."""
        whole, _, _ = self._log.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]


class Scene:
    """One namespace with the web and the gate inside."""

    def __init__(self, folder: Path, namespace: Namespace, web: Web, gate: Schoolgate) -> None:
        self.folder = folder
        self.namespace = namespace
        self.web = web
        self.gate = gate

    @property
    def school_authority(self) -> Path:
        """The certificate that the school's devices are told to trust."""
        return self.gate.state / "authority" / "schoolgate-ca.crt"

    def curl(self, *options: str | Path) -> str:
        """What curl prints inside, through the proxy; it trusts the web and the school."""
        done = self.namespace.run(
            *("curl", "--silent", "--show-error", "--max-time", "30", "--proxy", self.gate.proxy),
            *("--cacert", self.both_authorities(), *options),
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def settle(self) -> None:
        """Returns once what was decided up to now is on record.

        A request that is let through waits until it is, and all is written in order.
        """
        assert self.curl("http://x.com/settled") == "origin x.com /settled\n"

    def both_authorities(self) -> Path:
        both = self.folder / "both-authorities.pem"
        if not both.exists():
            both.write_text(self.web.authority.read_text() + self.school_authority.read_text())
        return both


@contextmanager
def school(folder: Path, policy: Path = POLICY) -> Iterator[Scene]:
    """The whole scene, in regular mode, until the end of the `with`."""
    with Namespace(NAMES) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(folder / "state", "--upstream-ca", web.authority),
            policy=policy,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:
            yield Scene(folder, namespace, web, gate)
