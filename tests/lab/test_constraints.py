"""What a thief of the gateway's key can do with it, asked of the programs that check certificates.

The key and its intermediates are taken from the authority as they are, and put to work for names of
the thief's choice, on a server that the names lead to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from addon.authority.certificates import leaf_certificate, new_key
from addon.authority.folder import Signing, key_text, text_of
from addon.authority.keeping import ensure_authority
from addon.authority.names import wanted
from rules.loading import SHIPPED_POLICY, load_policy
from tests.lab.browser import chromium
from tests.lab.firefox import firefox
from tests.lab.scene import ROOT
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import wait_until

_WHY_NOT = missing("curl", "openssl")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


class Case(NamedTuple):
    host: str
    address: str  # where the thief's server for it is
    only_common_name: bool = False


OURS = Case("www.facebook.com", "127.0.0.2")
OUR_NUMBER = Case("157.240.1.35", "157.240.1.35")  # one of Facebook's own
BANK = Case("www.bank.example", "127.0.0.3")
NEWS = Case("www.bbc.co.uk", "127.0.0.4")
BY_COMMON_NAME = Case("www.shop.example", "127.0.0.5", only_common_name=True)
NUMBER = Case("198.51.100.7", "198.51.100.7")
NUMBER_6 = Case("2001:db8::7", "2001:db8::7")
CASES = (OURS, OUR_NUMBER, BANK, NEWS, BY_COMMON_NAME, NUMBER, NUMBER_6)
ACCEPTED = (OURS, OUR_NUMBER)
REFUSED = tuple(case for case in CASES if case not in ACCEPTED)


PAGE = """<!doctype html><script>
for (const host of HOSTS)
  fetch(`https://${host}/`, {mode: "no-cors"}).then(() => "talks", () => "refuses")
    .then(found => fetch(`/found?${new URLSearchParams([[host, found]])}`));
</script>"""


class Thief:
    """Servers inside a namespace, and what a school's devices trust."""

    def __init__(self, folder: Path, namespace: Namespace) -> None:
        self.folder = folder
        self.namespace = namespace
        self.root = folder / "authority" / "schoolgate-ca.crt"
        policy, now = load_policy(SHIPPED_POLICY), datetime.now(UTC)
        signing = ensure_authority(folder / "authority", "School", wanted(policy, ""), now)
        # One name of each intermediate too: all have to be understood by every browser.
        firsts = [part.names[0] for part in signing.parts[1:]]
        self.cases = (
            *CASES,
            *(Case(f"www.{name}", f"127.0.1.{at}") for at, name in enumerate(firsts, 1)),
        )
        hosts = [in_address(case.host) for case in self.cases]
        (folder / "thief.html").write_text(PAGE.replace("HOSTS", json.dumps(hosts)))
        self._log = folder / "found.jsonl"
        self._log.touch()
        for case in self.cases:
            self._serve(case, stolen(signing, case, now))
        namespace.lead({case.host: (case.address,) for case in self.cases[len(CASES) :]})

    def _serve(self, case: Case, certificate: bytes) -> None:
        file = self.folder / f"{case.host}.pem"
        file.write_bytes(certificate)
        if not case.address.startswith("127."):
            length = 128 if ":" in case.address else 32
            self.namespace.address("lo", f"{case.address}/{length}")
        if case is OURS:
            self.namespace.start(
                *(sys.executable, "-m", "tests.support.origin", "--host", case.address),
                *("--http", "80", "--https", "443", "--cert", file),
                *("--log", self._log, "--pages", self.folder),
                cwd=ROOT,
            )
        else:
            self.namespace.start(
                *("openssl", "s_server", "-quiet", "-www"),
                *("-accept", f"{in_address(case.address)}:443"),
                *("-cert", file, "-key", file, "-cert_chain", file),
            )

    def found(self) -> dict[str, str]:
        """What a browser on the thief's page reported: each host, and whether it talks to it."""
        whole, _, _ = self._log.read_text(encoding="utf-8").rpartition("\n")
        asked = [urlsplit(json.loads(line)["path"]) for line in whole.splitlines()]
        return dict(parse_qsl("&".join(url.query for url in asked if url.path == "/found")))

    def forget(self) -> None:
        self._log.write_text("")


