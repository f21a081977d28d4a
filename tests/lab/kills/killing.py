"""The gate under load, and the kills: seeded moments, seeded victims, nobody warned."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from tests.lab.scene import NAMES, ROOT, Web
from tests.support.namespace import Namespace
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import Schoolgate

THE_FAMILY: Final = 0.25
"""How many of the kills take all processes at once, as a power cut would."""

IN_THE_START: Final = 0.1
"""How many come at once after the one before, while what was killed is starting again."""

LOAD: Final = 80
"""How many requests at most come through between a kill made good and the next kill."""

_A_REQUEST: Final = 215  # bytes in the origin's log, or nearly so


@dataclass(slots=True)
class Scene:
    """A gate in a namespace, with a web to reach and clients that ask."""

    namespace: Namespace
    web: Web
    gate: Schoolgate
    clients_log: Path
    clients: Popen[Any] = field(init=False)
    kills: dict[str, int] = field(default_factory=dict)
    back: list[float] = field(default_factory=list)  # seconds until a kill was made good

    def heard(self) -> list[dict[str, Any]]:
        """What the clients have heard so far, in order."""
        whole, _, _ = self.clients_log.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def stop(self) -> None:
        """The clients first, then the gate, which writes out what waits."""
        if self.gate.process.poll() is None:
            self.namespace.stop(self.clients)
            self.gate.stop()

    def kill(self, dice: random.Random, load: int = LOAD) -> None:
        """One of them, or all; returns once what was killed answers again, as a rule, and up to
        `load` further requests have come through.
        """
        killed = time.monotonic()
        if dice.random() < THE_FAMILY:
            self._count("all processes")
            self._kill_all()
            self.gate.__enter__()
        else:
            workers = {
                name: pid for name, pid in self.gate.children().items() if name.startswith("proxy")
            }
            if not workers:
                return  # all are on their way back
            name = dice.choice(sorted(workers))
            number = name.removeprefix("proxy")
            returned = f"The proxy{' worker ' if number else ''}{number} is back."
            before = self.gate.errors().count(returned)
            with suppress(ProcessLookupError):
                os.kill(workers[name], signal.SIGKILL)
            self._count("one worker")
            if dice.random() < IN_THE_START:
                time.sleep(dice.uniform(0, 1.5))
                return
            wait_until(lambda: self.gate.errors().count(returned) > before, 90)
        self.back.append(time.monotonic() - killed)
        enough = self.web.written() + dice.uniform(0, load * _A_REQUEST)
        with suppress(AssertionError):
            wait_until(lambda: self.web.written() > enough, 20)

    def _count(self, what: str) -> None:
        self.kills[what] = self.kills.get(what, 0) + 1

    def _kill_all(self) -> None:
        pids = [self.gate.process.pid, *self.gate.children().values()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gate.process.wait()
        for pid in pids[1:]:
            wait_until(lambda pid=pid: not Path("/proc", str(pid)).exists(), 30)


@contextmanager
def under_load(
    folder: Path, workers: int, clients: int, seed: int, *options: str
) -> Iterator[Scene]:
    """A gate in regular mode, with further options of `run`, and clients that ask; both until the
    end of the `with`.
    """
    with Namespace(NAMES) as namespace:
        web = Web(folder)
        web.start(namespace)
        with Schoolgate(
            *(folder / "state", "--upstream-ca", web.authority, "--workers", str(workers)),
            *options,
            policy=POLICY,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:
            (folder / "clients.jsonl").touch()
            scene = Scene(namespace, web, gate, folder / "clients.jsonl")
            school = gate.state / "authority" / "schoolgate-ca.crt"
            both = folder / "both-authorities.pem"
            both.write_text(web.authority.read_text() + school.read_text())
            process = namespace.start(
                *(sys.executable, "-m", "tests.lab.kills.clients", "--proxy", gate.listen),
                *("--trust", both, "--log", scene.clients_log),
                *("--clients", str(clients), "--seed", str(seed)),
                cwd=ROOT,
            )
            scene.clients = process
            try:
                yield scene
                scene.stop()
            finally:
                namespace.stop(process)
