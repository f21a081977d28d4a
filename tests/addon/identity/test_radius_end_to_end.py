"""From FreeRADIUS's client, or its server, to the block page: real programs all the way."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyrad.packet import AccountingRequest, AcctPacket

from addon.identity.bindings import Bindings
from addon.identity.following import BindingsInForce
from addon.identity.reporting import report
from rules.identity import Source
from storage.database import open_record_readonly
from tests.support.identity import (
    SECRET,
    IdentityProcess,
    free_udp_port,
    keep_secret,
    policy_with,
    radclient,
    radius,
    session,
)
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import RunningGate, wait_until

# A server that answers accounting itself, and hands it on to us.
SERVER = """
prefix = /usr
sbindir = /usr/sbin
name = radiusd
raddbdir = {raddb}
run_dir = {raddb}
logdir = {raddb}
pidfile = {raddb}/pid
log {{
  destination = files
  file = {raddb}/log
}}
security {{
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}}
client loopback {{
  ipaddr = 127.0.0.1
  secret = "{secret}"
}}
home_server gate {{
  type = acct
  ipaddr = 127.0.0.1
  port = {ours}
  secret = "{secret}"
}}
home_server_pool gates {{
  type = fail-over
  home_server = gate
}}
realm gate {{
  acct_pool = gates
  nostrip
}}
modules {{
  always ok {{
    rcode = ok
  }}
}}
server default {{
  listen {{
    type = acct
    ipaddr = 127.0.0.1
    port = {theirs}
  }}
  preacct {{
    update control {{
      &Proxy-To-Realm := "gate"
    }}
  }}
  accounting {{
    ok
  }}
}}
"""
UNKNOWN = "We do not know whose device this is"


@pytest.fixture(scope="module")
def port() -> int:
    return free_udp_port()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("radius")


@pytest.fixture(scope="module")
def state(folder: Path) -> Path:
    keep_secret(folder / "state", "radius.wifi")
    return folder / "state"


@pytest.fixture(scope="module")
def identity(folder: Path, state: Path, port: int) -> Iterator[IdentityProcess]:
    with IdentityProcess(state, policy_with(folder, radius(port))) as process:
        yield process


def rows(state: Path, number: int = 1) -> list[sqlite3.Row]:
    """The bindings on record of the session with a number, the oldest first."""
    with closing(sqlite3.connect(f"file:{state / 'record.sqlite3'}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return db.execute(
            "SELECT * FROM bindings WHERE session LIKE ? ORDER BY id", (f"% s{number}",)
        ).fetchall()


def seconds_until(true: object) -> float:
    started = time.monotonic()
    wait_until(true)  # type: ignore[arg-type]
    return time.monotonic() - started


@pytest.mark.usefixtures("identity")
def test_the_block_page_knows_the_person_within_a_second_of_start_and_of_stop(
    folder: Path, state: Path, port: int, authority_file: Path, origin: Origin
) -> None:
    with (
        RunningGate(state, authority_file, folder / "policy.yaml") as gate,
        gate.client() as client,
    ):
        site = f"http://x.com:{origin.port}/"
        refused = f"http://www.facebook.com:{origin.port}/"
        navigation = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
        assert UNKNOWN in client.get(refused, headers=navigation).text
        assert client.get(site).status_code == 403
        assert radclient(port, *session("Start"))
        assert seconds_until(lambda: client.get(site).status_code == 200) < promised(1)
        assert UNKNOWN not in client.get(refused, headers=navigation).text
        assert radclient(port, *session("Stop"))
        assert seconds_until(lambda: client.get(site).status_code == 403) < promised(1)
        assert UNKNOWN in client.get(refused, headers=navigation).text
        events = gate.events()
    opened = [event for event in events if event["allowed"]]
    assert {(e["person"], e["source"], e["confidence"]) for e in opened} == {
        ("fern.example", "radius", 90)
    }
    nobodys = [event for event in events if event["person"] is None]
    assert {(e["source"], e["confidence"]) for e in nobodys} == {("", 0)}
    [binding] = rows(state)
    assert (binding["person"], binding["address"], binding["why"]) == (
        "fern.example",
        "127.0.0.1",
        "left",
    )


@pytest.mark.usefixtures("identity")
def test_what_a_packet_cannot_prove_does_not_count(state: Path, port: int) -> None:
    assert not radclient(port, *session("Start", number=2), secret="another secret altogether")
    assert not radclient(
        port, *session("Start", number=2), "Message-Authenticator=0x" + "00" * 16, secret="z"
    )
    assert rows(state, 2) == []
    # radclient signs it itself, rightly.
    assert radclient(port, *session("Start", number=2), "Message-Authenticator=0x00")
    wait_until(lambda: len(rows(state, 2)) == 1)


@pytest.mark.usefixtures("identity")
def test_a_stranger_on_the_device_ends_the_session(state: Path, port: int) -> None:
    assert radclient(port, *session("Start", number=3))
    wait_until(lambda: rows(state, 3))
    assert radclient(port, *session("Interim-Update", number=3, user="anonymous@elsewhere.example"))
    wait_until(lambda: rows(state, 3)[0]["why"] == "replaced")


@pytest.mark.usefixtures("identity")
def test_a_strangers_own_session_at_the_address_ends_it_too(state: Path, port: int) -> None:
    assert radclient(port, *session("Start", number=5))
    wait_until(lambda: rows(state, 5))
    assert radclient(port, *session("Start", number=6, user="pupil1"))
    wait_until(lambda: rows(state, 5)[0]["why"] == "replaced")
    assert radclient(port, *session("Stop", number=6, user="pupil1"))
    assert rows(state, 6) == []


@pytest.mark.usefixtures("identity")
def test_an_access_point_that_starts_has_nobody_on_it(state: Path, port: int) -> None:
    assert radclient(port, *session("Start", number=4))
    wait_until(lambda: rows(state, 4))
    other = ["Acct-Status-Type=Accounting-On", "NAS-IP-Address=10.9.0.2"]
    assert radclient(port, *other)
    time.sleep(0.2)
    assert rows(state, 4)[0]["ended"] is None
    assert radclient(port, "Acct-Status-Type=Accounting-On", "NAS-IP-Address=10.9.0.1")
    wait_until(lambda: rows(state, 4)[0]["why"] == "left")


def test_after_a_short_stop_sessions_go_on_and_after_a_long_one_they_are_over(
    tmp_path: Path,
) -> None:
    state, port = tmp_path / "state", free_udp_port()
    keep_secret(state, "radius.wifi")
    policy = policy_with(tmp_path, radius(port))
    with IdentityProcess(state, policy):
        assert radclient(port, *session("Start"))
        wait_until(lambda: rows(state))
    with IdentityProcess(state, policy):
        assert rows(state)[0]["ended"] is None
        assert radclient(port, *session("Interim-Update"))
        wait_until(lambda: rows(state)[0]["vouched"] > rows(state)[0]["began"])
    [before] = rows(state)
    long_ago = time.time() - 3600
    os.utime(state / "status" / "identity", (long_ago, long_ago))
    with IdentityProcess(state, policy):
        [after] = rows(state)
        assert (after["ended"], after["why"]) == (before["vouched"], "restarted")
        assert radclient(port, *session("Start", number=2))
        wait_until(lambda: len(rows(state, 2)) == 1)
        assert radclient(port, *session("Stop", number=2))
        wait_until(lambda: rows(state, 2)[0]["why"] == "left")
    with IdentityProcess(state, policy):
        assert radclient(port, *session("Start", number=2))  # a stopped one, sent again
        # One that only fell silent: what tells no time may have been captured at any.
        assert radclient(port, *session("Interim-Update"))
        assert len(rows(state)) == 1
        assert radclient(port, *session("Interim-Update", Acct_Session_Time="60"))
        wait_until(lambda: len(rows(state)) == 2)
        assert len(rows(state, 2)) == 1


def test_a_flood_of_rightly_signed_packets_holds_nobody_up(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_udp_port()
    keep_secret(state, "radius.wifi")
    terms = radius(port)
    terms["sources"].append("sign-in")
    packets = [
        interim(number, address=f"10.{number >> 8}.{number & 255}.7") for number in range(2000)
    ]
    stop = threading.Event()

    def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port))
            began, sent = time.monotonic(), 0
            while not stop.is_set():
                for packet in packets[sent % 2000 :][:100]:
                    sender.send(packet)
                sent += 100
                time.sleep(max(0.0, began + sent / 10_000 - time.monotonic()))

    with IdentityProcess(state, policy_with(tmp_path, terms)) as process:
        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            wait_until(lambda: rows(state))
            began, used = time.monotonic(), processor_time(process)
            longest = 0.0
            while (passed := time.monotonic() - began) < 2:
                asked = time.monotonic()
                report(state, "arrived", Source.SIGN_IN, "10.200.0.1", person="fern.example")
                longest = max(longest, time.monotonic() - asked)
            used = processor_time(process) - used
        finally:
            stop.set()
            flooding.join()
        assert longest < promised(0.5)
        assert used / passed < 0.6  # of one processor; without a pause it takes the whole
        wait_until(lambda: radclient(port, *session("Start", number=9999)), 20)


def interim(number: int, address: str) -> bytes:
    """An accounting packet of session `number`, signed, as access points send every minute."""
    packet = AcctPacket(AccountingRequest, number % 256, SECRET.encode())
    for code, value in (
        (40, struct.pack("!I", 3)),
        (1, b"fern.example"),
        (44, b"s%d" % number),
        (46, struct.pack("!I", 100 + number)),
        (8, socket.inet_aton(address)),
    ):
        packet.setdefault(code, []).append(value)
    return bytes(packet.RequestPacket())


def processor_time(process: IdentityProcess) -> float:
    """Seconds of processor time that it has used (proc(5))."""
    text = Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(text[11]) + int(text[12])) / os.sysconf("SC_CLK_TCK")


def test_workers_that_come_late_and_workers_that_follow_know_the_same(
    state: Path, port: int, identity: IdentityProcess
) -> None:
    assert identity.process.poll() is None

    def people(bindings: Bindings) -> list[str]:
        return [interval.person for interval in bindings.at("127.0.0.1")]

    database = open_record_readonly(state)
    early = BindingsInForce(database)
    early.start()
    try:
        assert radclient(port, *session("Start", number=7))
        assert seconds_until(lambda: people(early.bindings) == ["fern.example"]) < promised(1)
        late = BindingsInForce(database)
        late.look()
        assert people(late.bindings) == ["fern.example"]
        assert radclient(port, *session("Stop", number=7))
        assert seconds_until(lambda: people(early.bindings) == []) < promised(1)
        late.look()
        assert people(late.bindings) == []
        late.close()
    finally:
        early.close()


def test_a_freeradius_server_forwards_to_us(tmp_path: Path) -> None:
    if not shutil.which("freeradius", path="/usr/sbin:/usr/bin"):
        pytest.skip("needs FreeRADIUS (Debian: freeradius)")
    state = tmp_path / "state"
    keep_secret(state, "radius.wifi")
    ours, theirs = free_udp_port(), free_udp_port()
    raddb = tmp_path / "raddb"
    raddb.mkdir()
    (raddb / "dictionary").write_text("")
    (raddb / "radiusd.conf").write_text(
        SERVER.format(raddb=raddb, ours=ours, theirs=theirs, secret=SECRET)
    )
    policy = policy_with(tmp_path, radius(ours, realms=["school.example"]))
    with IdentityProcess(state, policy):
        server = subprocess.Popen(
            ["/usr/sbin/freeradius", "-f", "-d", raddb], stderr=subprocess.PIPE, text=True
        )
        try:
            wait_until(lambda: _listens(theirs), 20)
            packet = session("Start", user="FERN.EXAMPLE@School.Example")
            assert radclient(theirs, *packet)
            wait_until(lambda: rows(state))
            assert rows(state)[0]["person"] == "fern.example"
            assert radclient(theirs, *session("Stop", user="FERN.EXAMPLE@School.Example"))
            wait_until(lambda: rows(state)[0]["why"] == "left")
        finally:
            server.terminate()
            server.wait(60)
            assert server.stderr
            server.stderr.close()


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
