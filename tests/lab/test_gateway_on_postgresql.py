"""The whole gateway with its record on a PostgreSQL server, which is another machine.

The server stands beyond the gateway, as a trust's or a hoster's would: a worker reaches it by its
address, from the gateway's own network and past the gateway's own rules.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from addon.record_address import RECORD_VARIABLE
from storage.database import open_record_readonly
from storage.faults import TakenError
from storage.gateway import Gateway
from storage.opening_server import open_server, server_at
from storage.sole_gateway import Claim
from storage.verifying import verify
from tests.lab.internet import FAR, GATEWAY, ROOT, Lab, lab, lab_missing
from tests.support.pace import promised
from tests.support.postgresql import DistantServer
from tests.support.postgresql import missing as postgres_missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import COMMAND, Schoolgate

_WHY_NOT = lab_missing("curl", "haproxy", "setpriv") or postgres_missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

POLICY = Path(__file__).with_name("policy.yaml")
SIDES = ("--lan", "lan0", "--wan", "wan0")
OFFICE, TEACHER = 0, 1


@dataclass(frozen=True)
class School:
    """The lab, the server, the gate on the gateway, and the name of the record's database."""

    net: Lab
    server: DistantServer
    gate: Schoolgate
    database: str

    def asks(self, url: str, who: int = OFFICE) -> str:
        """What a device gets, with its status: `200 origin x.com /news`."""
        trusted = self.gate.state / "authority" / "schoolgate-ca.crt"
        own = not url.startswith(("https://www.facebook", "https://x.com"))
        answer = self.net.clients[who].curl(
            *("--cacert", self.net.internet.authority if own else trusted),
            *("--write-out", "\n%{http_code}", url),
        )
        assert answer.returncode == 0, answer.stderr
        text, _, status = answer.stdout.rstrip().rpartition("\n")
        return f"{status} {text.strip()}"

    def events(self) -> list[tuple[Any, ...]]:
        """Who asked for what, and whether it opened, oldest first."""
        query = "SELECT person, host, allowed, outcome FROM events ORDER BY id"
        return self.server.execute(query, self.database)

    def contacted(self, host: str) -> int:
        """How often a request for a host reached the internet."""
        return sum(one["host"] == host for one in self.net.internet.requests())


@pytest.fixture(scope="module")
def ground(folder: Path) -> Iterator[tuple[Lab, DistantServer]]:
    with lab(folder, clients=2) as net:
        server = DistantServer(net.internet.namespace, FAR)
        try:
            server.start()
            yield net, server
        finally:
            server.close()


@pytest.fixture(scope="module")
def school(ground: tuple[Lab, DistantServer], folder: Path) -> Iterator[School]:
    net, server = ground
    name, state = server.new_database(), folder / "state"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(RECORD_VARIABLE, server.url(name))
        gate = Schoolgate(
            *(state, "--mode", "gateway", "--workers", "2"),
            *("--upstream-ca", net.internet.authority),
            *("--portal-url", f"http://{GATEWAY}:8081"),
            policy=POLICY, listen="[::]:8443", portal=f"{GATEWAY}:8081",
            inside=net.gateway.command(),
        )  # fmt: skip
        with gate:
            where = ("--state", state)
            apply = (*SIDES, "--yes-i-checked", "--policy", POLICY)
            done = net.gateway.run(COMMAND, "gateway", "apply", *where, *apply)
            assert done.returncode == 0, done.stderr
            try:
                yield School(net, server, gate, name)
            finally:
                net.gateway.run(COMMAND, "gateway", "remove", *where)


def test_what_is_let_through_and_what_is_refused_is_on_record_once(school: School) -> None:
    assert school.asks("https://x.com/news") == "200 origin x.com /news"
    refused = school.asks("https://www.facebook.com/", TEACHER)
    assert refused.startswith("403 ")
    assert "school purposes" in refused
    assert school.asks("https://www.bbc.co.uk/") == "200 origin www.bbc.co.uk /"
    wait_until(lambda: len(school.events()) == 2)
    assert school.events() == [
        ("fern.example", "x.com", True, "purpose"),
        ("willow.example", "www.facebook.com", False, "no-purpose"),
    ]
    claims = "SELECT count(DISTINCT objid), count(*) FROM pg_locks WHERE objsubid = 2"
    # The gateway's own, and that of each worker that has written.
    gateways, sessions = school.server.execute(claims)[0]
    assert gateways == 1
    assert sessions in (2, 3)


