"""The lab's own ground: what a test finds there before any gate stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.device import Device
from tests.lab.internet import Lab, lab, lab_missing

_WHY_NOT = lab_missing("curl", "openssl")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


@pytest.fixture(scope="module")
def net(folder: Path) -> Iterator[Lab]:
    with lab(folder, clients=1) as net:
        yield net


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("address", ["157.240.221.35", "[2a03:2880:f158::35]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_real_name_is_there_with_a_certificate_of_its_own(
    net: Lab, scheme: str, address: str, version: str
) -> None:
    if (scheme, version) == ("http", "--http2"):
        version = "--http2-prior-knowledge"
    port = {"http": 80, "https": 443}[scheme]
    answer = net.clients[0].curl(
        *(version, "--cacert", net.internet.authority),
        *("--connect-to", f"www.facebook.com:{port}:{address}:{port}"),
        f"{scheme}://www.facebook.com/hello",
    )
    assert answer.stdout == "origin www.facebook.com /hello\n", answer.stderr
    seen = net.internet.requests()[-1]
    assert seen["reached"] == address.strip("[]")
    assert seen["sender"] in (net.clients[0].address, net.clients[0].address_6)
    assert seen["version"] == ("HTTP/1.1" if version == "--http1.1" else "HTTP/2")
    assert seen["server_name"] == ("www.facebook.com" if scheme == "https" else "")


def test_the_gateway_finds_names_in_both_families(net: Lab) -> None:
    found = net.gateway.run("getent", "ahosts", "www.facebook.com").stdout
    assert "157.240.221.35" in found
    assert "2a03:2880:f158::35" in found
    assert net.gateway.run("getent", "ahosts", "nowhere.example").returncode != 0
    assert "query[A] nowhere.example from 198.51.100.1" in net.internet.questions()


def test_a_server_that_speaks_like_ssh_speaks_first_on_any_port(net: Lab) -> None:
    said = net.clients[0].run(
        *("openssl", "s_client", "-connect", "199.232.7.22:443"), input="", timeout=20
    )
    assert "wrong version number" in said.stderr
    assert "199.232.7.22" in {found["reached"] for found in net.internet.connections()}


def test_a_tunnel_leads_on(net: Lab) -> None:
    answer = net.clients[0].curl(
        *("--proxy", "http://199.232.7.23:8080", "--cacert", net.internet.authority),
        *("--proxytunnel", "https://www.facebook.com/through"),
    )
    assert answer.stdout == "origin www.facebook.com /through\n", answer.stderr


@pytest.mark.parametrize("address", ["157.240.221.35", "2a03:2880:f158::35"])
@pytest.mark.parametrize("port", [443, 853])
def test_datagrams_are_heard_and_answered(net: Lab, address: str, port: int) -> None:
    device = Device(net.clients[0])
    answer = device.do(lambda device: device.datagram(address, port, b"hello"))
    device.close()
    assert answer.body == b"origin heard a datagram\n", answer.fault
    heard = [found for found in net.internet.connections() if "datagram" in found]
    assert (heard[-1]["reached"], heard[-1]["port"]) == (address, port)
