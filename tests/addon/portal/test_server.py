"""The portal's process: it says that it is ready, reads the policy again, and stops when told."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rules.loading import SHIPPED_POLICY
from tests.support.pace import promised

ROOT = Path(__file__).parents[3]


class Process:
    """`python -m addon.portal.server`, with what it wrote so far."""

    def __init__(self, folder, *options):
        self.said = folder / "said"
        with self.said.open("wb") as said:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "addon.portal.server", "--state", str(folder), *options],
                stderr=said,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def until(self, pattern):
        """Wait for a line; give back the match."""
        for _ in range(1200):
            if match := re.search(pattern, self.said.read_text()):
                return match
            assert self.popen.poll() is None, self.said.read_text()
            time.sleep(0.05)
        raise AssertionError(f"{pattern} was never said: {self.said.read_text()}")

    def health(self, port):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@pytest.fixture
def start(tmp_path):
    running = []

    def starter(*options):
        running.append(Process(tmp_path, *options))
        return running[-1]

    yield starter
    for process in running:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()


@pytest.fixture
def own_policy(tmp_path):
    """A copy of the shipped policy that a test may spoil."""
    copy = tmp_path / "policy"
    shutil.copytree(SHIPPED_POLICY.parent, copy)
    return copy / SHIPPED_POLICY.name


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_told(start, how):
    process = start("--listen", "127.0.0.1:0", "--workers", "0")
    port = int(process.until(r"ready on 127\.0\.0\.1:(\d+)")[1])
    assert process.health(port)["status"] == "ok"
    began = time.monotonic()
    process.popen.send_signal(how)
    assert process.popen.wait(60) == 0
    assert time.monotonic() - began < promised(3)
    assert "Traceback" not in process.said.read_text()


def test_a_new_policy_comes_into_force_and_a_bad_one_never_does(start, own_policy):
    process = start("--listen", "127.0.0.1:0", "--workers", "0", "--policy", str(own_policy))
    port = int(process.until(r"ready on 127\.0\.0\.1:(\d+)")[1])
    first = process.health(port)["policy"]

    good = own_policy.read_text()
    own_policy.write_text(good + "\n# A remark.\n")
    process.popen.send_signal(signal.SIGHUP)
    process.until("the policy was read again and is in force")
    second = process.health(port)["policy"]
    assert second["digest"] != first["digest"]

    own_policy.write_text(good + "\nnot-a-key: 1\n")
    process.popen.send_signal(signal.SIGHUP)
    process.until("the new policy has faults; the old one stays in force")
    facts = process.health(port)
    assert facts["policy"]["digest"] == second["digest"]
    assert "not-a-key" in facts["policy"]["last_reload_error"]
    (problem,) = facts["problems"]
    assert problem.startswith("The policy's files have faults. The policy in force since ")
    assert problem.endswith(" stays. 'schoolgate check' says what to put right.")

    own_policy.write_text(good)
    process.popen.send_signal(signal.SIGHUP)
    for _ in range(1200):
        if (facts := process.health(port))["status"] == "ok":
            break
        time.sleep(0.05)
    assert facts["policy"]["digest"] == first["digest"]
    assert facts["policy"]["last_reload_error"] is None


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--policy", "no-such-file.yaml"), 1, "no-such-file.yaml"),
        (
            ("--listen", "8081"),
            2,
            "'8081' is not an address and a port; it reads like 127.0.0.1:8081.",
        ),
        (("--listen", "127.0.0.1:99999"), 2, "99999 is not a port"),
        (("--listen", "192.0.2.1:8081"), 1, "The portal cannot listen on 192.0.2.1:8081"),
        (("--listen", "nowhere.invalid:8081"), 1, "nowhere.invalid:8081: the host is not known."),
        (("--workers", "-1"), 2, "workers"),
    ],
)
def test_what_cannot_start_says_why_in_a_sentence(start, options, code, sentence):
    process = start(*options)
    assert process.popen.wait(60) == code
    said = process.said.read_text()
    assert sentence in said
    assert "Traceback" not in said


def test_a_port_in_use_is_a_sentence(start):
    first = start("--listen", "127.0.0.1:0", "--workers", "0")
    port = first.until(r"ready on 127\.0\.0\.1:(\d+)")[1]
    second = start("--listen", f"127.0.0.1:{port}")
    assert second.popen.wait(60) == 1
    assert f"The portal cannot listen on 127.0.0.1:{port}: Address already in use." in (
        second.said.read_text()
    )


def test_many_who_never_finish_asking_keep_nobody_out(start):
    portal = start("--listen", "127.0.0.1:0")
    port = int(portal.until(r"ready on 127\.0\.0\.1:(\d+)")[1])
    with ExitStack() as slow:
        for _ in range(150):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert "status" in portal.health(port)
