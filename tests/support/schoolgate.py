"""The real `schoolgate run`, as a process with children of its own."""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.events import first_id
from tests.support.running_gate import POLICY, wait_until

COMMAND = Path(sys.executable).with_name("schoolgate")
"""The command as it is installed in this checkout's environment."""

READY_WITHIN = 90.0
"""Seconds; a loaded machine with two cores takes ten."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A TCP or UDP port of 127.0.0.1 that nothing listens on, nor soon will by chance.

    Those that the kernel gives to outgoing connections could be taken again before they are used.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, first)
        with closing(socket.socket(socket.AF_INET, kind)) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def moment() -> int:
    """The lowest id that an event from now on can have."""
    return first_id(datetime.now(UTC))


class Schoolgate:
    """`schoolgate run`, ready from `with` on; what is left of it ends with the `with`.

    `inside` stands before the command, such as `ip netns exec NAME`. What it says goes to two
    files beside the state folder.
    """

    def __init__(
        self,
        state: Path,
        *options: str | Path,
        policy: Path = POLICY,
        listen: str = "",
        portal: str = "",
        inside: Sequence[str] = (),
    ) -> None:
        self.state = state
        self.listen = listen or f"127.0.0.1:{free_port()}"
        self.portal = portal or f"127.0.0.1:{free_port()}"
        self._command = [
            *inside, str(COMMAND), "run", "--state", str(state), "--policy", str(policy),
            "--listen", self.listen, "--portal", self.portal, *map(str, options),
        ]  # fmt: skip
        self._out = state.with_name(f"{state.name}.out")
        self._errors = state.with_name(f"{state.name}.errors")
        self._known: set[int] = set()

    def __enter__(self) -> Schoolgate:
        with self._out.open("w") as out, self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                cwd=self.state.parent,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self.process.poll() is not None or self.said_ready(), READY_WITHIN)
            assert self.process.poll() is None, self.errors()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.children()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for child in self._known:
            if is_alive(child):
                os.kill(child, signal.SIGKILL)

    @property
    def proxy(self) -> str:
        return f"http://{self.listen}"

    def said_ready(self) -> bool:
        return any(line.startswith("Schoolgate is ready") for line in self.output().splitlines())

    def output(self) -> str:
        return self._out.read_text()

    def errors(self) -> str:
        return self._errors.read_text()

    def children(self) -> dict[str, int]:
        """The process ids that run now, of the `proxy` (`proxy0`, `proxy1` and so on where there
        are several), the `portal`, and behind a front `haproxy` and its `keeper`.
        """
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                facts = (folder / "stat").read_text().rpartition(")")[2].split()
                words = (folder / "cmdline").read_text().split("\0")
                if int(facts[1]) == self.process.pid and facts[0] != "Z":
                    if "addon.worker" in words:
                        number = words[words.index("--number") + 1] if "--number" in words else ""
                        found[f"proxy{number}"] = int(folder.name)
                    elif "addon.gateway.keeper" in words:
                        found["keeper"] = int(folder.name)
                    elif words[0].endswith("haproxy"):
                        found["haproxy"] = int(folder.name)
                    elif "addon.forwarding.service" in words:
                        found["forwarding"] = int(folder.name)
                    elif "addon.portal.server" in words:
                        found["portal"] = int(folder.name)
        self._known |= set(found.values())  # to find them again when they have lost their parent
        return found

    def child(self, name: str, other_than: int = 0) -> int:
        """The process id of a child, once there is one, that is not the one before."""
        wait_until(lambda: self.children().get(name, other_than) != other_than, 90)
        return self.children()[name]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends a signal; gives back the seconds that it took everything to end."""
        children = self.children()
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(90)
        wait_until(lambda: not any(map(is_alive, children.values())), 90)
        return time.monotonic() - started

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """The rows of the record as it is now, oldest first, from an id (see `moment`) on."""
        uri = f"{(self.state / 'record.sqlite3').as_uri()}?mode=ro"
        query = "SELECT * FROM events WHERE id >= ? ORDER BY id"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, (since,))]

    def event(self, since: int, **facts: Any) -> dict[str, Any]:
        """The newest row since a moment with these facts, once there is one.

        A refusal does not wait for its row, so rows of what came before may come yet: to count them
        before and after would tell of those.
        """

        def found() -> list[dict[str, Any]]:
            rows = self.events(since)
            return [row for row in rows if all(row[name] == fact for name, fact in facts.items())]

        wait_until(found)
        return found()[-1]

    def counted(self) -> Counter[tuple[str, str, int]]:
        """Requests on record by site, kind and verdict, those without a row of their own too."""
        uri = f"{(self.state / 'record.sqlite3').as_uri()}?mode=ro"
        query = (
            "SELECT site, kind, allowed, sum(number) FROM counts WHERE span = 1 GROUP BY 1, 2, 3"
        )
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            return Counter({(site, kind, ok): n for site, kind, ok, n in database.execute(query)})


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
