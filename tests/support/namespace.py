"""A network namespace of the test's own, in which real names lead to loopback, or where it says.

Nothing in it can reach another machine: it has a loopback interface and, where a test joins two of
them, a cable to the other one. Its hosts file is the kernel tools' own way (ip-netns(8):
/etc/netns/NAME/hosts goes over /etc/hosts).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_PREFIX = "schoolgate-"


def missing(*programs: str) -> str | None:
    """Why a lab test cannot run here, or None: not root, or a program that is not installed."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace"
    for program in ("ip", *programs):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return f"needs {program}"
    return None if _allowed() else "needs the right to make network namespaces"


@cache
def _allowed() -> bool:
    """Whether one can be made: root in a container may not."""
    name = f"{_PREFIX}{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return made.returncode == 0


class Namespace:
    """Exists from `with` on, and everything started in it ends with it.

    `hosts` are names that lead to loopback, or names with the addresses that they lead to; other
    names are asked of `name_server`.
    """

    def __init__(
        self,
        hosts: Sequence[str] | Mapping[str, Sequence[str]] = (),
        name_server: str = "127.0.0.1",
    ) -> None:
        self.name = f"{_PREFIX}{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
        self._hosts = hosts if isinstance(hosts, Mapping) else dict.fromkeys(hosts, ("127.0.0.1",))
        self._folder = Path("/etc/netns") / self.name
        self._name_server = name_server
        self._processes: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Namespace:
        clear_dead()
        self._folder.mkdir(parents=True)
        (self._folder / "hosts").write_text("")
        self.lead({"localhost": ("127.0.0.1",), **self._hosts})
        (self._folder / "resolv.conf").write_text(
            f"nameserver {self._name_server}\noptions timeout:1 attempts:1\n"
        )
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up", check=True)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for process in reversed(self._processes):
                self.stop(process)
        finally:
            _remove(self.name)

    def lead(self, hosts: Mapping[str, Sequence[str]]) -> None:
        """Adds names with the addresses that they lead to."""
        with (self._folder / "hosts").open("a") as file:
            file.writelines(f"{where} {host}\n" for host, found in hosts.items() for where in found)

    def command(self, *command: str | Path) -> list[str]:
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command: str | Path, **how: Any) -> subprocess.CompletedProcess[Any]:
        """Runs to the end inside; output as text."""
        how = {"capture_output": True, "text": True, "timeout": 120, **how}
        return subprocess.run(self.command(*command), check=how.pop("check", False), **how)

    def start(self, *command: str | Path, **how: Any) -> subprocess.Popen[Any]:
        """Starts inside, until `stop` or the end."""
        how.setdefault("stdout", subprocess.DEVNULL)
        how.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(self.command(*command), start_new_session=True, **how)
        self._processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[Any]) -> int:
        """Asks it to end, waits, insists."""
        for stream in (process.stdout, process.stderr, process.stdin):
            if stream:
                stream.close()
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return process.wait(60)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait(60)

    def address(self, interface: str, *addresses: str) -> None:
        """Gives an interface addresses, such as `10.0.0.1/24` or `fd00::1/64`, usable at once."""
        for address in addresses:
            unchecked = ("nodad",) if ":" in address else ()
            self.run(
                "ip", "address", "add", address, "dev", interface, *unchecked, check=True
            )  # fmt: skip
        self.run("ip", "link", "set", interface, "up", check=True)

    def join(self, other: Namespace, here: str = "cable0", there: str = "cable0") -> None:
        """A cable between the two, with the name that it has in each."""
        far = ("peer", "name", there, "netns", other.name)
        self.run("ip", "link", "add", here, "type", "veth", *far, check=True)

    def wait_for(self, port: int, within: float = 20.0) -> None:
        """Returns once something inside listens on a TCP port."""
        listening = re.compile(rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 0A ", re.MULTILINE)
        end = time.monotonic() + within
        while time.monotonic() < end:
            if listening.search(self.run("cat", "/proc/net/tcp", "/proc/net/tcp6").stdout):
                return
            time.sleep(0.05)
        raise TimeoutError(f"nothing listens on port {port}")


def clear_dead() -> None:
    """Removes what a killed run left behind: namespaces of ours whose process is gone."""
    folder = Path("/etc/netns")
    for left in folder.glob(f"{_PREFIX}*") if folder.exists() else ():
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            _remove(left.name)


def _remove(name: str) -> None:
    """Ends what still runs in a namespace, and removes it and its folder."""
    inside = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for process in inside.stdout.split():
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(process), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
