"""What works, but perhaps not as meant, is said by apply, status and the doctor; nothing waits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box, sender
from tests.lab.internet import GATEWAY, WAN
from tests.lab.probes import probe
from tests.lab.world import NAMES
from tests.support.schoolgate import COMMAND

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

# As ufw, Docker and firewalld make them; each lets everything through here.
OTHERS = """
table ip filter {
    chain INPUT { type filter hook input priority 0; policy drop; accept; }
    chain FORWARD { type filter hook forward priority 0; policy drop; accept; }
    chain OUTPUT { type filter hook output priority 0; policy drop; accept; }
}
table inet firewalld {
    chain filter_FORWARD { type filter hook forward priority 10; policy accept; }
    chain filter_FORWARD_ZONES { accept; }
}
table inet open { chain forward { type filter hook forward priority 0; policy accept; }; }
"""
# What has to be let through, and nothing else.
STRICT = """
table inet strict {
    chain input {
        type filter hook input priority 0; policy drop;
        iifname lo accept
        ct state established,related accept
        meta l4proto ipv6-icmp accept
        iifname lan0 udp dport 53 accept
        iifname lan0 tcp dport { 53, 8081, 8443, 8080, 8453, 8090 } accept
        iifname lan0 meta nfproto ipv6 tcp dport { 80, 443 } accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        iifname lan0 oifname wan0 accept
        iifname wan0 oifname lan0 ct state established,related accept
    }
}
"""
FORWARDED = (
    "Others' rules let through only what they know: ip filter FORWARD, inet firewalld"
    " filter_FORWARD. See that they let through what goes between lan0 and wan0, with its answers."
)
TAKEN_IN = (
    "Others' rules let through only what they know: ip filter INPUT. See that they let through from"
    " lan0: port 53 (TCP and UDP), and TCP ports 8081 (the portal), 8443, 8080, 8453, 8090"
    " (HAProxy), and over IPv6 80 and 443."
)
UNFILTERED = (
    "dnsmasq 2.89 passes HTTPS records on, and 2.90 does not: browsers may find keys there that"
    " hide a site's name from the gateway."
)


@pytest.fixture
def box(ground: Box) -> Iterator[Box]:
    yield ground
    ground.wipe()


def test_chains_of_others_that_drop_what_they_do_not_know_are_named(box: Box) -> None:
    box.lab.gateway.run("nft", "-f", "-", input=OTHERS, check=True)
    done = box.run("apply", "--yes-i-checked", *SIDES)
    assert (done.returncode, done.stderr.splitlines()) == (0, [FORWARDED, TAKEN_IN])
    status = box.run("status")
    assert status.returncode == 0, status.stdout
    said = [line for line in status.stdout.splitlines() if line.startswith("??")]
    assert said == [f"??  others: {FORWARDED}", f"??  others: {TAKEN_IN}"]
    again = box.run("apply", "--yes-i-checked")
    assert again.stdout == "Everything is in force already; nothing was changed.\n"
    assert [verdict for verdict, _ in _doctor(box, "others")] == ["look here"] * 2


@pytest.mark.parametrize("web_over_ipv6", [True, False])
def test_what_is_said_to_be_needed_is_enough_and_needed(box: Box, web_over_ipv6: bool) -> None:
    strict = STRICT if web_over_ipv6 else STRICT.replace("tcp dport { 80, 443 } accept", "drop")
    box.lab.gateway.run("nft", "-f", "-", input=strict, check=True)
    box.apply(*SIDES)
    client = box.lab.clients[0]
    assert probe(client.namespace, ["dns", GATEWAY, "x.com", "A"])[0][0] == 0
    ipv4, ipv6 = NAMES["www.unrelated.example"]
    assert sender(box, 0, ipv4) == WAN
    if web_over_ipv6:
        assert sender(box, 0, ipv6) not in (client.address, client.address_6)
    else:
        answer = client.curl("--max-time", "2", f"https://[{ipv6}]/")
        assert answer.returncode == 28, answer.stderr  # nobody answered


def test_where_the_network_is_left_alone_so_are_others(box: Box) -> None:
    box.lab.gateway.run("nft", "-f", "-", input=OTHERS, check=True)
    done = box.run("apply", "--yes-i-checked", "--mode", "explicit", "--portal", "10.77.0.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "??" not in box.run("status").stdout


def test_a_dnsmasq_that_cannot_filter_records_is_said_and_used(box: Box, tmp_path: Path) -> None:
    old = tmp_path / "dnsmasq"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    old.write_text(
        "#!/bin/sh\n"
        '[ "$*" != --version ] || { echo "Dnsmasq version 2.89"; exit; }\n'
        f'PATH="{path}" exec dnsmasq "$@"\n'
    )
    old.chmod(0o755)
    with_it = ("env", f"PATH={tmp_path}:{path}")
    done = box.lab.gateway.run(*with_it, *box.command("apply", "--yes-i-checked", *SIDES))
    assert (done.returncode, done.stderr) == (0, f"{UNFILTERED}\n")
    assert _doctor(box, "dnsmasq", *with_it) == [("look here", UNFILTERED)]


@pytest.mark.parametrize(
    ("options", "whole"),
    [
        (("--exempt", "10.0.0.0/8"), True),
        (("--subnet", "10.77.0.0/25=open", "--exempt", "10.77.0.128/25"), True),
        (("--subnet", "10.0.0.0/8=open", "--subnet", "10.77.0.0/28"), False),
        (("--exempt", "10.77.0.9"), False),
    ],
)
def test_a_side_that_is_let_past_as_a_whole_is_said(
    box: Box, options: tuple[str, ...], whole: bool
) -> None:
    done = box.run("apply", "--yes-i-checked", *SIDES, *options)
    assert done.returncode == 0, done.stderr
    remark = "All of lan0 (10.77.0.0/24) is exempt or open: nobody there is restricted.\n"
    assert done.stderr == (remark if whole else "")


def _doctor(box: Box, what: str, *before_it: str) -> list[tuple[str, str]]:
    """The doctor's verdicts on one thing."""
    options = ("--json", "--state", box.state, "--policy", box.policy)
    examined = box.lab.gateway.run(*before_it, COMMAND, "doctor", *options)
    found = json.loads(examined.stdout)
    return [(one["verdict"], one["found"]) for one in found if one["what"] == what]
