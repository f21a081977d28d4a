"""Selective mode: only what goes to restricted addresses leaves its way at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box, sender
from tests.lab.internet import GATEWAY, WAN, WAN_6
from tests.lab.probes import probe
from tests.lab.world import FACEBOOK, NAMES, SHARED

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

UNRELATED = NAMES["www.unrelated.example"]
REFUSED = "connection refused"


@pytest.fixture(scope="module")
def box(ground: Box) -> Iterator[Box]:
    # The second client stands for a subnet of servers, whose third device is gated all the same.
    ground.apply(
        *(*SIDES, "--mode", "selective", "--masquerade"),
        *("--subnet", "10.77.0.3/32=open", "--subnet", "fd77::3/128=open"),
    )
    yield ground
    ground.run("remove", check=True)


def test_unrelated_traffic_never_meets_haproxy(box: Box) -> None:
    client = box.lab.clients[0]
    assert sender(box, 0, UNRELATED[1]) == client.address_6
    connections = box.lab.internet.connections()
    assert sender(box, 0, UNRELATED[0]) == WAN  # translated, as asked; see the next lines
    assert len(box.lab.internet.connections()) == len(connections) + 1
    seen = box.lab.gateway.run("cat", "/proc/net/nf_conntrack").stdout
    assert any(
        f"dst={UNRELATED[0]}" in line and f"src={client.address}" in line and "dport=443" in line
        for line in seen.splitlines()
    )


def test_the_catalogues_networks_go_to_haproxy_without_a_look_up(box: Box) -> None:
    assert sender(box, 0, FACEBOOK[0]) == WAN
    assert sender(box, 0, FACEBOOK[1]) == WAN_6
    listed = box.remembered()
    assert FACEBOOK[0] not in listed


def test_a_restricted_name_that_is_looked_up_brings_its_addresses_under_the_rules(
    box: Box,
) -> None:
    four, six = NAMES["www.linkedin.com"]
    device = box.lab.clients[0].namespace
    assert sender(box, 0, six) == box.lab.clients[0].address_6
    assert four not in box.remembered()
    found = probe(device, *(["dns", "8.8.8.8", "www.linkedin.com", kind] for kind in ("A", "AAAA")))
    assert found == [[0, [four]], [0, [six]]]
    assert four in box.remembered()
    assert six in box.remembered()
    assert sender(box, 0, six) == WAN_6
    assert probe(device, ["udp", six, 443], ["udp", four, 443])[0][0] == REFUSED
    assert probe(device, ["tcp", six, 8443])[0][0] == REFUSED


def test_an_address_in_use_is_remembered_for_longer(box: Box) -> None:
    _, six = NAMES["x.com"]
    box.lab.gateway.run(
        *("nft", "add", "element", "inet", "schoolgate", "restricted6"),
        f"{{ {six} timeout 100s }}",
        check=True,
    )
    assert sender(box, 0, six) == WAN_6
    (line,) = [part for part in box.remembered().split(",") if six in part]
    assert "expires 6d" in line or "expires 7d" in line


def test_a_name_at_a_shared_address_takes_its_neighbours_to_haproxy_and_they_pass(
    box: Box,
) -> None:
    device = box.lab.clients[0].namespace
    assert probe(device, ["dns", GATEWAY, "www.pinterest.com", "AAAA"]) == [[0, [SHARED[1]]]]
    assert sender(box, 0, SHARED[1]) == WAN_6


def test_an_open_subnet_is_let_past(box: Box) -> None:
    server = box.lab.clients[1]
    assert sender(box, 1, FACEBOOK[1]) == server.address_6
    assert probe(server.namespace, ["tcp", "2606:4700:4700::1111", 853])[0][0] == "open"
    assert sender(box, 2, FACEBOOK[1]) == WAN_6


def test_applying_again_forgets_no_address(box: Box) -> None:
    _, six = NAMES["www.reddit.com"][0], NAMES["www.linkedin.com"][1]
    probe(box.lab.clients[0].namespace, ["dns", GATEWAY, "www.linkedin.com", "AAAA"])
    assert six in box.remembered()
    box.apply("--exempt", "10.77.0.99")
    assert "10.77.0.99" in box.rules()
    assert six in box.remembered()


def confirmed_again(box: Box) -> None:
    done = box.run("apply", "--confirmed")
    assert done.returncode == 0, done.stderr


def test_what_another_program_empties_is_filled_again_with_what_was_known(box: Box) -> None:
    address = NAMES["www.pinterest.com"][0]
    asked = ["dns", GATEWAY, "www.pinterest.com", "A"]
    probe(box.lab.clients[0].namespace, asked)
    assert address in box.remembered()
    confirmed_again(box)  # as every hour
    box.lab.gateway.run("nft", "flush", "ruleset", check=True)
    confirmed_again(box)
    assert address in box.remembered()
    # What is looked up again is asked for again, and not taken from a cache that fills no set.
    (box.state / "gateway" / "remembered.json").unlink()
    box.lab.gateway.run("nft", "flush", "ruleset", check=True)
    confirmed_again(box)
    assert address not in box.remembered()
    probe(box.lab.clients[0].namespace, asked)
    assert address in box.remembered()


def test_nobody_outside_opens_a_connection_to_a_device_behind_what_translates(box: Box) -> None:
    device = box.lab.clients[0]
    serving = device.namespace.start(sys.executable, "-m", "http.server", "9000", "--bind", "::")
    try:
        device.namespace.wait_for(9000)
        found = probe(
            box.lab.internet.namespace,
            *(["tcp", device.address, 9000], ["tcp", device.address_6, 9000]),
        )
        assert [result for result, _ in found] == ["silence"] * 2
    finally:
        device.namespace.stop(serving)
