"""The town, the real gate in front of it, and a real browser that somebody steers."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from storage.database import open_record_readonly
from storage.visit_keeping import visits_between
from storage.visits import Visit
from tests.lab.browsing.steered import Browser
from tests.support.namespace import Namespace
from tests.support.pace import promised
from tests.support.running_gate import POLICY
from tests.support.schoolgate import Schoolgate

ROOT = Path(__file__).parent.parent.parent.parent
NAMES = (
    "x.com",
    "api.x.com",
    "t.co",
    "pbs.twimg.com",
    "news.example",
    "game.example",
    "truth.example",
    "www.linkedin.com",
    "www.facebook.com",
)
PERSON = "fern.example"
QUIET = 0.15
"""Seconds without anything new after which a scene is over, on a machine that does nothing else."""


@dataclass
class Stage:
    """What a scenario plays on, and what is looked at afterwards."""

    folder: Path
    namespace: Namespace
    gate: Schoolgate
    trusted: dict[str, Path]
    log: Path
    start: Callable[..., Browser]
    running: Browser | None = None

    @property
    def browser(self) -> Browser:
        """The browser, which is started when it is first wanted."""
        if self.running is None:
            self.running = self._started(restore=False)
        return self.running

    def restart_browser(self) -> None:
        """Ends the browser and starts it again; it brings its tabs back."""
        self.browser.close()
        self.running = self._started(restore=True)

    def _started(self, restore: bool) -> Browser:
        folder, namespace = self.folder, self.namespace
        return self.start(folder, namespace, self.trusted, self.gate.listen, restore=restore)

    def close(self) -> None:
        """Ends the browser, if one runs."""
        if self.running is not None:
            self.running.close()
            self.running = None

    def curl(self, *options: str | Path) -> None:
        self.namespace.run(
            *("curl", "--silent", "--insecure", "--max-time", "20", "--proxy", self.gate.proxy),
            *options,
        )

    def counts(self) -> Counter[str]:
        """Requests on record by kind, those with a row and those only counted."""
        rows = self.ask("SELECT kind, sum(number) FROM counts WHERE span = 1 GROUP BY kind")
        return Counter({str(kind): int(number) for kind, number in rows})

    def events(self) -> list[tuple[Any, ...]]:
        """The rows: id, kind, allowed, what was done, whether it stands as an act."""
        return self.ask(
            "SELECT id, kind, allowed, action,"
            " EXISTS (SELECT 1 FROM acts WHERE acts.id = events.id) FROM events ORDER BY id"
        )

    def visits(self, since: datetime) -> tuple[Visit, ...]:
        """The visits on record that began after a moment."""
        database = open_record_readonly(self.gate.state)
        until = datetime.now(UTC) + timedelta(minutes=1)
        found = visits_between(database, PERSON, since, until)
        database.dispose()
        return found

    def told(self) -> list[dict[str, str]]:
        """What the pages' own scripts told, in order."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        uri = f"{(self.gate.state / 'record.sqlite3').as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            return database.execute(query).fetchall()

    def wait_until_quiet(self) -> None:
        """Returns when nothing new has come on record or been told for a while."""
        before, since, quiet = self._state(), time.monotonic(), promised(QUIET)
        while time.monotonic() - since < quiet:
            time.sleep(0.05)
            if (now := self._state()) != before:
                before, since = now, time.monotonic()

    def _state(self) -> tuple[object, ...]:
        return (sum(self.counts().values()), self.log.stat().st_size)


@contextmanager
def stage(folder: Path, start: Callable[..., Browser]) -> Iterator[Stage]:
    """Everything with a browser of the kind that `start` starts, until the end of the `with`."""
    public = trustme.CA(organization_name="The public web")
    authority, certificate = folder / "public.pem", folder / "town.pem"
    public.cert_pem.write_to_path(str(authority))
    public.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    log = folder / "truth.jsonl"
    log.touch()
    with (
        Namespace(NAMES) as namespace,
        (folder / "town.errors").open("w") as errors,
    ):
        namespace.start(
            *(sys.executable, "-m", "tests.lab.browsing.town"),
            *("--cert", certificate, "--log", log),
            cwd=ROOT,
            stderr=errors,
        )
        namespace.wait_for(443)
        with Schoolgate(
            *(folder / "state", "--upstream-ca", authority),
            policy=POLICY,
            listen="127.0.0.1:8080",
            portal="127.0.0.1:8081",
            inside=namespace.command(),
        ) as gate:
            school = gate.state / "authority" / "schoolgate-ca.crt"
            trusted = {"school": school, "web": authority}
            with closing(Stage(folder, namespace, gate, trusted, log, start)) as stage_:
                yield stage_
