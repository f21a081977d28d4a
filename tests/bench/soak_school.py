"""The gateway that soaks, and what is changed in it meanwhile."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from addon.gateway.nftables import TABLE_FILE
from addon.status import read_all
from tests.bench.soak_street import GRANTED, TEACHERS, write_policy
from tests.bench.stage import ROOT, BenchError
from tests.bench.street import Street
from tests.support.schoolgate import COMMAND

WORKERS = 2
_EFFECT_WITHIN = 5.0  # seconds, for a change of the policy
_WANTED = ("portal: ready", "Schoolgate is ready", "The policy was read again and is in force.")
_PORTAL = "10.77.0.1:8081"


class School:
    """The gateway that runs, and what is changed in it meanwhile."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.policy, self.state = street.folder / "policy.yaml", street.folder / "state"
        self.log = street.folder / "schoolgate.log"
        self.edition = 0
        write_policy(self.policy, self.edition)
        with self.log.open("wb") as log:
            self.process = street.gateway.start(
                *[COMMAND, "run", "--mode", "gateway", "--workers", str(WORKERS)],
                *["--state", self.state, "--policy", self.policy, "--portal", _PORTAL],
                *["--upstream-ca", street.public_authority],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            for port in (8443, 8080, *(18080 + number for number in range(WORKERS))):
                street.gateway.wait_for(port, within=60)
        except TimeoutError as error:
            raise BenchError(f"Schoolgate did not start: {self.log.read_text()}") from error
        street.gateway.run("nft", "-f", "-", input=self._rules(), check=True)

    def _rules(self) -> str:
        folder = self.street.folder / "rendered"
        self._command(
            *["gateway", "render", str(folder), "--mode", "full", "--lan", "lan0"],
            *["--wan", "wan0", "--portal", _PORTAL, "--dns", "198.51.100.2"],
            *["--policy", str(self.policy), "--state", str(self.state)],
        )
        return (folder / TABLE_FILE).read_text()

    def _command(self, *words: str) -> None:
        done = self.street.gateway.run(COMMAND, *words, cwd=ROOT)
        if done.returncode:
            raise BenchError(f"schoolgate {words[0]} {words[1]}: {done.stderr or done.stdout}")

    def digests(self) -> set[str]:
        """The policies in force, of all workers."""
        return {one.status.policy for one in read_all(self.state, datetime.now(UTC)) if one.status}

    def reload(self) -> str | None:
        """Changes the policy; what is wrong, if it is not in force everywhere within seconds."""
        before = self.digests()
        self.edition += 1
        write_policy(self.policy, self.edition)
        end = time.monotonic() + _EFFECT_WITHIN
        while time.monotonic() < end:
            here = self.digests()
            if len(here) == 1 and not here & before:
                return None
            time.sleep(0.2)
        return f"edition {self.edition} of the policy was not in force within {_EFFECT_WITHIN:g} s"

    def grant(self) -> str | None:
        return self._access(200, "grant", "--purpose", "lesson", "--for", "5m")

    def revoke(self) -> str | None:
        return self._access(403, "revoke")

    def _access(self, wanted: int, verb: str, *words: str) -> str | None:
        turn = self.edition % len(TEACHERS)  # each may have only so many grants a day
        words = (f"teacher{turn}", "instagram", *words)
        where = ["--state", str(self.state), "--policy", str(self.policy), "--by", "office0"]
        self._command("access", verb, *words, *where)
        time.sleep(1.5)
        asked = self.street.device.run(
            *["curl", "-so", "/dev/null", "-w", "%{http_code}", "--interface", TEACHERS[turn]],
            *[
                "--cacert",
                self.authority,
                "-m",
                "20",
                f"https://{GRANTED}/soak/{verb}/{int(time.time())}",
            ],
        )
        if asked.stdout != str(wanted):
            return f"after a {verb} {GRANTED} answered {asked.stdout}, not {wanted}"
        return None

    @property
    def authority(self) -> Path:
        return self.state / "authority" / "schoolgate-ca.crt"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        uri = f"{(self.state / 'record.sqlite3').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=30)) as database:
            return list(database.execute(query, values))

    def clients(self, run: str, seconds: float, rate: float = 0.0) -> subprocess.Popen[Any]:
        with (self.street.folder / f"clients-{run}.log").open("wb") as log:
            return self.street.device.start(
                *[sys.executable, "-m", "tests.bench.soak_clients", "--run", run],
                *["--public", self.street.public_authority, "--school", self.authority],
                *["--seconds", str(seconds), "--rate", str(rate)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def figures(self, run: str) -> dict[str, Any]:
        """What the clients said at their end. Raises BenchError if they said nothing."""
        text = (self.street.folder / f"clients-{run}.log").read_text()
        _, found, line = text.rpartition("FIGURES ")
        if not found:
            raise BenchError(f"The devices stopped before their end: {text[-2000:]}")
        figures: dict[str, Any] = json.loads(line)
        return figures

    def words(self) -> list[str]:
        """Whatever it said but that it is ready and goes by the new policy."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if not line.startswith(_WANTED)]
