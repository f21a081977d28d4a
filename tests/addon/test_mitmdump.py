"""The gate as an addon of plain mitmdump, as mitmproxy's own documentation loads one."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from addon.gate import REQUIRED_OPTIONS
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import free_port

MITMDUMP = Path(sys.executable).with_name("mitmdump")
ADDON = Path(__file__).parent.parent.parent / "addon" / "main.py"

# A second addon, which writes down the options that are in force once all is running.
WITNESS = """
import json
from pathlib import Path
from mitmproxy import ctx

def running():
    names = {names!r}
    found = {{name: getattr(ctx.options, name) for name in names}}
    Path({target!r}).write_text(json.dumps(found))
"""

# What an admin might have set for other uses of mitmproxy; the gate cannot work with it.
CONTRARY = (
    *("--set", "connection_strategy=eager", "--set", "rawtcp=true"),
    *("--set", "block_global=true", "--set", "onboarding=true"),
    *("--set", "store_streamed_bodies=true"),
)


class Mitmdump:
    """A running mitmdump with the gate in it, started from some other folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.state = folder / "state"
        self.options_file = folder / "options.json"
        self.port = free_port()
        self._out = folder / "mitmdump.out"
        witness = folder / "witness.py"
        names = [*REQUIRED_OPTIONS, "confdir", "listen_port"]
        witness.write_text(WITNESS.format(names=names, target=str(self.options_file)))
        self._folder = folder
        self._command = [
            *(MITMDUMP, "--listen-host", "127.0.0.1", "--listen-port", str(self.port)),
            *("-s", ADDON, "-s", witness),
            *("--set", f"schoolgate_policy={POLICY}", "--set", f"schoolgate_state={self.state}"),
            *options,
        ]

    def __enter__(self) -> Mitmdump:
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"},
            )
        try:
            wait_until(lambda: self.process.poll() is not None or self.options_file.exists(), 60)
            assert self.process.poll() is None, self.output()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            finally:
                self.process.kill()

    def output(self) -> str:
        return self._out.read_text()

    def events(self) -> list[dict[str, Any]]:
        uri = f"{(self.state / 'record.sqlite3').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM events ORDER BY id")]


@pytest.fixture(scope="module", params=[(), CONTRARY], ids=["as it comes", "set otherwise"])
def mitmdump(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    with Mitmdump(tmp_path_factory.mktemp("mitmdump"), *request.param) as mitmdump:
        yield mitmdump


def test_it_refuses_and_records_over_http_and_tls(mitmdump: Mitmdump) -> None:
    before = len(mitmdump.events())
    trust = ssl.create_default_context(
        cafile=str(mitmdump.state / "authority" / "schoolgate-ca.crt")
    )
    with httpx.Client(proxy=f"http://127.0.0.1:{mitmdump.port}", verify=trust, timeout=30) as web:
        for scheme in ("http", "https"):
            answer = web.get(f"{scheme}://www.facebook.com/")
            assert answer.status_code == 403
            assert "Access will only be allowed" in answer.text
        upload = web.post("https://www.facebook.com/upload", content=b"u" * 1_000_000)
        assert upload.status_code == 403
    wait_until(lambda: len(mitmdump.events()) == before + 3)
    assert [event["scheme"] for event in mitmdump.events()[before:]] == ["http", "https", "https"]
    assert {event["person"] for event in mitmdump.events()} == {"fern.example"}


def test_what_the_enforcer_needs_of_mitmproxy_is_in_force(mitmdump: Mitmdump) -> None:
    found = json.loads(mitmdump.options_file.read_text())
    assert {name: found[name] for name in REQUIRED_OPTIONS} == REQUIRED_OPTIONS
    assert found["confdir"] == str(mitmdump.state / "authority")
    assert found["listen_port"] == mitmdump.port


def test_what_is_neither_tls_nor_http_goes_nowhere(mitmdump: Mitmdump) -> None:
    with closing(socket.create_connection(("127.0.0.1", mitmdump.port), timeout=20)) as connection:
        connection.sendall(b"CONNECT x.com:443 HTTP/1.1\r\nHost: x.com:443\r\n\r\n")
        assert b" 200 " in connection.recv(4096)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


def run_mitmdump(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MITMDUMP, *options],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_mitmproxy_documents_the_options(tmp_path: Path) -> None:
    done = run_mitmdump(tmp_path, "--options", "-s", ADDON)
    assert done.returncode == 0
    for option, help_text in (
        ("schoolgate_policy", "The YAML file with the school's policy."),
        ("schoolgate_state", "The folder for the record, the certificate authority"),
        ("schoolgate_portal", "The address of the portal that block pages link to."),
        ("schoolgate_record_within", "Seconds that an allowed request may wait"),
        ("schoolgate_worker", "This worker's number, from 0 to 15"),
    ):
        assert f"# {help_text}" in done.stdout
        assert f"\n{option}: " in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(("schoolgate_policy=nowhere.yaml",), "There is no such file", id="no policy"),
        pytest.param(("schoolgate_state={file}",), "is not a folder", id="state is a file"),
        pytest.param(
            ("schoolgate_record_within=soon",), "give seconds, such as 2 or 0.5", id="no duration"
        ),
        pytest.param(("schoolgate_worker=99",), "0 to 15", id="no such worker"),
        # mitmproxy leaves a script out without a word here, and would run with no gate in it.
        pytest.param(("schoolgate_worker=abc",), "abc", id="no number"),
        pytest.param(("schoolgate_portal=a", "schoolgate_portal=b"), "portal", id="set twice"),
    ],
)
def test_it_does_not_start_on_what_is_wrong_and_says_so_in_one_line(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "a-file").write_text("")
    wrong = [word for option in options for word in ("--set", option)]
    if not options[0].startswith("schoolgate_state"):
        wrong += ["--set", f"schoolgate_state={tmp_path / 'state'}"]
    done = run_mitmdump(
        tmp_path,
        *("--listen-host", "127.0.0.1", "--listen-port", str(free_port()), "-s", ADDON),
        *(word.format(file=tmp_path / "a-file") for word in wrong),
    )
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    of_mitmproxy = ("Loading script", "proxy listening at", "Error logged during startup")
    (ours,) = [line for line in lines if not any(words in line for words in of_mitmproxy)]
    assert said in ours