def test_while_the_server_is_away_restricted_sites_are_closed_and_nothing_else(
    school: School,
) -> None:
    events, reached = len(school.events()), school.contacted("x.com")
    school.server.stop()
    try:
        closed = school.asks("https://x.com/news")
        assert closed.startswith("503 ")
        assert "just now the record cannot be written" in closed
        assert school.contacted("x.com") == reached
        assert school.asks("https://www.facebook.com/", TEACHER).startswith("403 ")
        for scheme in ("http", "https"):
            started = time.monotonic()
            assert school.asks(f"{scheme}://www.bbc.co.uk/").startswith("200 origin www.bbc")
            assert time.monotonic() - started < promised(1)
    finally:
        school.server.start()
    wait_until(lambda: school.asks("https://x.com/news").startswith("200 "), 30)
    wait_until(lambda: len(school.events()) >= events + 3)
    by_verdict = [(host, outcome) for _, host, _, outcome in school.events()[events:]]
    assert by_verdict.count(("www.facebook.com", "no-purpose")) == 1
    assert by_verdict.count(("x.com", "purpose")) == 1
    assert {outcome for _, outcome in by_verdict} == {"no-purpose", "purpose", "record-unavailable"}
    assert school.gate.process.poll() is None
    assert verify(open_record_readonly(school.gate.state, _inside_url(school))).broken is None


def _inside_url(school: School) -> str:
    """The record's address for this process, which is on neither machine."""
    url = school.server.url(school.database)
    return f"{url.replace(FAR, '')}?host={school.server.folder}"


def test_a_withdrawal_outlasts_the_death_of_everybody_while_the_server_is_away(
    school: School,
) -> None:
    def step(what: str, *more: str) -> None:
        words = ("--by", "fern.example", "--state", school.gate.state, "--policy", POLICY)
        done = school.net.gateway.run(COMMAND, "access", what, "willow.example", *more, *words)
        assert done.returncode == 0, done.stderr

    def is_shut() -> bool:
        return school.asks("http://www.bbc.co.uk/", TEACHER).startswith("403 ")

    assert not is_shut()
    step("withdraw", "--reason", "a try")
    wait_until(is_shut)
    school.server.stop()
    try:
        before = school.gate.children()
        known = [name for name in before if name.startswith(("proxy", "keeper"))]
        assert len(known) == 3
        for name in known:
            os.kill(before[name], signal.SIGKILL)
        for name in known:
            school.gate.child(name, other_than=before[name])
        wait_until(lambda: school.gate.errors().count(" is back.") >= len(known))
        # HAProxy may need another moment to see that a worker is back; until then it says 503.
        assert not school.asks("http://www.bbc.co.uk/", TEACHER).startswith("200 ")
        wait_until(is_shut)
        assert school.asks("http://www.bbc.co.uk/").startswith("200 ")
    finally:
        school.server.start()
    step("restore")
    wait_until(lambda: not is_shut())


_HOLDS = """
import sys, time
from pathlib import Path
from storage.gateway import Gateway
from storage.opening_server import server_at
from storage.sole_gateway import Claim
claim = Claim(server_at(sys.argv[1], "rw", Gateway.of(Path(sys.argv[2]))))
claim.hold()
print("held", flush=True)
time.sleep(600)
"""


def test_a_gateway_that_loses_its_power_holds_up_the_next_for_seconds(
    ground: tuple[Lab, DistantServer],
) -> None:
    net, server = ground
    url, device = server.url(server.new_database()), net.clients[TEACHER].namespace
    near = f"{url.replace(FAR, '')}?host={server.folder}"
    open_server(near).dispose()
    command = (sys.executable, "-c", _HOLDS, url, net.folder)
    other = device.start(*command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    claim = Claim(server_at(near, "rw", Gateway.of(Path.cwd())))
    with pytest.raises(TakenError, match=re.escape(f", process {other.pid}, since ")):
        claim.hold()
    # No word of its end leaves the machine.
    device.run("ip", "link", "set", "eth0", "down", check=True)
    os.kill(other.pid, signal.SIGKILL)
    began = time.monotonic()

    def is_ours() -> bool:
        try:
            claim.hold()
        except TakenError:
            return False
        return True

    assert not is_ours(), "the server has not missed it yet"
    wait_until(is_ours, 20)
    assert time.monotonic() - began < promised(8)
    claim.close()
