"""Full mode: every web connection goes to HAProxy, and nothing goes round it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box, sender
from tests.lab.internet import GATEWAY, GATEWAY_6, WAN, WAN_6
from tests.lab.probes import probe
from tests.lab.world import FACEBOOK, NAMES
from tests.support.pace import promised
from tests.support.running_gate import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

UNRELATED = NAMES["www.unrelated.example"]
REFUSED = "connection refused"
EXEMPT, EXEMPT_BY_ADDRESS = 1, 2


@pytest.fixture(scope="module")
def box(ground: Box) -> Iterator[Box]:
    devices = ground.lab.clients
    ground.apply(
        *SIDES,
        *("--exempt", devices[EXEMPT].hardware),
        *("--exempt", devices[EXEMPT_BY_ADDRESS].address),
        *("--portal-name", "gate.school.example"),
    )
    yield ground
    ground.run("remove", check=True)


def knock(box: Box, *probes: list[Any], client: int = 0) -> list[Any]:
    return probe(box.lab.clients[client].namespace, *probes)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("version", "outside"), [(0, WAN), (1, WAN_6)])
def test_web_connections_go_through_haproxy_in_both_families(
    box: Box, version: int, outside: str, scheme: str
) -> None:
    assert sender(box, 0, UNRELATED[version], scheme) == outside


def test_an_exempt_device_goes_straight_out(box: Box) -> None:
    device = box.lab.clients[EXEMPT]
    assert sender(box, EXEMPT, UNRELATED[0]) == device.address
    assert sender(box, EXEMPT, UNRELATED[1]) == device.address_6
    assert knock(box, ["tcp", "1.1.1.1", 853], client=EXEMPT)[0][0] == "open"


def test_a_device_that_is_exempt_by_address_goes_straight_out_with_that_address_only(
    box: Box,
) -> None:
    device = box.lab.clients[EXEMPT_BY_ADDRESS]
    assert sender(box, EXEMPT_BY_ADDRESS, UNRELATED[0]) == device.address
    assert sender(box, EXEMPT_BY_ADDRESS, UNRELATED[1]) == WAN_6


@pytest.mark.parametrize(("address", "port"), [(UNRELATED[0], 18142), (UNRELATED[1], 18143)])
def test_the_gateway_itself_may_connect_from_a_port_that_is_closed_to_others(
    box: Box, address: str, port: int
) -> None:
    host = f"[{address}]" if ":" in address else address
    asked = ("--silent", "--show-error", "--max-time", "5", "--local-port", str(port))
    answer = box.lab.gateway.run("curl", *asked, f"http://{host}/")
    assert answer.stdout.startswith("origin "), answer.stderr


@pytest.mark.parametrize("address", [*UNRELATED, *FACEBOOK])
def test_quic_is_refused_at_once(box: Box, address: str) -> None:
    (result, took) = knock(box, ["udp", address, 443])[0]
    assert result == REFUSED
    assert took < promised(1)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("address", NAMES["one.one.one.one"])
def test_encrypted_look_ups_are_refused_at_once(box: Box, address: str, kind: str) -> None:
    for result, took in knock(box, [kind, address, 853], [kind, address, 443]):
        assert result == REFUSED
        assert took < promised(1)


def test_whoever_is_asked_for_a_name_it_is_the_gateway_that_answers(box: Box) -> None:
    other, other_6, nobody = "8.8.8.8", "2001:4860:4860::8888", "203.0.113.7"
    before = len(box.lab.internet.questions())
    name = "www.unrelated.example"
    for answer in knock(
        box,
        ["dns", other, name, "A"],
        ["dns", other, name, "A", "tcp"],
        ["dns", other_6, name, "A"],
        ["dns", nobody, name, "A"],
        ["dns", GATEWAY, name, "A"],
        ["dns", GATEWAY_6, name, "A"],
    ):
        assert answer == [0, [UNRELATED[0]]]
    asked = box.lab.internet.questions()[before:].splitlines()
    assert all(line.endswith(f"from {WAN}") for line in asked if f"query[A] {name}" in line)
    assert box.lab.clients[0].address not in "".join(asked)


def test_names_that_turn_our_answers_away_do_not_exist(box: Box) -> None:
    names = (
        "use-application-dns.net",
        "mask.icloud.com",
        "mask-h2.icloud.com",
        "dns.google",
        "mozilla.cloudflare-dns.com",
        "_dns.resolver.arpa",
        "wpad",
    )
    answers = knock(box, *(["dns", GATEWAY, name, kind] for name in names for kind in ("A", "TXT")))
    assert answers == [[3, []]] * len(answers)


def test_a_record_with_the_keys_to_hide_a_name_does_not_come_through(box: Box) -> None:
    name = "www.facebook.com"
    upstream = box.lab.clients[EXEMPT].namespace
    assert probe(upstream, ["dns", "192.0.2.53", name, "HTTPS"]) == [[0, ["type 65"]]]
    assert knock(box, ["dns", GATEWAY, name, "HTTPS"]) == [[0, []]]


def test_the_portals_name_leads_to_the_gateway(box: Box) -> None:
    assert knock(box, ["dns", GATEWAY, "gate.school.example", "A"]) == [[0, [GATEWAY]]]


def test_haproxys_ports_take_nobody_who_was_not_redirected(box: Box) -> None:
    ports = [["tcp", at, port] for at in (GATEWAY, GATEWAY_6, WAN) for port in (8443, 8080, 8453)]
    assert [result for result, _ in knock(box, *ports)] == [REFUSED] * 9
    far = [["tcp", at, port] for at in (WAN, WAN_6) for port in (8443, 8080)]
    found = probe(box.lab.internet.namespace, *far)
    assert [result for result, _ in found] == [REFUSED] * 4


def test_a_workers_port_takes_nobody_from_outside_however_it_listens(box: Box) -> None:
    with _listening(box, 18080):
        assert knock(box, ["tcp", GATEWAY, 18080])[0][0] == REFUSED
        assert probe(box.lab.gateway, ["tcp", "127.0.0.1", 18080])[0][0] == "open"


def test_the_portal_and_the_gateways_other_services_are_reached(box: Box) -> None:
    for port in (8081, 443):
        with _listening(box, port):
            found = knock(box, ["tcp", GATEWAY, port], ["tcp", GATEWAY_6, port])
        assert [result for result, _ in found] == ["open", "open"]


def test_the_portal_is_not_reached_from_the_internet_and_other_services_are(box: Box) -> None:
    for port, expected in ((8081, REFUSED), (8082, "open")):
        with _listening(box, port):
            found = probe(box.lab.internet.namespace, ["tcp", WAN, port], ["tcp", WAN_6, port])
        assert [result for result, _ in found] == [expected] * 2


@contextmanager
def _listening(box: Box, port: int) -> Iterator[None]:
    """Something that answers on a port of the gateway's."""
    process = box.lab.gateway.start("haproxy", "-db", "-f", _listener(box.state.parent, port))
    try:
        box.lab.gateway.wait_for(port)
        yield
    finally:
        box.lab.gateway.stop(process)


