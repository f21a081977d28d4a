"""The record is taken away from under several workers; what is closed stays closed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import FILE_NAME
from tests.lab.scene import Web
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, Schoolgate

_WHY_NOT = missing("curl", "haproxy")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

CLIENTS = [f"127.0.1.{number}" for number in range(1, 9)]


def test_two_workers_begin_one_record_and_say_so_once(folder: Path) -> None:
    state, policy = folder / "state", folder / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("[127.0.0.1]", f"[{', '.join(CLIENTS)}]"))

    def access(*words: str) -> str:
        at = ("--state", state, "--policy", policy)
        return subprocess.run(
            [COMMAND, "access", *words, *at], capture_output=True, text=True, check=True
        ).stdout

    with Namespace(["x.com", "unrelated.example"]) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(state, "--upstream-ca", web.authority, "--workers", "2"),
            policy=policy,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:

            def answers() -> set[str]:
                """Of both workers: HAProxy shares clients out by their addresses."""
                return {
                    str(
                        namespace.run(
                            *("curl", "--silent", "--output", "/dev/null", "--max-time", "20"),
                            *("--write-out", "%{http_code}", "--interface", client),
                            *("--proxy", gate.proxy, "http://unrelated.example/"),
                        ).stdout
                    )
                    for client in CLIENTS
                }

            wait_until(lambda: answers() == {"200"}, 30)
            access("withdraw", "fern.example", "--by", "fern.example", "--reason", "a test")
            wait_until(lambda: answers() == {"403"}, 30)
            before = [gate.child("proxy0"), gate.child("proxy1")]
            for path in state.glob(f"{FILE_NAME}*"):
                path.unlink()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            for number, pid in enumerate(before):
                gate.child(f"proxy{number}", other_than=pid)
            wait_until(lambda: gate.errors().count(" is back.") >= 2, 60)
            wait_until(lambda: answers() == {"403"}, 30)
            assert gate.errors().count("The record was missing on") == 1
            assert "by schoolgate: Carried over on" in access("list")
            with closing(sqlite3.connect(state / FILE_NAME)) as file:
                notes = file.execute("SELECT facts FROM seals WHERE what = 'note'").fetchall()
            assert [json.loads(text)["how"] for (text,) in notes] == ["missing"]
            assert len(list(state.glob("record.missing-*.txt"))) == 1
            access("restore", "fern.example", "--by", "fern.example")
            wait_until(lambda: answers() == {"200"}, 30)
