"""What is rendered is what nft and dnsmasq take, whatever the facts are."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from addon.endpoint import Endpoint
from addon.gateway.dnsmasq import render_dnsmasq
from addon.gateway.facts import Facts, Mode
from addon.gateway.listeners import listeners
from addon.gateway.machine import resolvers_of_machine
from addon.gateway.names import gateway_names
from addon.gateway.nftables import render_sets
from addon.gateway.places import Places
from addon.gateway.rendering import (
    NAME_SERVER_FILE,
    TABLE_FILE,
    Surroundings,
    render,
    render_for_reading,
)
from addon.gateway.resolvers import known_resolvers
from addon.gateway.units import render_units
from rules.hosts import canonical_host
from rules.loading import SHIPPED_POLICY, load_policy
from tests.addon.gateway.test_facts import WHOLE
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import POLICY

_WHY_NOT = missing("nft", "dnsmasq")
AROUND = Surroundings((ip_address("192.0.2.53"),), Endpoint("10.0.0.1", 8081), (2, 90))
PLACES = Places(
    Path("/opt/schoolgate/schoolgate"), Path("/var/lib/schoolgate"), Path("/etc/p.yaml")
)
PLAIN = Facts(lan=("eth1",), wan="eth0")
CASES = [PLAIN, WHOLE, replace(PLAIN, mode=Mode.SELECTIVE), replace(WHOLE, mode=Mode.FULL)]


def rendered(facts: Facts) -> dict[str, str]:
    policy = load_policy(SHIPPED_POLICY)
    return render(facts, policy, gateway_names(policy), AROUND)


@pytest.mark.lab
@pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))
def test_nft_and_dnsmasq_take_what_is_rendered() -> None:
    with Namespace() as namespace:
        for facts in CASES:
            files = rendered(facts)
            for rules in (render_sets(), files[TABLE_FILE], files[TABLE_FILE]):
                done = namespace.run("nft", "-f", "-", input=rules)
                assert (done.returncode, done.stderr) == (0, "")
            done = namespace.run(
                "dnsmasq", "--test", "--conf-file=-", input=files[NAME_SERVER_FILE]
            )
            assert done.returncode == 0, done.stderr


def test_no_line_is_longer_than_dnsmasq_reads() -> None:
    assert max(map(len, rendered(WHOLE)[NAME_SERVER_FILE].splitlines())) < 1024


def test_every_restricted_domain_fills_the_sets() -> None:
    policy = load_policy(SHIPPED_POLICY)
    text = rendered(PLAIN)[NAME_SERVER_FILE]
    for domain in gateway_names(policy).domains:
        assert f"nftset=/{domain}/4#inet#schoolgate#restricted4,6#" in text


def test_an_older_dnsmasq_is_not_given_a_word_that_it_does_not_know() -> None:
    new, old = (
        render_dnsmasq(PLAIN, (), (), "10.0.0.1", version) for version in ((2, 90), (2, 89))
    )
    assert "filter-rr=HTTPS" in new
    assert "filter-rr" not in old


def test_look_ups_are_never_written_down() -> None:
    assert "log-queries" not in rendered(WHOLE)[NAME_SERVER_FILE]


def test_addresses_are_translated_only_where_that_is_asked_for() -> None:
    assert "masquerade" not in rendered(PLAIN)[TABLE_FILE]
    assert "masquerade" in rendered(WHOLE)[TABLE_FILE]


@pytest.mark.parametrize(
    ("masquerade", "inbound", "turned_away"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_strangers_are_turned_away_where_addresses_are_translated_unless_they_may_come_in(
    masquerade: bool, inbound: bool, turned_away: bool
) -> None:
    facts = replace(PLAIN, masquerade=masquerade, inbound=inbound)
    assert ("chain strangers" in rendered(facts)[TABLE_FILE]) is turned_away


def test_explicit_mode_is_a_script_for_browsers_and_no_rules() -> None:
    files = rendered(Facts(mode=Mode.EXPLICIT))
    assert set(files) == {"facts.yaml", "proxy.pac", "wpad.dat"}
    assert "PROXY 10.0.0.1:8080" in files["wpad.dat"]


def test_known_resolvers_are_canonical_and_no_restricted_site() -> None:
    policy = load_policy(SHIPPED_POLICY)
    known = known_resolvers()
    assert len(known.names) > 50
    for name in known.names:
        assert canonical_host(name) == name
        assert policy.restricted_site(name) is None
    assert ip_address("8.8.8.8") in {network[0] for network in known.networks}


def test_the_units_are_shown_with_the_rest() -> None:
    names = gateway_names(load_policy(POLICY))
    files = render_for_reading(rendered(PLAIN), PLAIN, names, PLACES)
    units = {name.removeprefix("systemd/") for name in files if name.startswith("systemd/")}
    assert units == set(render_units(PLACES))
    told = render_for_reading(rendered(PLAIN), replace(PLAIN, mode=Mode.EXPLICIT), names, PLACES)
    shown = {name for name in told if name.startswith("systemd/")}
    assert not any("gateway" in name or "dnsmasq" in name for name in shown)
    assert "systemd/schoolgate.service" in told


def test_only_the_machines_outside_name_servers_are_asked(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# resolved\nnameserver 127.0.0.53\noptions edns0\n")
    real.write_text("nameserver fe80::1%eth0\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n")
    found = resolvers_of_machine((stub, real))
    assert found == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert resolvers_of_machine((stub, tmp_path / "none")) == ()


def test_who_listens_is_known_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = listeners(port)
    assert (found.protocol, str(found.address), found.pid) == ("tcp", "127.0.0.1", os.getpid())
    assert not found.everywhere
    assert listeners(port) == ()


def test_the_policy_of_the_tests_renders_too() -> None:
    policy = load_policy(POLICY)
    assert TABLE_FILE in render(PLAIN, policy, gateway_names(policy), AROUND)
