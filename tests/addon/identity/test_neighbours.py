"""The kernel's neighbour table: what it prints, and a real one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from addon.identity.neighbours import Neighbour, neighbours_in
from addon.identity.reporting import report
from rules.identity import Source
from tests.addon.identity.clockwork import LAPTOP, NINE
from tests.support.identity import IdentityProcess, policy_with
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import wait_until


def entry(**more: Any) -> dict[str, Any]:
    return {"dst": "10.0.0.7", "dev": "lan0", "lladdr": LAPTOP, "state": ["REACHABLE"], **more}


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        (entry(confirmed=20), [Neighbour("10.0.0.7", LAPTOP, NINE - timedelta(seconds=20))]),
        (entry(dst="fd00::7", state=["STALE"]), [Neighbour("fd00::7", LAPTOP, NINE)]),
        (entry(lladdr=LAPTOP.upper()), [Neighbour("10.0.0.7", LAPTOP, NINE)]),
        (entry(dst="fe80::7"), []),
        (entry(state=["FAILED"]), []),
        (entry(state=["INCOMPLETE"]), []),
        ({"dst": "10.0.0.7", "dev": "lan0", "state": ["REACHABLE"]}, []),
        (entry(lladdr="0.0.0.0"), []),
    ],
)
def test_what_the_table_says(printed: dict[str, Any], found: list[Neighbour]) -> None:
    assert list(neighbours_in(json.dumps([printed]), NINE)) == found


def test_an_empty_table_says_nothing() -> None:
    assert list(neighbours_in("", NINE)) == []


def knock(device: Namespace, gateway: str) -> None:
    """Says something to the gateway; nothing answers there but its kernel."""
    device.run("curl", "--silent", "--max-time", "2", f"http://{gateway}/")


@pytest.mark.lab
def test_a_named_device_is_known_at_all_its_addresses_and_a_second_one_takes_its_place(
    tmp_path: Path,
) -> None:
    if reason := missing("curl"):
        pytest.skip(reason)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)

    def people(address: str) -> list[tuple[str, str]]:
        uri = f"file:{state / 'record.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as record:
            return record.execute(
                "SELECT person, source FROM bindings WHERE address = ? AND ended IS NULL",
                (address,),
            ).fetchall()

    with Namespace([]) as gateway, Namespace([]) as device:
        gateway.join(device)
        device.run("ip", "link", "set", "cable0", "address", LAPTOP, check=True)
        gateway.address("cable0", "10.55.0.1/24", "fd55::1/64")
        device.address("cable0", "10.55.0.7/24", "fd55::7/64")
        policy = policy_with(tmp_path, {"sources": ["device"]}, fern={"devices": [LAPTOP.upper()]})
        with IdentityProcess(state, policy, inside=gateway.command()):
            assert people("10.55.0.7") == []
            knock(device, "10.55.0.1")
            wait_until(lambda: people("10.55.0.7") == [("fern.example", "device")])
            knock(device, "[fd55::1]")
            wait_until(lambda: people("fd55::7") == [("fern.example", "device")])
            # Somebody else's device with the same address.
            device.run("ip", "link", "set", "cable0", "address", "a4:5e:60:00:00:99", check=True)
            knock(device, "10.55.0.1")
            wait_until(lambda: people("10.55.0.7") == [], 20)


@pytest.mark.lab
def test_who_takes_over_an_address_does_not_take_over_whose_it_was(tmp_path: Path) -> None:
    """The kernel first sends to the newcomer, and five seconds later calls it confirmed."""
    if reason := missing("curl"):
        pytest.skip(reason)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)

    def is_known(address: str) -> bool:
        uri = f"file:{state / 'record.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as record:
            query = "SELECT 1 FROM bindings WHERE address = ? AND hardware = ? AND ended IS NULL"
            return bool(record.execute(query, (address, LAPTOP)).fetchall())

    places = {"10.55.0.7": "10.55.0.1", "fd55::7": "[fd55::1]"}
    with Namespace([]) as gateway, Namespace([]) as device:
        gateway.join(device)
        device.run("ip", "link", "set", "cable0", "address", LAPTOP, check=True)
        gateway.address("cable0", "10.55.0.1/24", "fd55::1/64")
        device.address("cable0", "10.55.0.7/24", "fd55::7/64")
        policy = policy_with(tmp_path, {"sources": ["sign-in"]})
        with IdentityProcess(state, policy, inside=gateway.command()):

            def signed_in(address: str) -> bool:
                report(state, "left", Source.SIGN_IN, address)
                report(state, "arrived", Source.SIGN_IN, address, person="fern.example")
                return is_known(address)

            for address, near in places.items():
                knock(device, near)
                wait_until(partial(signed_in, address), 20)
            device.run("ip", "link", "set", "cable0", "address", "a4:5e:60:00:00:99", check=True)
            device.run("ip", "neigh", "flush", "all", check=True)
            for near in places.values():
                knock(device, near)
            # It takes 0.2 seconds; the rest is for a busy machine.
            wait_until(lambda: not any(map(is_known, places)), 4)


def test_ip_prints_what_we_read() -> None:
    done = subprocess.run(
        ["ip", "-s", "-j", "neigh", "show"], capture_output=True, text=True, check=True
    )
    assert all(one.at <= NINE for one in neighbours_in(done.stdout, NINE))
