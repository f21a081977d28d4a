"""Wi-Fi accounting to block page through HAProxy and several workers, all of them real programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import bcrypt
import pytest

from tests.lab.scene import Web
from tests.support.identity import SECRET, keep_secret, policy_with, session
from tests.support.namespace import Namespace, missing
from tests.support.pace import promised
from tests.support.running_gate import wait_until
from tests.support.schoolgate import COMMAND, Schoolgate

pytestmark = pytest.mark.lab
CLIENTS = [f"127.0.1.{number}" for number in range(1, 9)]


@pytest.mark.skipif(not shutil.which("radclient"), reason="needs radclient")
def test_every_worker_knows_within_a_second_who_came_and_who_left(folder: Path) -> None:
    if reason := missing("curl", "haproxy"):
        pytest.skip(reason)
    state = folder / "state"  # a short path, for there are sockets in it
    keep_secret(state, "radius.wifi")
    policy = policy_with(
        folder,
        {"sources": ["radius"], "radius": {"clients": {"wifi": {"addresses": ["127.0.0.1"]}}}},
    )
    with Namespace(["x.com"]) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(state, "--upstream-ca", web.authority, "--workers", "2"),
            policy=policy,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:

            def asked(client: str) -> str:
                return str(
                    namespace.run(
                        *("curl", "--silent", "--output", "/dev/null", "--max-time", "20"),
                        *("--write-out", "%{http_code}", "--interface", client),
                        *("--proxy", gate.proxy, "http://x.com/"),
                    ).stdout
                )

            def answers() -> set[str]:
                return {asked(client) for client in CLIENTS}

            def tell(status: str) -> None:
                packets = [
                    ",".join(session(status, number=n, Framed_IP_Address=client))
                    for n, client in enumerate(CLIENTS)
                ]
                namespace.run(
                    *("radclient", "-q", "127.0.0.1:1813", "acct", SECRET),
                    input="\n\n".join(packets) + "\n",
                    check=True,
                )

            wait_until(lambda: answers() == {"403"}, 30)
            tell("Start")
            wait_until(lambda: answers() == {"200"}, promised(2))
            going_on = [
                namespace.start(
                    *("curl", "--silent", "--no-buffer", "--max-time", "90", "--interface", client),
                    *("--proxy", gate.proxy, "http://x.com/stream"),
                    stdout=subprocess.PIPE,
                )
                for client in CLIENTS
            ]
            for download in going_on:
                assert download.stdout.readline() == b"first\n"
            tell("Stop")
            # What was open ends too, at every worker.
            for download in going_on:
                assert download.wait(promised(1)) != 0
            assert answers() == {"403"}
            events = gate.events()
            assert {event["id"] >> 6 & 15 for event in events} == {0, 1}
            known = {(e["address"], e["person"]) for e in events if e["allowed"]}
            assert known == {(client, "fern.example") for client in CLIENTS}
            told = namespace.run(
                *(COMMAND, "who", CLIENTS[0], "--state", state, "--policy", policy)
            )
            assert told.returncode == 1, told.stderr
            tell_again = ",".join(session("Start", number=99, Framed_IP_Address=CLIENTS[0]))
            namespace.run(
                *("radclient", "-q", "127.0.0.1:1813", "acct", SECRET),
                input=tell_again,
                check=True,
            )

            def who() -> subprocess.CompletedProcess[str]:
                return namespace.run(
                    *(COMMAND, "who", CLIENTS[0], "--state", state, "--policy", policy)
                )

            wait_until(lambda: who().returncode == 0)
            assert "Fern Example (fern.example), certain (90 of 100), by radius." in who().stdout


def test_people_sign_in_to_a_proxy_of_several_workers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if reason := missing("curl", "haproxy"):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("proxy")
    state = folder / "state"
    password = bcrypt.hashpw(b"right: with a colon", bcrypt.gensalt(4)).decode()
    keep_secret(state, "proxy-sign-in.htpasswd", f"fe:{password}")
    policy = policy_with(folder, {"sources": ["proxy-sign-in"]}, fern={"accounts": ["FE"]})
    with Namespace(["x.com"]) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(state, "--upstream-ca", web.authority, "--workers", "2"),
            policy=policy,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:

            def asked(client: str, url: str, *who: str) -> str:
                """The proxy's answer and the site's: 200 and 403, say, for a tunnel."""
                return str(
                    namespace.run(
                        *("curl", "--silent", "--insecure", "--output", "/dev/null"),
                        *("--max-time", "20", "--interface", client),
                        *("--write-out", "%{http_connect} %{http_code}"),
                        *("--proxy", gate.proxy, *who, url),
                    ).stdout
                )

            right = ("--proxy-user", "fe:right: with a colon")
            wrong = ("--proxy-user", "fe:wrong")
            wait_until(lambda: {asked(c, "http://x.com/") for c in CLIENTS} == {"000 407"}, 30)
            for client in CLIENTS:
                assert asked(client, "http://x.com/", *right) == "000 200"
                assert asked(client, "https://x.com/", *right) == "200 200"
                assert asked(client, "https://x.com/", *wrong) == "407 000"
            events = gate.events()
            assert {event["id"] >> 6 & 15 for event in events} == {0, 1}
            known = {(e["person"], e["source"]) for e in events if e["allowed"]}
            assert known == {("fern.example", "proxy-sign-in")}
