"""What is in the way of a gateway, said before anything is touched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.gateway.box import SIDES, WHY_NOT, Box, sender
from tests.lab.internet import WAN
from tests.lab.probes import probe
from tests.lab.world import NAMES
from tests.support.namespace import Namespace
from tests.support.schoolgate import COMMAND

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

HEADING = "The gateway cannot be put in force:"


@pytest.fixture
def box(ground: Box) -> Iterator[Box]:
    yield ground
    ground.wipe()


def refusals(box: Box, *options: str, before_it: tuple[str, ...] = ()) -> list[str]:
    """What `apply` says is in the way; nothing has been changed."""
    before = box.rules()
    command = box.command("apply", "--yes-i-checked", *options)
    done = box.lab.gateway.run(*before_it, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert box.rules() == before
    assert not (box.state / "gateway" / "change.json").exists()
    heading, *lines = done.stderr.splitlines()
    assert heading == HEADING
    return lines


NOBODY_THERE = (
    "Nothing listens on port 8443, 8080, 8453, 8090 for the school's side, where web traffic would"
    " be sent: start 'schoolgate run --mode gateway' first, so that nobody is cut off."
)
UNRELATED = NAMES["www.unrelated.example"]


def test_interfaces_that_are_not_there_and_haproxy_away(box: Box) -> None:
    assert refusals(box, "--lan", "eth7", "--wan", "wan0") == [
        "There is no interface eth7 on this machine; it has lan0, port0, port1, port2, wan0."
    ]
    assert refusals(box, "--lan", "lan0") == [
        "A gateway in full mode stands between two interfaces: name the one that the internet is"
        " behind with --wan, or use --mode explicit where the gateway is another machine."
    ]
    box.stop_haproxy()
    try:
        assert refusals(box, *SIDES) == [NOBODY_THERE]
    finally:
        box.start_haproxy()


@contextmanager
def haproxy_on(box: Box, address: str) -> Iterator[None]:
    """It takes connections to one address only."""
    box.stop_haproxy()
    box.start_haproxy(address)
    try:
        yield
    finally:
        box.stop_haproxy()
        box.start_haproxy()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_haproxy_for_the_machine_alone(box: Box, address: str) -> None:
    with haproxy_on(box, address):
        assert refusals(box, *SIDES) == [NOBODY_THERE]


def test_what_nobody_takes_of_ipv6_is_refused_and_status_says_so(box: Box) -> None:
    with haproxy_on(box, "0.0.0.0"):
        box.apply(*SIDES)
        said = box.run("status").stdout
        assert "Nothing takes IPv6 connections on port 8443, so they are refused." in said
        ((result, _),) = probe(box.lab.clients[0].namespace, ["tcp", UNRELATED[1], 443])
        assert result == "connection refused"
        assert sender(box, 0, UNRELATED[0]) == WAN


def test_a_network_on_both_sides(box: Box) -> None:
    box.lab.gateway.run("ip", "address", "add", "198.51.100.9/28", "dev", "lan0", check=True)
    try:
        assert refusals(box, *SIDES) == [
            "lan0 (198.51.100.0/28) and wan0 (198.51.100.0/24) overlap, so packets would not find"
            " their way; give the school's side another network."
        ]
    finally:
        box.lab.gateway.run("ip", "address", "delete", "198.51.100.9/28", "dev", "lan0")


def test_name_servers_that_do_not_answer_or_are_ourselves(box: Box) -> None:
    assert refusals(box, *SIDES, "--dns", "198.51.100.77") == [
        "No name server answers (198.51.100.77); name one that does with --dns ADDRESS."
    ]
    assert refusals(box, *SIDES, "--dns", WAN) == [
        f"{WAN} is this machine itself, which would ask itself; name another --dns."
    ]


def test_another_service_on_port_53_is_named(box: Box) -> None:
    other = box.lab.gateway.start(
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--pid-file"),
        "--bind-interfaces",
    )
    box.lab.gateway.wait_for(53)
    try:
        (line,) = refusals(box, *SIDES)
    finally:
        box.lab.gateway.stop(other)
    assert line.startswith("dnsmasq already answers look-ups (port 53, on ")
    assert line.endswith("): stop it, or keep it to other addresses, and try again.")


def test_a_stub_for_the_machine_alone_is_not_in_the_way(box: Box) -> None:
    # systemd-resolved listens on this address, and on no other.
    stub = box.lab.gateway.start(
        *(sys.executable, "-c"),
        "import socket,time\ns=socket.socket(type=socket.SOCK_DGRAM)\n"
        "s.bind(('127.0.0.53',53))\ntime.sleep(60)",
    )
    try:
        box.apply(*SIDES)
        assert box.run("status").returncode == 0
    finally:
        box.lab.gateway.stop(stub)


def test_somebody_elses_table_with_our_name_is_left_alone(box: Box) -> None:
    theirs = "table inet schoolgate { chain theirs { type filter hook input priority 0; }; }\n"
    box.lab.gateway.run("nft", "-f", "-", input=theirs, check=True)
    assert refusals(box, *SIDES) == [
        "There is already a table 'inet schoolgate' that Schoolgate did not make;"
        " rename it, or remove it with 'nft delete table inet schoolgate'."
    ]
    box.run("remove")
    assert "chain theirs" in box.rules()
    assert "that we did not make" in box.run("status").stdout


def test_programs_that_are_missing_or_too_old(box: Box, tmp_path: Path) -> None:
    for name, said in (("dnsmasq", "Dnsmasq version 2.80"), ("haproxy", "HAProxy version 2.4.22")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    assert refusals(box, *SIDES, before_it=("env", f"PATH={tmp_path}:{os.environ['PATH']}")) == [
        "dnsmasq is too old: this is 2.80, and the gateway needs 2.87 or newer.",
        "haproxy is too old: this is 2.4, and the gateway needs 2.6 or newer.",
    ]
    away = 'mount --bind /dev/null $(PATH=$PATH:/usr/sbin command -v nft); exec "$@"'
    assert refusals(box, *SIDES, before_it=("unshare", "--mount", "sh", "-c", away, "sh")) == [
        "nft is not installed; install nftables (1.0 or newer)."
    ]


def test_a_machine_with_one_interface(box: Box, tmp_path: Path) -> None:
    with Namespace() as alone:
        alone.run("ip", "link", "add", "eth0", "type", "bridge", check=True)
        done = alone.run(
            *(COMMAND, "gateway", "apply", "--state", tmp_path, "--policy", box.policy),
            *("--lan", "eth0", "--wan", "eth1"),
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == (
        "This machine has only one interface (eth0), and a gateway stands between two: add one, or"
        " use --mode explicit."
    )
