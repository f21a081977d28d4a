"""The lab with our own rules on its gateway, and a HAProxy that takes what they redirect.

HAProxy here only joins each connection to where it was going: these tests are about what reaches
it. A server sees who connected, a client itself or the gateway for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.lab.internet import Lab, lab, lab_missing
from tests.support.running_gate import POLICY
from tests.support.schoolgate import COMMAND

WHY_NOT = lab_missing("haproxy", "curl")
SIDES = ("--lan", "lan0", "--wan", "wan0")

_JOINS = """
defaults
    mode tcp
    timeout connect 3s
    timeout client 30s
    timeout server 30s
frontend redirected
{binds}
    default_backend onward
backend onward
    option transparent
"""
_PORTS = (8443, 8080, 8453, 8090)


class Box:
    """A lab and the `schoolgate gateway` command on its gateway."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.state = folder / "state"
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY.read_text())
        self._settings = folder / "haproxy.cfg"
        self.haproxy: subprocess.Popen[Any] | None = None

    def start_haproxy(self, *addresses: str) -> None:
        """Returns once it listens on all ports: of both families, or on the addresses given."""
        self._settings.write_text(_JOINS.format(binds=_binds(addresses or ("0.0.0.0", "::"))))
        self.haproxy = self.lab.gateway.start("haproxy", "-db", "-f", self._settings)
        for port in _PORTS:
            self.lab.gateway.wait_for(port)

    def stop_haproxy(self) -> None:
        """Nobody takes what is redirected any more."""
        assert self.haproxy
        self.lab.gateway.stop(self.haproxy)

    def run(self, verb: str, *options: str | Path, **how: Any) -> subprocess.CompletedProcess[Any]:
        """`schoolgate gateway VERB`, to the end."""
        return self.lab.gateway.run(*self.command(verb, *options), **how)

    def command(self, verb: str, *options: str | Path) -> list[str]:
        with_policy = ("--policy", str(self.policy)) if verb not in ("confirm", "remove") else ()
        rest = ("--state", str(self.state), *with_policy, *map(str, options))
        return [str(COMMAND), "gateway", verb, *rest]

    def apply(self, *options: str | Path) -> None:
        """Puts it in force for good."""
        done = self.run("apply", "--yes-i-checked", *options)
        assert done.returncode == 0, done.stderr

    def rules(self) -> str:
        """All rules in the gateway's kernel, as nft lists them."""
        return str(self.lab.gateway.run("nft", "list", "ruleset").stdout)

    def remembered(self) -> str:
        """The addresses that came into the sets by themselves."""
        listed = [
            self.lab.gateway.run("nft", "list", "set", "inet", "schoolgate", name).stdout
            for name in ("restricted4", "restricted6")
        ]
        return "".join(listed)

    def lose_power(self) -> None:
        """Everything of ours in the kernel and among the processes is gone; files stay."""
        self.lab.gateway.run("nft", "flush", "ruleset", check=True)
        self.lab.gateway.run("ip", "-6", "rule", "delete", "pref", "18443")
        self.lab.gateway.run("ip", "-6", "route", "flush", "table", "18443")
        inside = self.lab.gateway.run("ip", "netns", "pids", self.lab.gateway.name).stdout
        for pid in inside.split():
            with suppress(OSError):
                words = Path("/proc", pid, "cmdline").read_bytes()
                if str(self.state).encode() in words:
                    os.kill(int(pid), signal.SIGKILL)

    def wipe(self) -> None:
        """Nothing of ours is left, without `remove`."""
        self.lose_power()
        shutil.rmtree(self.state / "gateway", ignore_errors=True)


def _binds(addresses: Iterable[str]) -> str:
    return "\n".join(
        f"    bind {address}:{port} {'v6only transparent' if address == '::' else ''}"
        for address in addresses
        for port in _PORTS
    )


def sender(box: Box, client: int, address: str, scheme: str = "https") -> str:
    """Whom a server at an address saw: the client itself, or the gateway for it."""
    port = {"http": 80, "https": 443}[scheme]
    host = f"[{address}]" if ":" in address else address
    name = "www.unrelated.example"
    answer = box.lab.clients[client].curl(
        *("--cacert", box.lab.internet.authority, "--connect-to", f"{name}:{port}:{host}:{port}"),
        f"{scheme}://{name}/",
    )
    assert answer.stdout == f"origin {name} /\n", answer.stderr
    return str(box.lab.internet.requests()[-1]["sender"])


@contextmanager
def gateway_box(folder: Path, clients: int = 1) -> Iterator[Box]:
    """The lab with HAProxy on its gateway, and nothing in force yet."""
    with lab(folder, clients) as net:
        box = Box(net, folder)
        box.start_haproxy()
        yield box
