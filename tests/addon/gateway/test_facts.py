"""The facts of a gateway, as options and as a file."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from addon.endpoint import Endpoint
from addon.gateway import facts as reading
from addon.gateway.facts import Facts, Forward, Mode, Profile, Subnet
from addon.gateway.facts_file import facts_text, load_facts
from addon.gateway.missing_facts import missing_facts
from rules.loading import PolicyError

WHOLE = Facts(
    lan=("eth1", "eth2.20"),
    wan="eth0",
    mode=Mode.SELECTIVE,
    dns=(ip_address("192.0.2.53"), ip_address("2001:db8::53")),
    exempt=("02:00:00:00:00:01", "10.0.0.9/32"),
    subnets=(Subnet(ip_network("10.20.0.0/16"), Profile.OPEN),),
    forwards=(Forward("school.local", ip_address("10.0.0.5")),),
    masquerade=True,
    inbound=True,
    portal=Endpoint("fd00::1", 81),
    portal_name="gate.school.example",
    https_port=9443,
    http_port=9080,
)


@pytest.mark.parametrize("facts", [Facts(), WHOLE])
def test_facts_that_are_written_are_read_back(facts: Facts, tmp_path: Path) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(facts_text(facts))
    assert load_facts(path) == facts


def test_all_faults_of_a_file_come_together_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(
        "lan: [eth1, 'eth 2']\nwan: eth0\nmode: fulll\nmasquerade: perhaps\n"
        "exempt: printer\nsubnets: ['10.0.0.0/8=shut']\nhttps-port: 70000\ndns: one.one.one.one\n"
        "wlan: eth3\n"
    )
    with pytest.raises(PolicyError) as raised:
        load_facts(path)
    assert [str(fault) for fault in raised.value.faults] == [
        "facts.yaml:1: lan[1]: 'eth 2' is not a network interface of this kind; write it like"
        " 'eth1'.",
        "facts.yaml:3: mode: 'fulll' is not a mode. Did you mean 'full'?",
        "facts.yaml:4: masquerade: This should be true or false.",
        "facts.yaml:5: exempt: 'printer' is not a device; name it by its hardware address, like"
        " 'a4:5e:60:01:02:03', its address, like '10.0.0.9', or its network, like '10.0.9.0/24'.",
        "facts.yaml:6: subnets[0]: 'shut' is not a profile; it can be 'restricted' or 'open'.",
        "facts.yaml:7: https-port: '70000' is not a port. From 1 to 65535.",
        "facts.yaml:8: dns: 'one.one.one.one' is not the address of a name server; write it like"
        " '192.0.2.53'.",
        "facts.yaml:9: wlan: There is no entry 'wlan' here. Did you mean 'wan'?",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="The file cannot be read: No such file or directory"):
        load_facts(tmp_path / "facts.yaml")


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (reading.parse_interface, "lo", "is not a network interface"),
        (reading.parse_interface, 'eth0"', "is not a network interface"),
        (reading.parse_interface, "a-very-long-name", "is not a network interface"),
        (reading.parse_subnet, "10.0.0.1/8=open", "is not a subnet"),
        (reading.parse_forward, "school.local", "is not a domain and its name server"),
        (reading.parse_forward, "10.0.0.1=10.0.0.5", "is not a domain and its name server"),
        (reading.parse_portal, "gate", "is not the portal's address"),
        (reading.parse_portal, "10.0.0.1:0", "is not a port"),
        (reading.parse_name, "a b", "is not a host name"),
        (reading.parse_name, "10.0.0.1", "is an address, not a host name"),
    ],
)
def test_what_cannot_be_read_is_said(read: object, text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(text)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "portal"),
    [
        ("10.0.0.1", Endpoint("10.0.0.1", 8081)),
        ("10.0.0.1:80", Endpoint("10.0.0.1", 80)),
        ("fd00::1", Endpoint("fd00::1", 8081)),
        ("[fd00::1]:80", Endpoint("fd00::1", 80)),
    ],
)
def test_the_portals_address_with_and_without_a_port(text: str, portal: Endpoint) -> None:
    assert reading.parse_portal(text) == portal


def test_the_smallest_subnet_counts() -> None:
    subnets = tuple(
        reading.parse_subnet(text)
        for text in ("10.0.0.0/8=open", "10.1.0.0/16", "10.1.2.0/24=open", "fd00::/8=open")
    )
    past = Facts(subnets=subnets).exempt_networks

    def is_past(address: str) -> bool:
        found = ip_address(address)
        return any(found in network for network in past if network.version == found.version)

    assert is_past("10.0.0.1")
    assert not is_past("10.1.0.1")
    assert is_past("10.1.2.1")
    assert is_past("10.2.0.1")
    assert is_past("fd00::1")
    assert not is_past("192.168.0.1")


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (Facts(), "name the one that staff are behind with --lan"),
        (Facts(lan=("a",)), "name the one that the internet is behind with --wan"),
        (Facts(lan=("a",), wan="a"), "a cannot be both --lan and --wan"),
        (Facts(lan=("a",), wan="b", http_port=8443), "must all be different"),
        (Facts(lan=("a",), wan="b", https_port=8071), "must all be different"),
    ],
)
def test_what_is_missing_is_asked_for(facts: Facts, what: str) -> None:
    assert what in str(missing_facts(facts))


@pytest.mark.parametrize(
    ("ports", "what"),
    [
        ({"https_port": 65526}, "--https-port 65526 is too high"),
        ({"http_port": 65530}, "--http-port 65530 is too high"),
        ({"https_port": 65525}, None),
        ({"https_port": 53}, "--https-port takes port 53, which is the name server's"),
        ({"http_port": 43}, "--http-port takes port 53, which is the name server's"),
        ({"portal": Endpoint("10.0.0.1", 53)}, "--portal takes port 53"),
        ({"https_port": 18080}, "takes port 18080, and those from 18080 to 18143 are for the"),
        ({"http_port": 18070}, "--http-port takes port 18080"),
        ({"http_port": 18143}, "--http-port takes port 18143"),
        ({"portal": Endpoint("10.0.0.1", 18100)}, "--portal takes port 18100"),
        ({"portal": Endpoint("10.0.0.1", 8453)}, "must all be different"),
        ({"https_port": 18144, "http_port": 443}, None),
    ],
)
def test_each_port_has_one_use(ports: dict[str, Any], what: str | None) -> None:
    said = missing_facts(Facts(lan=("a",), wan="b", **ports))
    assert (said is None) if what is None else (what in str(said))


@pytest.mark.parametrize(
    ("exempt", "subnets", "everybody"),
    [
        (("0.0.0.0/0",), (), "0.0.0.0/0"),
        (("::/0",), (), "::/0"),
        (("0.0.0.0/1", "128.0.0.0/1"), (), "0.0.0.0/0"),
        ((), ("0.0.0.0/0=open",), "0.0.0.0/0"),
        (("10.20.0.0/16",), ("0.0.0.0/0=open", "10.20.0.0/16"), "0.0.0.0/0"),
        ((), ("0.0.0.0/0=open", "10.20.0.0/16"), None),  # all but one subnet
        ((), ("0.0.0.0/0",), None),
        (("10.0.0.0/8",), ("fd00::/8=open",), None),
    ],
)
def test_somebody_has_to_be_left(
    exempt: tuple[str, ...], subnets: tuple[str, ...], everybody: str | None
) -> None:
    read = tuple(reading.parse_subnet(text) for text in subnets)
    said = missing_facts(Facts(lan=("a",), wan="b", exempt=exempt, subnets=read))
    assert said == (
        everybody
        and f"What is exempt or open adds up to {everybody}, which would let everybody past;"
        " to restrict nobody any more, use 'schoolgate gateway remove'."
    )


def test_explicit_mode_needs_no_facts_but_a_port_of_its_own() -> None:
    assert missing_facts(Facts(mode=Mode.EXPLICIT)) is None
    assert missing_facts(Facts(mode=Mode.EXPLICIT, http_port=65535)) is None
    for port, what in ((8081, "must all be different"), (18081, "are for the proxy's workers")):
        assert what in str(missing_facts(Facts(mode=Mode.EXPLICIT, http_port=port)))