def in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def stolen(signing: Signing, case: Case, now: datetime) -> bytes:
    """Key, leaf and intermediate for a name, whether or not it may be signed for."""
    key = new_key()
    signer = signing.intermediates[signing.covering.part_for(case.host) or 0]
    leaf = leaf_certificate(signer, signing.key, key.public_key(), case.host, now)
    if case.only_common_name:
        leaf = (
            x509.CertificateBuilder(
                leaf.issuer,
                leaf.subject,
                key.public_key(),
                leaf.serial_number,
                leaf.not_valid_before_utc.replace(tzinfo=None),
                leaf.not_valid_after_utc.replace(tzinfo=None),
            )
        ).sign(signing.key, hashes.SHA256())
    return key_text(key) + text_of(leaf) + text_of(signer)


@pytest.fixture(scope="module")
def thief(folder: Path) -> Iterator[Thief]:
    leads = {case.host: (case.address,) for case in CASES if case.host != case.address}
    with Namespace(leads) as namespace:
        thief = Thief(folder, namespace)
        for case in CASES:
            wait_until(partial(answers, thief, case))
        thief.forget()
        yield thief


def answers(thief: Thief, case: Case) -> bool:
    """Whether there is a server at all, to a client that looks at no certificate."""
    url = f"https://{in_address(case.host)}/"
    done = thief.namespace.run("curl", "--silent", "--insecure", "--max-time", "5", url)
    return done.returncode == 0


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.host)
def test_curl_talks_to_what_may_be_signed_for(thief: Thief, case: Case) -> None:
    done = thief.namespace.run(
        "curl", "--silent", "--show-error", "--cacert", thief.root, f"https://{case.host}/"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.host)
def test_curl_refuses_every_other_name(thief: Thief, case: Case) -> None:
    url = f"https://{in_address(case.host)}/"
    done = thief.namespace.run("curl", "--silent", "--show-error", "--cacert", thief.root, url)
    assert done.returncode == 60
    assert "subtree violation" in done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.host)
def test_openssl_says_why(thief: Thief, case: Case) -> None:
    done = thief.namespace.run(
        *("openssl", "s_client", "-connect", f"{in_address(case.address)}:443"),
        *("-CAfile", thief.root, "-verify_return_error", "-brief"),
        input="",
    )
    said = done.stdout + done.stderr
    if case in ACCEPTED:
        assert "Verification: OK" in said
    elif case in (NUMBER_6,):
        assert "subtree violation" in said
    else:
        assert "permitted subtree violation" in said


@pytest.mark.skipif(bool(missing("chromium", "certutil")), reason="needs chromium and certutil")
def test_chromium_talks_to_what_may_be_signed_for_and_to_nobody_else(thief: Thief) -> None:
    thief.forget()
    trusted = {"school": thief.root}
    with chromium(thief.folder, thief.namespace, trusted, None) as browser:
        browser.new_page().goto(f"https://{OURS.host}/thief")
        wait_until(lambda: len(thief.found()) == len(thief.cases), 30)
    check(thief)


@pytest.mark.skipif(bool(missing("firefox-esr", "certutil")), reason="needs firefox and certutil")
def test_firefox_talks_to_what_may_be_signed_for_and_to_nobody_else(thief: Thief) -> None:
    thief.forget()
    page = f"https://{OURS.host}/thief"
    with firefox(thief.folder, thief.namespace, {"school": thief.root}, page):
        wait_until(lambda: len(thief.found()) == len(thief.cases), 60)
    check(thief)


def check(thief: Thief) -> None:
    expected = {
        in_address(case.host): "refuses" if case in REFUSED else "talks" for case in thief.cases
    }
    assert thief.found() == expected
