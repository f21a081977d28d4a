"""The real identity process, and what reports to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import free_port

SECRET = "a secret for the tests"


def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that nothing listens on, nor soon will by chance."""
    return free_port(socket.SOCK_DGRAM)


def policy_with(folder: Path, identity: dict[str, Any], **people: dict[str, Any]) -> Path:
    """The gate's test policy, nobody at a fixed address, with a second person, and `identity`."""
    policy = yaml.safe_load(POLICY.read_text())
    del policy["people"]["fern.example"]["addresses"]
    policy["people"]["willow.example"] = {"name": "Willow Example", "role": "governor"}
    for person, more in people.items():
        policy["people"][f"{person}.example"] |= more
    policy["identity"] = identity
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path


def radius(port: int, **more: Any) -> dict[str, Any]:
    """An identity by RADIUS, whose client `wifi` is on loopback."""
    clients = {"wifi": {"addresses": ["127.0.0.0/8"]}}
    return {
        "sources": ["radius"],
        "radius": {"listen": f"127.0.0.1:{port}", "clients": clients},
        **more,
    }


def keep_secret(state: Path, name: str, secret: str = SECRET) -> None:
    """Puts a secret where the admin's command would."""
    folder = state / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    (folder / name).write_text(secret + "\n")
    (folder / name).chmod(0o600)


class IdentityProcess:
    """`python -m addon.identity.service`, ready from `with` on and ended after it."""

    def __init__(self, state: Path, policy: Path, inside: Sequence[str] = ()) -> None:
        self._command = [
            *inside, sys.executable, "-P", "-m", "addon.identity.service",
            "--state", str(state), "--policy", str(policy),
        ]  # fmt: skip
        self._errors = state.with_name(f"{state.name}.identity")

    def __enter__(self) -> IdentityProcess:
        with self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self._errors.parent,
            )
        assert self.process.stdout
        said = self.process.stdout.readline()
        if said.strip() != "ready":
            self.__exit__()
            raise AssertionError(self.errors())
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()

    def errors(self) -> str:
        return self._errors.read_text()

    def said(self, what: str) -> None:
        """Returns once it has said something on standard error."""
        wait_until(lambda: what in self.errors())


def radclient(port: int, *facts: str, secret: str = SECRET, times: int = 1) -> bool:
    """FreeRADIUS's own client: whether its accounting packet was answered.

    It sends it again twice, as access points do, unless it should not be answered at all.
    """
    tries = "3" if secret == SECRET else "1"
    how = ("-r", tries, "-t", "2", "-c", str(times))
    if not shutil.which("radclient"):
        pytest.skip("needs radclient (Debian: freeradius-utils)")
    done = subprocess.run(
        ["radclient", *how, f"127.0.0.1:{port}", "acct", secret],
        input=",".join(facts),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


def session(status: str, user: str = "fern.example", number: int = 1, **more: str) -> list[str]:
    """The attributes of an accounting packet for 127.0.0.1."""
    facts = {
        "Acct-Status-Type": status,
        "User-Name": f'"{user}"',
        "Acct-Session-Id": f'"s{number}"',
        "Framed-IP-Address": "127.0.0.1",
        "NAS-IP-Address": "10.9.0.1",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return [f"{name}={value}" for name, value in facts.items()]
