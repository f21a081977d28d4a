"""Transparent mode: a client that knows of no proxy, and a gateway that redirects it to one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.scene import Web
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import POLICY
from tests.support.schoolgate import Schoolgate, moment

_WHY_NOT = missing("curl", "nft")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

# Facebook's are from its own networks, as the catalogue has them; nothing leaves the namespaces.
LEADS = {
    "www.facebook.com": ("157.240.221.35", "2a03:2880:f158::35"),
    "www.linkedin.com": ("203.0.113.10", "2001:db8:1::10"),
    "x.com": ("203.0.113.20", "2001:db8:1::20"),
    "www.unrelated.example": ("203.0.113.30", "2001:db8:1::30"),
}
KNOWN, KNOWN_6 = "10.77.0.2", "fd77::2"
UNKNOWN = "10.77.0.3"

RULES = """
table inet schoolgate {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        iifname cable0 meta nfproto ipv4 tcp dport { 80, 443 } redirect to :8080
        iifname cable0 meta nfproto ipv6 tcp dport { 80, 443 } redirect to :8090
    }
}
"""


class Network:
    """A client, the gateway that it is joined to, and what lies behind."""

    def __init__(self, client: Namespace, web: Web, gate: Schoolgate, gate_6: Schoolgate) -> None:
        self.client = client
        self.web = web
        self.gate = gate
        self.gate_6 = gate_6

    def curl(self, *options: str, trust: str = "web") -> str:
        """The answer to the client's curl; it trusts the public web or the school."""
        authority = {
            "web": self.web.authority,
            "school": self.gate.state / "authority" / "schoolgate-ca.crt",
            "school-6": self.gate_6.state / "authority" / "schoolgate-ca.crt",
        }[trust]
        done = self.client.run(
            *("curl", "--silent", "--show-error", "--max-time", "30", "--include"),
            *("--ipv6" if trust == "school-6" else "--ipv4", "--cacert", authority, *options),
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("transparent")
    policy = folder / "policy.yaml"
    policy.write_text(
        POLICY.read_text().replace("addresses: [127.0.0.1]", f'addresses: [{KNOWN}, "{KNOWN_6}"]')
    )
    with Namespace(LEADS) as client, Namespace(LEADS) as gateway:
        client.join(gateway)
        client.address("cable0", f"{KNOWN}/24", f"{UNKNOWN}/24", f"{KNOWN_6}/64")
        gateway.address("cable0", "10.77.0.1/24", "fd77::1/64")
        client.run("ip", "route", "add", "default", "via", "10.77.0.1", "src", KNOWN, check=True)
        client.run("ip", "route", "add", "default", "via", "fd77::1", check=True)
        for four, six in LEADS.values():
            gateway.address("lo", f"{four}/32", f"{six}/128")
        gateway.run("nft", "-f", "-", input=RULES, check=True)
        web = Web(folder)
        web.start(gateway, "::")
        options = ("--mode", "transparent", "--upstream-ca", web.authority)
        with (
            Schoolgate(
                *(folder / "state", *options),
                policy=policy,
                listen="0.0.0.0:8080",
                portal="127.0.0.1:8081",
                inside=gateway.command(),
            ) as gate,
            # One address to listen on is one family: a second gate answers for IPv6.
            Schoolgate(
                *(folder / "state-6", *options),
                policy=policy,
                listen="[::]:8090",
                portal="127.0.0.1:8091",
                inside=gateway.command(),
            ) as gate_6,
        ):
            yield Network(client, web, gate, gate_6)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_restricted_site_shows_the_page_and_knows_the_person_by_address(
    network: Network, scheme: str
) -> None:
    before, began = len(network.web.seen()), moment()
    answer = network.curl(f"{scheme}://www.facebook.com/", trust="school")
    assert " 403" in answer.splitlines()[0]
    assert "school purpose" in answer
    event = network.gate.event(began)
    assert (event["person"], event["source"], event["address"]) == (
        "fern.example",
        "address",
        KNOWN,
    )
    assert (event["site"], event["scheme"]) == ("facebook", scheme)
    assert len(network.web.seen()) == before


def test_a_device_that_nobody_is_known_to_use_is_refused_as_unidentified(network: Network) -> None:
    began = moment()
    answer = network.curl("--interface", UNKNOWN, "https://x.com/", trust="school")
    assert " 403" in answer.splitlines()[0]
    event = network.gate.event(began)
    assert (event["person"], event["outcome"]) == (None, "unidentified")
    assert event["address"] == UNKNOWN


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_site_that_a_purpose_opens_is_reached(network: Network, scheme: str) -> None:
    answer = network.curl(f"{scheme}://x.com/news", trust="school")
    assert answer.endswith("origin x.com /news\n")
    assert network.gate.events()[-1]["rule"] == "news-on-x"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unrelated_site_is_untouched_and_leaves_no_row(network: Network, scheme: str) -> None:
    began = moment()
    answer = network.curl(f"{scheme}://www.unrelated.example/page")  # its own certificate
    assert answer.endswith("origin www.unrelated.example /page\n")
    network.curl("http://x.com/news")  # is let through once all before it is on record
    assert {event["host"] for event in network.gate.events(began)} == {"x.com"}


def test_an_unrelated_name_at_a_restricted_address_leads_to_the_unrelated_site(
    network: Network,
) -> None:
    (facebook, _) = LEADS["www.facebook.com"]
    answer = network.curl(
        *("--connect-to", f"www.unrelated.example:443:{facebook}:443"),
        "https://www.unrelated.example/lie",
    )
    assert answer.endswith("origin www.unrelated.example /lie\n")
    assert network.web.seen()[-1]["reached"] in LEADS["www.unrelated.example"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_allowed_name_at_a_restricted_address_leads_to_the_allowed_site(
    network: Network, scheme: str
) -> None:
    (facebook, _) = LEADS["www.facebook.com"]
    port = {"http": 80, "https": 443}[scheme]
    answer = network.curl(
        *("--connect-to", f"x.com:{port}:{facebook}:{port}"),
        f"{scheme}://x.com/lie",
        trust="school",
    )
    assert answer.endswith("origin x.com /lie\n")
    assert network.web.seen()[-1]["reached"] in LEADS["x.com"]


def test_an_allowed_name_before_a_restricted_host_is_refused(network: Network) -> None:
    before, began = len(network.web.seen()), moment()
    answer = network.curl("--header", "Host: www.facebook.com", "https://x.com/", trust="school")
    assert " 421" in answer.splitlines()[0]
    event = network.gate.event(began)
    assert (event["outcome"], event["site"]) == ("mismatch", "facebook")
    assert len(network.web.seen()) == before


def test_no_name_at_a_restricted_address_is_refused(network: Network) -> None:
    before, began = len(network.web.seen()), moment()
    (facebook, _) = LEADS["www.facebook.com"]
    answer = network.curl("--insecure", f"https://{facebook}/", trust="school")
    assert " 403" in answer.splitlines()[0] or " 421" in answer.splitlines()[0]
    event = network.gate.event(began)
    assert (event["site"], event["allowed"]) == ("facebook", 0)
    assert len(network.web.seen()) == before


def test_the_gate_itself_is_never_the_destination(network: Network) -> None:
    done = network.client.run(
        "curl", "--silent", "--max-time", "10", "--write-out", "%{http_code}",
        "--output", "/dev/null", "http://10.77.0.1:8080/",
    )  # fmt: skip
    assert done.stdout in ("502", "000")
    assert network.curl("http://www.unrelated.example/still").endswith("/still\n")


def test_over_ipv6_too(network: Network) -> None:
    began = moment()
    answer = network.curl("https://www.facebook.com/", trust="school-6")
    assert " 403" in answer.splitlines()[0]
    event = network.gate_6.event(began)
    assert (event["person"], event["address"]) == ("fern.example", KNOWN_6)
    for scheme in ("http", "https"):
        answer = network.curl(f"{scheme}://x.com/six", trust="school-6")
        assert answer.endswith("origin x.com /six\n")