def _listener(folder: Path, port: int) -> Path:
    path = folder / f"listener-{port}.cfg"
    path.write_text(
        "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n"
        f"frontend here\n bind :::{port} v4v6\n http-request return status 204\n"
    )
    return path


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("address", FACEBOOK)
def test_a_restricted_network_has_no_other_way_in(box: Box, address: str, kind: str) -> None:
    for result, took in knock(box, [kind, address, 8443], [kind, address, 5222]):
        assert result == REFUSED
        assert took < promised(1)


def test_an_address_that_a_restricted_name_led_to_has_no_other_way_in(box: Box) -> None:
    address, _ = NAMES["x.com"]
    assert knock(box, ["dns", GATEWAY, "x.com", "A"])[0] == [0, [address]]
    assert address in box.remembered()
    assert knock(box, ["tcp", address, 8443])[0][0] == REFUSED


@pytest.mark.parametrize("address", NAMES["dns.google"])
def test_a_known_resolver_is_reached_on_no_port(box: Box, address: str) -> None:
    for result, took in knock(box, *(["tcp", address, port] for port in (80, 443, 853, 8443))):
        assert result == REFUSED
        assert took < promised(1)


def test_other_ports_of_unrelated_sites_are_none_of_our_business(box: Box) -> None:
    assert knock(box, ["tcp", UNRELATED[0], 8443])[0][0] == "open"

    def senders() -> set[str]:
        # The kernel opens it; the server hears of it in its own time.
        found = box.lab.internet.connections()
        return {c["sender"] for c in found if (c["reached"], c["port"]) == (UNRELATED[0], 8443)}

    wait_until(senders)
    assert senders() == {box.lab.clients[0].address}
