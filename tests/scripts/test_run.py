"""The life of `schoolgate run`: how it starts, reloads, mends itself and stops, or says why not."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from scripts.cli import main
from storage.database import open_record
from storage.events import event_id
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, Schoolgate, free_port, is_alive

# Loopback is a site of this school's, so that one can be reached without a name service.
LOOPBACK_SITE = """
sites:
  noticeboard:
    name: The noticeboard
    categories: [social-networking]
    domains: [noticeboard.example]
    networks: [127.0.0.0/8]
"""
OPEN = """
  noticeboard:
    title: putting up notices
    who: [office]
    sites: [noticeboard]
    owner: fern.example
    review: 2030-09-01
"""


def policy_text(*, noticeboard_is_open: bool) -> str:
    text = POLICY.read_text()
    if noticeboard_is_open:
        text = text.replace("\npurposes:\n", f"\npurposes:{OPEN}", 1)
    return text + LOOPBACK_SITE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def policy(folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(policy_text(noticeboard_is_open=True))
    return path


@pytest.fixture(scope="module")
def gate(folder: Path, policy: Path) -> Iterator[Schoolgate]:
    """One for all tests that leave it running: a start takes seconds."""
    with Schoolgate(folder / "state", policy=policy) as gate:
        yield gate


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def refused(gate: Schoolgate, count: int) -> list[str]:
    """The references of so many requests that were refused."""
    with httpx.Client(proxy=gate.proxy, headers={"accept": "application/json"}) as client:
        answers = [client.get("http://www.facebook.com/") for _ in range(count)]
    assert {answer.status_code for answer in answers} == {403}
    return [answer.json()["reference"] for answer in answers]


def healthz(gate: Schoolgate) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://{gate.portal}/healthz", timeout=10) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:  # 503 says that something is wrong, and what
        with error:
            return dict(json.load(error))


def test_it_stops_within_five_seconds_with_the_record_flushed_and_starts_again_on_what_it_left(
    tmp_path: Path, policy: Path, origin: Origin
) -> None:
    url = f"http://127.0.0.1:{origin.port}/stream"
    state = tmp_path / "state"
    certificate = state / "authority" / "schoolgate-ca.crt"
    known: list[tuple[bytes, list[str]]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with (
            Schoolgate(state, policy=policy) as gate,
            httpx.Client(proxy=gate.proxy) as client,
            client.stream("GET", url) as download,
        ):
            next(download.iter_raw())  # somebody is in the middle of something
            references = refused(gate, 40)
            took = gate.stop(number)
            assert took < promised(5)
            assert gate.process.returncode == 0
            assert "Traceback" not in gate.errors()
            recorded = {event["id"] for event in gate.events()}
            assert {event_id(reference) for reference in references} <= recorded
            known.append((certificate.read_bytes(), references))
    (certificate_before, before), (certificate_after, after) = known
    assert certificate_before == certificate_after
    assert max(map(event_id, before)) < min(map(event_id, after))
    assert state.stat().st_mode & 0o777 == 0o700
    for_everybody = {"schoolgate-ca.crt", "mitmproxy-dhparam.pem"}
    files = [path for path in state.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.stat().st_mode & 0o077} <= for_everybody


def test_reloading_takes_effect_and_drops_nobody_and_a_bad_policy_changes_nothing(
    gate: Schoolgate, origin: Origin, policy: Path
) -> None:
    page = f"http://127.0.0.1:{origin.port}/page"
    with (
        httpx.Client(proxy=gate.proxy) as client,
        client.stream("GET", f"http://127.0.0.1:{origin.port}/stream") as download,
        connect(f"ws://127.0.0.1:{origin.port}/socket", proxy=gate.proxy) as chat,
    ):
        parts = download.iter_raw()
        assert next(parts) == b"first\n"
        chat.send("before")
        assert chat.recv() == "before"
        assert httpx.get(page, proxy=gate.proxy).status_code == 200
        first = healthz(gate)["policy"]["digest"]

        policy.write_text(policy_text(noticeboard_is_open=False))
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: httpx.get(page, proxy=gate.proxy).status_code == 403, 30)
        wait_until(lambda: healthz(gate)["status"] == "ok", 30)
        second = healthz(gate)["policy"]["digest"]
        assert second != first

        policy.write_text("school: [this is not a policy\n")
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(healthz(gate)["problems"]) == 2, 30)
        health = healthz(gate)
        assert health["policy"]["digest"] == second
        assert "policy.yaml" in health["policy"]["last_reload_error"]
        assert "policy.yaml" in health["workers"][0]["last_reload_error"]
        assert httpx.get(page, proxy=gate.proxy).status_code == 403
        assert gate.errors().lower().count("the new policy has faults; the old one stays") == 1

        policy.write_text(policy_text(noticeboard_is_open=True))
        gate.process.send_signal(signal.SIGHUP)
        wait_until(lambda: httpx.get(page, proxy=gate.proxy).status_code == 200, 30)
        wait_until(lambda: healthz(gate)["status"] == "ok", 30)

        chat.send("after")
        assert chat.recv() == "after"
        origin.release.set()
        assert b"".join(parts) == b"last\n"


def test_the_portal_has_the_policy_read_again_by_all_and_says_how_it_went(
    gate: Schoolgate, origin: Origin, policy: Path
) -> None:
    page, again = f"http://127.0.0.1:{origin.port}/page", f"http://{gate.portal}/policy/reload"
    as_json = {"Accept": "application/json"}
    assert httpx.get(page, proxy=gate.proxy).status_code == 200
    policy.write_text(policy_text(noticeboard_is_open=False))
    said = httpx.post(again, headers=as_json, timeout=30)
    assert (said.status_code, said.json()["in_force"]) == (200, True)
    assert httpx.get(page, proxy=gate.proxy).status_code == 403, "at once, for it has said so"
    said = httpx.post(again, headers=as_json, timeout=30)
    assert said.status_code == 200, "the bell alone is enough"

    policy.write_text("school: [this is not a policy\n")
    said = httpx.post(again, headers=as_json, timeout=30)
    assert (said.status_code, said.json()["in_force"]) == (422, False)
    assert "policy.yaml:2: This is not YAML" in said.json()["why"][0]
    assert httpx.get(page, proxy=gate.proxy).status_code == 403
    evil = httpx.post(again, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403
    through = httpx.post(again, proxy=gate.proxy, headers={"Origin": "https://evil.example"})
    assert through.status_code != 200

    policy.write_text(policy_text(noticeboard_is_open=True))
    assert httpx.post(again, timeout=30).status_code == 200


def test_the_proxys_memory_does_not_grow_with_every_reload(tmp_path: Path) -> None:
    said, policy = "The policy was read again and is in force.", tmp_path / "policy.yaml"
    policy.write_text(policy_text(noticeboard_is_open=True))
    with Schoolgate(tmp_path / "state", policy=policy) as gate:
        proxy, sizes, threads = gate.child("proxy"), [], []
        for number in range(1, 41):
            os.kill(proxy, signal.SIGHUP)
            wait_until(lambda n=number: gate.errors().count(said) >= n, 30)
            if number in (10, 40):
                sizes.append(status_of(proxy, "VmRSS"))
                threads.append(status_of(proxy, "Threads"))
        # A policy that stayed would add a megabyte or more each time; the rest is the allocator's.
        assert sizes[1] < sizes[0] * 1.15, sizes
        assert threads[1] <= threads[0] + 2, "each thread that has read a policy keeps some of it"


def status_of(process: int, what: str) -> int:
    """A number from proc(5): `VmRSS` is the kibibytes of a process that are in memory."""
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1])


def test_a_child_that_keeps_dying_is_started_again_after_longer_and_longer_pauses(
    gate: Schoolgate,
) -> None:
    portal = gate.child("portal")
    for _ in range(3):
        os.kill(portal, signal.SIGKILL)
        portal = gate.child("portal", other_than=portal)
    for pause in ("0.2", "0.4", "0.8"):
        said = f"The portal stopped (signal SIGKILL); starting it again in {pause} s."
        assert gate.errors().count(said) == 1
    wait_until(lambda: "The portal is back." in gate.errors(), 30)
    assert _answers(gate.portal)
    assert refused(gate, 1), "the proxy does not mind"


def test_a_proxy_that_was_killed_is_back_with_ids_that_go_on(gate: Schoolgate) -> None:
    before = refused(gate, 3)
    proxy = gate.child("proxy")
    wait_until(lambda: event_id(before[-1]) in {event["id"] for event in gate.events()})
    os.kill(proxy, signal.SIGKILL)
    proxy = gate.child("proxy", other_than=proxy)
    gate.process.send_signal(signal.SIGHUP)  # a reload harms nobody who is only just starting
    wait_until(lambda: _answers(gate.listen), 30)
    assert gate.child("proxy") == proxy
    after = refused(gate, 3)
    assert max(map(event_id, before)) < min(map(event_id, after))
    wait_until(lambda: event_id(after[-1]) in {event["id"] for event in gate.events()})


def test_no_child_outlives_a_supervisor_that_was_killed(tmp_path: Path, policy: Path) -> None:
    with Schoolgate(tmp_path / "state", policy=policy) as gate:
        children = {gate.child("proxy"), gate.child("portal")}
        references = refused(gate, 5)
        gate.process.kill()
        gate.process.wait()
        wait_until(lambda: not any(map(is_alive, children)), 30)
        recorded = {event["id"] for event in gate.events()}
        assert {event_id(reference) for reference in references} <= recorded


def test_a_second_one_on_the_same_state_folder_is_turned_away(gate: Schoolgate) -> None:
    code, said = _fails_to_start("--state", gate.state)
    assert (code, said) == (
        1,
        f"Another Schoolgate is running on {gate.state}; stop it, or give this one its own"
        " --state.\n",
    )
    assert refused(gate, 1), "the first one does not mind"


def test_a_record_that_is_none_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    junk = b"not a database at all\n" * 500
    (state / "record.sqlite3").write_bytes(junk)
    with Schoolgate(state) as gate:
        (kept,) = state.glob("record.damaged-*.sqlite3")
        assert f"It is kept as {kept}, and a new one was begun" in gate.errors()
        assert gate.events() == []
    assert kept.read_bytes() == junk


class TestItSaysWhyItCannotStart:
    """One sentence on standard error, exit status 1, nothing left running."""

    @pytest.mark.parametrize("what", ["listen", "portal"])
    def test_a_port_in_use(self, tmp_path: Path, what: str) -> None:
        with closing(socket.socket()) as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            code, said = _process_fails_to_start(
                "--state", tmp_path / "s", f"--{what}", f"127.0.0.1:{port}"
            )
        name = {"listen": "proxy", "portal": "portal"}[what]
        assert (code, said) == (
            1,
            f"The {name} cannot listen on 127.0.0.1:{port}: something else listens there;"
            f" stop it or choose another with --{what}.\n",
        )

    def test_an_address_that_is_not_this_machines(self, tmp_path: Path) -> None:
        code, said = _fails_to_start("--state", tmp_path / "s", "--listen", "203.0.113.1:8080")
        assert code == 1
        assert "this machine does not have that address" in said

    @pytest.mark.parametrize("url", ["gate.school.example", "javascript:alert(1)", "http://"])
    def test_a_portal_url_that_is_none(self, tmp_path: Path, url: str) -> None:
        code, said = _fails_to_start("--state", tmp_path / "s", "--portal-url", url)
        assert (code, said) == (
            2,
            f"{url!r} is not an address for --portal-url, such as"
            " http://gate.school.example:8081.\n",
        )

    def test_a_state_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("a file")
        code, said = _fails_to_start("--state", tmp_path / "state")
        assert code == 1
        assert said == f"{tmp_path / 'state'} is not a folder: name a folder with --state.\n"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    @pytest.mark.parametrize("unprivileged", [False, True], ids=["as root", "as an ordinary user"])
    def test_a_state_folder_of_another_user(self, tmp_path: Path, unprivileged: bool) -> None:
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        os.chown(state, 65534, 65534)
        code, said = _process_fails_to_start("--state", state, unprivileged=unprivileged)
        assert code == 1
        assert "belongs to another user" in said
        assert said.count("\n") == 1

    def test_a_state_folder_that_is_read_only(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        state.mkdir(mode=0o500)
        code, said = _process_fails_to_start("--state", state, unprivileged=True)
        assert code == 1
        assert "cannot be written to" in said
        assert said.count("\n") == 1

    def test_a_record_in_a_state_folder_that_became_read_only(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        open_record(state).dispose()
        for path in (*state.rglob("*"), state):
            path.chmod(0o500 if path.is_dir() else 0o400)
        code, said = _process_fails_to_start("--state", state, unprivileged=True)
        state.chmod(0o700)
        assert code == 1
        assert "cannot be written to" in said
        assert said.count("\n") == 1

    def test_a_policy_with_faults(self, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.read_text().replace("sites: [x]", "sites: [facebok, x]"))
        code, said = _fails_to_start("--state", tmp_path / "s", "--policy", policy)
        assert code == 1
        lines = said.splitlines()
        assert lines[0] == "The policy has faults, so nothing was started."
        assert "facebok" in lines[1]
        assert "facebook" in lines[1]
        assert not (tmp_path / "s").exists()

    @pytest.mark.parametrize("missing", ["nowhere.yaml", "."])
    def test_a_policy_that_is_not_there(self, tmp_path: Path, missing: str) -> None:
        code, said = _fails_to_start("--state", tmp_path / "s", "--policy", tmp_path / missing)
        assert code == 1
        assert said.startswith("The policy has faults, so nothing was started.\n")

    def test_further_authorities_that_are_none(self, tmp_path: Path) -> None:
        nothing = tmp_path / "nothing.pem"
        nothing.write_text("no certificate\n")
        code, said = _fails_to_start("--state", tmp_path / "s", "--upstream-ca", nothing)
        assert (code, said) == (1, f"{nothing} holds no certificate in PEM form.\n")

    def test_a_broken_certificate_authority(self, tmp_path: Path) -> None:
        (tmp_path / "state" / "authority").mkdir(parents=True, mode=0o700)
        (tmp_path / "state" / "authority" / "mitmproxy-ca.pem").write_text("no key\n")
        code, said = _fails_to_start("--state", tmp_path / "state")
        assert code == 1
        assert "does not hold a private key and its certificate" in said
        assert said.count("\n") == 1

    def test_one_port_for_both(self, tmp_path: Path) -> None:
        port = free_port()
        code, said = _fails_to_start(
            *("--state", tmp_path / "s", "--listen", f"127.0.0.1:{port}"),
            *("--portal", f"127.0.0.1:{port}"),
        )
        assert code == 2
        assert "give two ports" in said

    def test_wrong_usage_is_exit_status_2(self, tmp_path: Path) -> None:
        code, said = _fails_to_start("--state", tmp_path / "s", "--listen", "8080")
        assert code == 2
        assert "'8080' is not an address and a port; it reads like 127.0.0.1:8081." in said

    @pytest.mark.parametrize(("host", "warned"), [("localhost", False), ("0.0.0.0", True)])
    def test_a_portal_on_every_address_needs_a_url(
        self, tmp_path: Path, host: str, warned: bool
    ) -> None:
        """It is said, and keeps nothing from starting: what does here is the missing file."""
        code, said = _fails_to_start(
            *("--state", tmp_path / "s", "--portal", f"{host}:{free_port()}"),
            *("--upstream-ca", tmp_path / "none.pem"),
        )
        assert (code, "which no browser can reach" in said) == (1, warned)
        assert "cannot be read as a PEM file" in said

    def test_a_port_that_is_taken_at_the_last_moment(self, tmp_path: Path) -> None:
        """Nobody can hold a port for a child, so the child may yet find it taken."""
        port = free_port()
        taken = threading.Event()

        def take() -> None:
            with closing(socket.socket()) as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                end = time.monotonic() + 60
                # This file is written after the ports were looked at.
                bundle = tmp_path / "s" / "upstream-authorities.pem"
                while not bundle.exists() and time.monotonic() < end:
                    time.sleep(0.001)
                other.bind(("127.0.0.1", port))
                other.listen()
                taken.wait(60)

        thief = threading.Thread(target=take)
        thief.start()
        code, said = _process_fails_to_start(
            *("--state", tmp_path / "s", "--listen", f"127.0.0.1:{port}"),
            *("--upstream-ca", certifi.where()),
        )
        taken.set()
        thief.join()
        assert code == 1
        assert str(port) in said
        assert "Traceback" not in said


def _fails_to_start(*options: str | Path) -> tuple[int, str]:
    """Exit status and standard error of a `schoolgate run` that should not come up."""
    done = CliRunner().invoke(main, ["run", *_whole(options)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    return done.exit_code, done.stderr


def _process_fails_to_start(*options: str | Path, unprivileged: bool = False) -> tuple[int, str]:
    """The same as a process of its own.

    `unprivileged` takes from root what lets it pass file permissions by; others never had it.
    """
    before: list[str] = []
    if unprivileged and os.geteuid() == 0:
        if not (setpriv := shutil.which("setpriv")):
            pytest.skip("needs setpriv, as root")
        before = [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--"]
    done = subprocess.run(
        [*before, COMMAND, "run", *_whole(options)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def _whole(options: Sequence[str | Path]) -> list[str]:
    """The options, and free ports and a sound policy where they name none."""
    words = [str(option) for option in options]
    for name in ("--listen", "--portal"):
        if name not in words:
            words += [name, f"127.0.0.1:{free_port()}"]
    if "--policy" not in words:
        words += ["--policy", str(POLICY)]
    return words


def _answers(endpoint: str) -> bool:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
