"""HAProxy in front of two workers, on a gateway that redirects everything to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.gateway.runtime import Runtime
from storage.access import changing_access
from storage.access_steps import Step, What
from storage.database import open_record
from tests.lab.internet import GATEWAY, ROOT, Client, Lab, lab, lab_missing
from tests.lab.redirection import redirect
from tests.lab.world import FACEBOOK, NAMES
from tests.support.pace import promised
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import Schoolgate, is_alive, moment

_WHY_NOT = lab_missing("curl", "haproxy")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

KNOWN = ("10.77.0.2", "fd77::2")
RESTRICTED = "[facebook, x, linkedin, mastodon]"
BBC, X = NAMES["www.bbc.co.uk"], NAMES["x.com"]
AT_ONCE = 3.0
"""Seconds: one on a machine that does nothing else, and the time that asking takes."""


class School:
    """The lab with the whole of Schoolgate on its gateway."""

    def __init__(self, net: Lab, gate: Schoolgate, policy: Path) -> None:
        self.net, self.gate, self.policy = net, gate, policy
        self.haproxy = Runtime(gate.state / "haproxy" / "runtime.sock")
        self.school = gate.state / "authority" / "schoolgate-ca.crt"
        self.web = net.internet.authority

    def curl(
        self, url: str, address: str, *options: str | Path, who: int = 0, trust: Path | None = None
    ) -> subprocess.CompletedProcess[Any]:
        scheme, _, rest = url.partition("://")
        name = rest.partition("/")[0]
        port = {"http": 80, "https": 443}[scheme]
        to = f"[{address}]" if ":" in address else address
        return self.net.clients[who].curl(
            *("--include", "--connect-to", f"{name}:{port}:{to}:{port}"),
            *("--cacert", trust or self.school, *options, url),
        )

    def restrict(self, sites: str) -> None:
        text = self.policy.read_text()
        before = next(line for line in text.splitlines() if line.startswith("restricted:"))
        self.policy.write_text(text.replace(before, f"restricted: {sites}"))

    def event_of(self, host: str, since: int) -> dict[str, Any]:
        """The newest row of a host's since a moment, once there is one."""
        return self.gate.event(since, host=host)

    def everybody_asks(self) -> list[dict[str, Any]]:
        """The rows of a refusal of each device's, in both families; they reach every worker.

        Each worker writes in order, so what it decided before is on record too.
        """
        since = moment()
        for who in range(len(self.net.clients)):
            for address in FACEBOOK:
                self.curl("http://graph.facebook.com/", address, who=who)
        wait_until(lambda: len(self.gate.events(since)) >= 2 * len(self.net.clients))
        return self.gate.events(since)


@pytest.fixture(scope="module")
def school(folder: Path) -> Iterator[School]:
    policy = folder / "policy.yaml"
    text = POLICY.read_text().replace("[127.0.0.1]", f'[{KNOWN[0]}, "{KNOWN[1]}"]')
    policy.write_text(text.replace("[social-networking]", RESTRICTED))
    with lab(folder) as net:
        redirect(net.gateway)
        with Schoolgate(
            *(folder / "state", "--mode", "gateway", "--workers", "2"),
            *("--upstream-ca", net.internet.authority),
            policy=policy,
            listen="[::]:8443",
            portal="127.0.0.1:8081",
            inside=net.gateway.command(),
        ) as gate:
            yield School(net, gate, policy)


