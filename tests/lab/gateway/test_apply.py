"""apply, confirm, remove and status: what is put in force, kept, undone, and found again."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from addon.kept_policy import KeptPolicy
from rules.proof import load_proven_policy
from tests.lab.gateway.box import SIDES, WHY_NOT, Box, sender
from tests.lab.internet import GATEWAY, WAN
from tests.lab.probes import probe
from tests.lab.world import NAMES
from tests.support.running_gate import wait_until
from tests.support.schoolgate import COMMAND

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(WHY_NOT), reason=str(WHY_NOT))]

UNRELATED = NAMES["www.unrelated.example"]
OTHERS = "table inet others { chain theirs { type filter hook forward priority 0; }; }\n"
SETTINGS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.wan0.accept_ra")


@pytest.fixture
def box(ground: Box) -> Iterator[Box]:
    """Nothing of ours in force, before and after."""
    yield ground
    ground.wipe()


def traces(box: Box) -> tuple[Any, ...]:
    """All that a gateway leaves on a machine."""
    gateway = box.lab.gateway
    return (
        box.rules(),
        *(gateway.run("sysctl", "--values", name).stdout for name in SETTINGS),
        gateway.run("ip", "-6", "rule").stdout,
        sorted(gateway.run("ip", "-6", "route").stdout.splitlines()),
        gateway.run("ip", "-6", "route", "show", "table", "18443").stdout,
        gateway.run("ss", "-lnHtu", "sport", "=", ":53").stdout,
        (box.state / "gateway").exists(),
    )


def waits(box: Box) -> bool:
    return (box.state / "gateway" / "change.json").exists()


def facts_of(box: Box) -> dict[str, str]:
    """What `status --json` says, by what it is about."""
    found = json.loads(box.run("status", "--json").stdout)
    return {entry["what"]: entry["found"] for entry in found}


def test_what_was_confirmed_stays_and_remove_leaves_no_trace(box: Box) -> None:
    gateway = box.lab.gateway
    gateway.run("nft", "-f", "-", input=OTHERS, check=True)
    gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.wan0.accept_ra=1")
    try:
        before = traces(box)
        done = box.run("apply", *SIDES, "--within", "30")
        assert done.returncode == 0, done.stderr
        assert "for 30 seconds" in done.stdout
        assert "schoolgate gateway confirm" in done.stdout
        assert sender(box, 0, UNRELATED[0]) == WAN
        assert box.run("status").returncode == 1  # something is still to be done
        assert box.run("confirm").stdout == "Confirmed: the gateway stays as it is.\n"
        status = box.run("status")
        assert status.returncode == 0, status.stdout
        assert "in full mode" in status.stdout
        values = gateway.run("sysctl", "--values", *SETTINGS).stdout.split()
        assert values == ["1", "1", "2"]
        assert OTHERS.split()[2] in box.rules()
        assert box.run("confirm").stderr == "Nothing waits to be confirmed.\n"
        assert box.run("remove").stdout == "The gateway is removed.\n"
        assert traces(box) == before
        assert box.run("remove").stdout == "There was nothing to remove.\n"
    finally:
        gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


def test_a_second_apply_changes_nothing(box: Box) -> None:
    box.apply(*SIDES)
    before, pid = box.rules(), (box.state / "gateway" / "dnsmasq.pid").read_text()
    done = box.run("apply")
    assert done.stdout == "Everything is in force already; nothing was changed.\n"
    assert box.rules() == before
    assert (box.state / "gateway" / "dnsmasq.pid").read_text() == pid


def test_what_nobody_confirms_is_undone_even_when_the_command_is_killed_at_once(box: Box) -> None:
    before = traces(box)
    command = box.lab.gateway.start(*box.command("apply", *SIDES, "--within", "3"))
    wait_until(lambda: "chain refusals" in box.rules(), 30)
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()
    wait_until(lambda: not waits(box), 20)
    assert traces(box)[:-1] == before[:-1]
    assert "not confirmed in time" in facts_of(box)["change"]
    assert "was not confirmed in time" in box.run("confirm").stderr


def test_an_unconfirmed_change_gives_way_to_what_was_there_before(box: Box) -> None:
    box.apply(*SIDES, "--exempt", "10.77.0.99")
    before = _lasting(box)
    assert probe(box.lab.clients[0].namespace, ["dns", GATEWAY, "x.com", "A"])[0][0] == 0
    box.run("apply", "--mode", "selective", "--exempt", "10.77.0.98", "--within", "8", check=True)
    assert "10.77.0.98" in box.rules()
    again = box.run("apply", "--mode", "full")
    assert again.returncode == 1
    assert "still waits to be confirmed" in again.stderr
    wait_until(lambda: not waits(box), 20)
    assert _lasting(box) == before
    assert NAMES["x.com"][0] in box.remembered()
    found = facts_of(box)
    assert found["gateway"].endswith("in full mode.")
    assert found["rules"].startswith("The packet filter's rules are as made")


def _lasting(box: Box) -> list[str]:
    """The rules without the addresses that come and go."""
    return [line for line in box.rules().splitlines() if "expires" not in line]


def test_on_a_terminal_it_asks_and_yes_is_enough(box: Box) -> None:
    ours, theirs = pty.openpty()
    command = box.lab.gateway.start(*box.command("apply", *SIDES), stdin=theirs)
    os.close(theirs)
    time.sleep(0.1)
    os.write(ours, b"yes\n")
    assert command.wait(60) == 0
    os.close(ours)
    assert not waits(box)
    assert "chain refusals" in box.rules()


def test_after_a_loss_of_power_the_confirmed_state_comes_back(box: Box) -> None:
    box.apply(*SIDES, "--exempt", "10.77.0.99")
    box.run("apply", "--exempt", "10.77.0.98", "--within", "600", check=True)
    change = box.state / "gateway" / "change.json"
    note = json.loads(change.read_text())
    box.lose_power()
    change.write_text(json.dumps(note | {"boot": "another", "made": False}))
    done = box.run("apply", "--confirmed")
    assert done.returncode == 0, done.stderr
    assert "was interrupted, so what was there before it is back" in done.stderr
    assert "10.77.0.99" in box.rules()
    assert "10.77.0.98" not in box.rules()
    assert box.run("status").returncode == 0


def test_a_start_while_the_policy_has_faults_goes_by_the_one_before(box: Box) -> None:
    box.apply(*SIDES)
    before, sound = box.rules(), box.policy.read_text()
    kept = KeptPolicy(box.state, box.policy)
    assert kept.keep(load_proven_policy(box.policy), datetime.now(UTC))  # as a gate does
    try:
        box.policy.write_text(sound + "nonsense: true\n")
        box.lose_power()
        done = box.run("apply", "--confirmed")
        assert (done.returncode, done.stdout) == (0, "The gateway is in force in full mode.\n")
        assert "go by the copy of the policy that is in force" in done.stderr
        assert box.rules() == before
        assert box.run("status").returncode == 0
        refused = box.run("apply", "--exempt", "10.77.0.99")
        assert refused.returncode == 1
        assert "The policy has faults" in refused.stderr
        # One that fails its own tests does not take effect in the gate, so it does not here either.
        wrong = "tests:\n  - {who: nobody, what: 'https://x.com/', expect: opens, why: wrong}\n"
        box.policy.write_text(sound + wrong)
        refused = box.run("apply", "--exempt", "10.77.0.99")
        assert refused.returncode == 1
        assert "policy.yaml:" in refused.stderr
    finally:
        box.policy.write_text(sound)
        shutil.rmtree(kept.note.parent)


def test_status_says_what_differs(box: Box) -> None:
    assert facts_of(box) == {"gateway": "Nothing is in force."}
    box.apply(*SIDES)
    gateway = box.lab.gateway
    gateway.run("nft", "flush", "chain", "inet", "schoolgate", "refusals", check=True)
    os.kill(int((box.state / "gateway" / "dnsmasq.pid").read_text()), signal.SIGTERM)
    gateway.run("ip", "-6", "rule", "delete", "pref", "18443", check=True)
    gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    text = box.policy.read_text()
    box.policy.write_text(text.replace("restricted: [social-networking]", "restricted: [x]"))
    box.stop_haproxy()
    try:
        found = facts_of(box)
    finally:
        box.policy.write_text(text)
        box.start_haproxy()
    assert found["rules"] == "The packet filter's rules were changed by hand."
    assert found["names"] == "The name server (dnsmasq) is not running."
    assert found["route"] == "The route that takes IPv6 connections to HAProxy is gone."
    assert found["settings"] == "net.ipv4.ip_forward is 0 and should be 1."
    assert found["proxy"] == (
        "Nothing listens on port 8090 for the school's side, where web traffic is sent."
    )
    assert found["policy"] == "The policy or the facts have changed since (rules, names)."
    refused = box.run("apply", "--yes-i-checked")
    assert "The rules in force were changed by hand since Schoolgate made them" in refused.stderr
    box.apply("--overwrite")
    assert set(facts_of(box)) == {"gateway", "rules", "names", "policy"}
    gateway.run("nft", "delete", "table", "inet", "schoolgate", check=True)
    assert facts_of(box)["rules"] == "The packet filter's rules are gone."


def test_explicit_mode_leaves_the_network_alone(box: Box) -> None:
    before = traces(box)
    box.apply(*SIDES)
    box.apply("--mode", "explicit", "--portal", GATEWAY)
    assert traces(box)[:-1] == before[:-1]
    script = (box.state / "gateway" / "in-force" / "wpad.dat").read_text()
    assert f"PROXY {GATEWAY}:8080" in script
    assert box.run("status").returncode == 0


@pytest.mark.parametrize("mode", ["full", "selective"])
def test_the_doctor_knows_the_rules_and_misses_what_is_gone(box: Box, mode: str) -> None:
    box.apply(*SIDES, "--mode", mode)
    assert _doctor(box) == {"QUIC": {"good"}, "names": {"good"}}
    for chain in ("refusals", "redirects"):
        flush = ("nft", "flush", "chain", "inet", "schoolgate", chain)
        box.lab.gateway.run(*flush, check=True)
    assert _doctor(box) == {"QUIC": {"broken"}, "names": {"good", "broken"}}


def _doctor(box: Box) -> dict[str, set[str]]:
    """The doctor's verdicts on look-ups and on QUIC."""
    examined = box.lab.gateway.run(
        *(COMMAND, "doctor", "--json", "--state", box.state, "--policy", box.policy)
    )
    found = json.loads(examined.stdout)
    return {
        what: {one["verdict"] for one in found if one["what"] == what} for what in ("QUIC", "names")
    }
