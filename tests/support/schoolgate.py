"""The real `schoolgate run`, as a process with children of its own."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.support.running_gate import POLICY, wait_until

COMMAND = Path(sys.executable).with_name("schoolgate")
"""The command as it is installed in this checkout's environment."""

READY_WITHIN = 90.0
"""Seconds; a loaded machine with two cores takes ten."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        """The process ids of the `proxy` and the `portal` that run now."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                facts = (folder / "stat").read_text().rpartition(")")[2].split()
                words = (folder / "cmdline").read_text().split("\0")
                if int(facts[1]) == self.process.pid and facts[0] != "Z":
                    if "addon.worker" in words:
                        found["proxy"] = int(folder.name)
                    elif "addon.portal.server" in words:
                        found["portal"] = int(folder.name)
        self._known |= set(found.values())  # to find them again when they have lost their parent
        return found

    def child(self, name: str, other_than: int = 0) -> int:
        """The process id of a child, once there is one, that is not the one before."""
        wait_until(lambda: self.children().get(name, other_than) != other_than, 30)
        return self.children()[name]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends a signal; gives back the seconds that it took everything to end."""
        children = self.children()
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        wait_until(lambda: not any(map(is_alive, children.values())), 30)
        return time.monotonic() - started

    def events(self) -> list[dict[str, Any]]:
        """The rows of the record as it is now, oldest first."""
        uri = f"{(self.state / 'record.sqlite3').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM events ORDER BY id")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