class Talker:
    """`tests.lab.talker` on a device."""

    def __init__(self, client: Client) -> None:
        self._process = client.namespace.start(
            *(sys.executable, "-m", "tests.lab.talker"),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, deed: str, *arguments: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([deed, arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def talking(client: Client) -> Iterator[Talker]:
    talker = Talker(client)
    try:
        yield talker
    finally:
        talker.end()


@pytest.fixture(scope="module")
def talk(school: School) -> Iterator[Talker]:
    with talking(school.net.clients[0]) as talker:
        yield talker


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("family", [0, 1])
def test_a_restricted_site_shows_the_page_and_knows_who_asked(
    school: School, family: int, scheme: str
) -> None:
    began = moment()
    answer = school.curl(f"{scheme}://www.facebook.com/", FACEBOOK[family])
    assert " 403" in answer.stdout.splitlines()[0], answer.stderr
    assert "school purpose" in answer.stdout
    event = school.event_of("www.facebook.com", began)
    assert (event["person"], event["address"]) == ("fern.example", KNOWN[family])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("family", [0, 1])
def test_an_unrelated_site_is_joined_untouched_and_no_worker_hears_of_it(
    school: School, family: int, scheme: str
) -> None:
    began, before = moment(), school.haproxy.connections()
    answer = school.curl(f"{scheme}://www.bbc.co.uk/page", BBC[family], trust=school.web)
    assert answer.stdout.endswith("origin www.bbc.co.uk /page\n"), answer.stderr
    after = school.haproxy.connections()
    part = "untouched" if scheme == "https" else "untouched_http"
    assert {name for name in after if after[name] != before[name]} == {part}
    school.everybody_asks()
    assert "www.bbc.co.uk" not in {event["host"] for event in school.gate.events(began)}


def test_one_record_holds_what_all_workers_decided(school: School) -> None:
    events = school.everybody_asks()
    assert {event["id"] >> 6 & 0b1111 for event in events} == {0, 1}
    assert len({event["id"] for event in events}) == len(events)


HELLOS = [
    # server name, size, piece, pause, cut, reached, who vouches for the answer
    ("www.bbc.co.uk", 0, 0, 0, "", BBC[0], "web"),
    ("WWW.BBC.CO.UK", 0, 0, 0, "", BBC[1], "web"),
    ("www.bbc.co.uk.", 0, 0, 0, "", BBC[0], "web"),
    ("www.bbc.co.uk", 2_000, 0, 0, "", BBC[0], "web"),
    ("www.bbc.co.uk", 15_000, 0, 0, "", BBC[0], "web"),
    ("www.bbc.co.uk", 2_000, 100, 0.01, "", BBC[0], "web"),
    ("www.bbc.co.uk", 0, 150, 0.4, "", BBC[0], "web"),
    ("www.bbc.co.uk", 0, 0, 0, "records", BBC[0], "web"),
    ("www.facebook.com", 2_000, 0, 0, "", FACEBOOK[0], "school"),
    ("www.facebook.com", 15_000, 0, 0, "", BBC[0], "school"),
    ("www.facebook.com", 0, 20, 0.01, "", BBC[0], "school"),
    ("www.facebook.com", 0, 0, 0, "records", BBC[0], "school"),
    ("WWW.FaceBook.COM", 0, 0, 0, "", BBC[0], "school"),
    ("www.facebook.com.", 0, 0, 0, "", BBC[0], "school"),
    ("a.b.c.d.e.f.g.facebook.com", 0, 0, 0, "", BBC[0], "school"),
    (None, 0, 0, 0, "", FACEBOOK[0], "school"),
    ("www.bbc.co.uk", 0, 0, 0, "never", BBC[0], "closed"),
]


@pytest.mark.parametrize(("name", "size", "piece", "pause", "cut", "address", "answer"), HELLOS)
def test_a_greeting_of_any_shape_is_sorted_by_its_name(
    talk: Talker,
    name: str,
    size: int,
    piece: int,
    pause: float,
    cut: str,
    address: str,
    answer: str,
) -> None:
    started = time.monotonic()
    assert talk("greet", address, name, size, piece, pause, cut) == answer
    assert time.monotonic() - started < promised(8)


def test_what_is_not_tls_is_closed_on_its_port(school: School, talk: Talker) -> None:
    before = len(school.net.internet.connections())
    for text in ("SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/1.1\r\nHost: www.bbc.co.uk\r\n\r\n"):
        assert talk("say", BBC[0], 443, [text], 8) == ["closed … closed"]
    assert len(school.net.internet.connections()) == before


def request(host: str, *more: str, target: str = "/", method: str = "GET") -> str:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *more, "", ""])


def test_every_request_of_a_kept_connection_is_sorted_by_its_own_host(talk: Talker) -> None:
    hosts = ("www.bbc.co.uk", "www.facebook.com", "www.bbc.co.uk", "x.com", "m.facebook.com")
    answers = talk("say", BBC[0], 80, [request(host) for host in hosts], 10)
    assert [" ".join(answer.split()[1:2]) for answer in answers] == [
        "200",
        "403",
        "200",
        "200",
        "403",
    ]
    assert answers[3].endswith("origin x.com /")


@pytest.mark.parametrize(
    "text",
    [
        request("WWW.FACEBOOK.COM"),
        request("www.facebook.com."),
        request("www.facebook.com:80"),
        request("www.bbc.co.uk@www.facebook.com"),
        request("www.facebook.com@www.bbc.co.uk"),
        request("www.bbc.co.uk,www.facebook.com"),
        request("www.bbc.co.uk", "Host: www.facebook.com"),
        request("www.bbc.co.uk", target="http://www.facebook.com/"),
        request("www.facebook.com", target="http://www.bbc.co.uk/"),
        request("www.bbc.co.uk", target="http://a@www.bbc.co.uk/"),
        request("0x9df0dd23"),
        request("2646662435"),
        request("0235.0360.0335.043"),
        request("[2a03:2880:f158::35]"),
        request("www.face\xadbook.com"),
        request("www.bbc.co.uk", target="www.facebook.com:443", method="CONNECT"),
        request("our.server.example", target="/api/v1/timelines/public"),
        "GET / HTTP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_no_spelling_of_a_host_leads_past_the_workers(
    school: School, talk: Talker, text: str
) -> None:
    before = len(school.net.internet.requests())
    (answer,) = talk("say", BBC[0], 80, [text], 10)
    assert answer.split()[1] in ("400", "403", "405", "421", "502"), answer
    assert len(school.net.internet.requests()) == before


def test_an_upgrade_works_to_a_websocket_and_not_to_http2_in_the_clear(talk: Talker) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    (answer,) = talk("say", BBC[0], 80, [request("www.bbc.co.uk", *upgrade, key)], 10)
    assert answer.split()[1] == "101"
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    (answer,) = talk("say", BBC[0], 80, [request("www.bbc.co.uk", *upgrade)], 10)
    assert answer.split()[1] == "200"


@pytest.mark.parametrize("port", [8080, 8443, 18080, 18081])
def test_nobody_on_the_network_gets_through_by_a_port_of_the_gateways_own(
    school: School, talk: Talker, port: int
) -> None:
    began = moment()
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes([10, 77, 0, 99, 157, 240, 221, 35])
    text = (header + b"\xc3\x50\x00\x50").decode("latin-1") + request("m.facebook.com")
    answer = talk("say", GATEWAY, port, [text], 8)
    assert answer == ["closed … closed"] or "refused" in answer or "reset" in answer
    school.everybody_asks()
    for event in school.gate.events(began):
        assert event["host"] != "m.facebook.com"
        assert event["address"] != "10.77.0.99"
    reached = {connection["reached"] for connection in school.net.internet.connections()}
    assert not reached & set(FACEBOOK), "nobody gets there in any of these tests"


def test_a_false_name_at_an_address_that_a_restricted_name_led_to_leads_to_its_own_site(
    school: School,
) -> None:
    rule = f"iifname lan0 ip daddr {X[0]} tcp dport 443 redirect to :8453"
    school.net.gateway.run("nft", f"insert rule inet schoolgate redirected {rule}", check=True)
    answer = school.curl(
        "https://www.bbc.co.uk/lie", X[0], "--header", "Host: x.com", trust=school.web
    )
    assert answer.returncode == 0, answer.stderr
    assert school.net.internet.requests()[-1]["reached"] in BBC


class Downloading:
    """A download that goes on for a minute, or until it is let go, over HAProxy or a worker."""

    def __init__(self, school: School, url: str, address: str, trust: Path) -> None:
        name = url.split("/")[2]
        self._process = school.net.clients[0].namespace.start(
            *("curl", "--silent", "--no-buffer", "--http1.1", "--max-time", "90"),
            *("--cacert", trust, "--connect-to", f"{name}:443:{address}:443", url),
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"first\n"

    def rest(self) -> bytes:
        assert self._process.stdout
        text = self._process.stdout.read()
        assert self._process.wait(20) == 0
        return bytes(text)


def within(seconds: float, true: Callable[[], bool]) -> float:
    """How long it took to become true."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < promised(seconds)
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_new_site_is_restricted_at_once_and_nobodys_download_is_dropped(
    school: School,
) -> None:
    (reddit,) = NAMES["www.reddit.com"]
    unrelated = Downloading(school, "https://www.bbc.co.uk/stream/news", BBC[0], school.web)
    allowed = Downloading(school, "https://x.com/stream/x", X[0], school.school)

    def is_restricted() -> bool:
        return " 403" in school.curl("http://www.reddit.com/", reddit).stdout

    assert not is_restricted()
    assert (
        b"origin www.reddit.com"
        in school.curl("https://www.reddit.com/", reddit, trust=school.web).stdout.encode()
    )
    school.restrict(RESTRICTED.replace("x,", "x, reddit,"))
    within(AT_ONCE, is_restricted)
    # A certificate that may show its page takes the worker another moment.
    wait_until(lambda: " 403" in school.curl("https://www.reddit.com/", reddit).stdout)
    school.curl("http://www.bbc.co.uk/release/news", BBC[0])
    school.curl("http://x.com/release/x", X[0])
    assert (unrelated.rest(), allowed.rest()) == (b"last\n", b"last\n")
    school.restrict(RESTRICTED)
    within(AT_ONCE, lambda: not is_restricted())


def test_a_withdrawal_ends_what_is_open_and_shuts_the_rest_at_once(school: School) -> None:
    def step(what: What) -> None:
        database = open_record(school.gate.state)
        with changing_access(database) as changes:
            changes.add(Step(at=datetime.now(UTC), what=what, person="fern.example", by="head"))
        database.dispose()

    def is_shut() -> bool:
        return " 403" in school.curl("http://www.bbc.co.uk/", BBC[0]).stdout

    with talking(school.net.clients[0]) as talker:
        assert not is_shut()
        assert talker("say", BBC[0], 80, [request("www.bbc.co.uk")], 5)[0].split()[1] == "200"
        download = Downloading(school, "https://www.bbc.co.uk/stream", BBC[0], school.web)
        step(What.WITHDRAW)
        try:
            within(AT_ONCE, is_shut)
            with pytest.raises(AssertionError):
                download.rest()
            other = school.curl("http://www.bbc.co.uk/", BBC[0], who=1)
            assert " 200" in other.stdout.splitlines()[0]
        finally:
            step(What.RESTORE)
        within(AT_ONCE, lambda: not is_shut())


def test_a_client_that_says_little_on_many_connections_slows_nobody(school: School) -> None:
    with talking(school.net.clients[1]) as tls, talking(school.net.clients[2]) as plain:
        assert tls("hold", BBC[0], 443, 300, "\x16\x03\x01") == 300
        assert plain("hold", BBC[0], 80, 300, "GET / HTTP/1.1\r\nHost: www.fa") == 300
        started = time.monotonic()
        for url, address in (("https://www.bbc.co.uk/", BBC[0]), ("http://x.com/", X[0])):
            trust = school.web if "bbc" in url else school.school
            assert " 200" in school.curl(url, address, trust=trust).stdout.splitlines()[0]
        assert time.monotonic() - started < promised(2)


@contextmanager
def nobody_started_again(school: School) -> Iterator[None]:
    """What dies meanwhile stays dead: whoever would start it again is held."""
    os.kill(school.gate.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(school.gate.process.pid, signal.SIGCONT)


def test_a_dead_workers_clients_are_served_by_another_within_three_seconds(school: School) -> None:
    began = moment()
    school.curl("https://www.facebook.com/", FACEBOOK[0])
    worker = school.event_of("www.facebook.com", began)["id"] >> 6 & 0b1111
    dead = school.gate.children()[f"proxy{worker}"]
    with nobody_started_again(school):
        os.kill(dead, signal.SIGKILL)
        wait_until(lambda: not is_alive(dead))
        began = moment()
        within(3, lambda: " 403" in school.curl("https://www.facebook.com/", FACEBOOK[0]).stdout)
        assert school.event_of("www.facebook.com", began)["id"] >> 6 & 0b1111 != worker
    school.gate.child(f"proxy{worker}", other_than=dead)


def test_without_any_worker_restricted_names_stay_shut_and_unrelated_ones_open(
    school: School,
) -> None:
    with nobody_started_again(school):
        for name, process in school.gate.children().items():
            if name.startswith("proxy"):
                os.kill(process, signal.SIGKILL)
        before = len(school.net.internet.requests())
        plain = school.curl("http://www.facebook.com/", FACEBOOK[0])
        assert plain.stdout.split()[1] in ("502", "503")
        assert "stays closed" in plain.stdout
        assert school.curl("https://x.com/", X[0], "--insecure").returncode != 0
        assert len(school.net.internet.requests()) == before
        for scheme in ("http", "https"):
            answer = school.curl(f"{scheme}://www.bbc.co.uk/still", BBC[0], trust=school.web)
            assert answer.stdout.endswith("origin www.bbc.co.uk /still\n"), answer.stderr
    within(30, lambda: " 403" in school.curl("https://x.com/", X[0], who=1).stdout)


def test_haproxy_that_dies_is_back_at_once_and_knows_what_it_should(school: School) -> None:
    os.kill(school.gate.children()["haproxy"], signal.SIGKILL)
    within(
        5, lambda: school.curl("https://www.bbc.co.uk/", BBC[0], trust=school.web).returncode == 0
    )
    within(10, lambda: " 403" in school.curl("http://www.facebook.com/", FACEBOOK[0]).stdout)


def test_haproxy_wrote_nothing_of_anybodys_traffic(school: School) -> None:
    for name in ("bbc", "facebook", "10.77.0.", "fd77"):
        assert name not in school.gate.errors()
    socket = school.gate.state / "haproxy" / "runtime.sock"
    assert socket.stat().st_mode & 0o77 == 0
