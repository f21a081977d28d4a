"""How fast the rules decide, beside squidGuard on the same list and the same requests.

Ours is measured twice: called in a process, as the gate does, and line by line through a pipe,
which is the only way to ask squidGuard. All rates are of the answering process's own processor
time, so that other programs disturb them little, and rounds are interleaved (see `figures`).

What squidGuard is asked is less: whether a host is on a list (see `redirectors`). Ours says for
whom, which part, at what hours and why.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench import material
from tests.bench.figures import OURS, Row
from tests.bench.redirectors import (
    Redirector,
    addresses,
    lines,
    prepare_squidguard,
    squidguard,
)
from tests.bench.stage import ROOT, BenchError

__all__ = ["CONTENDERS", "SQUIDGUARD", "measure", "squidguard"]

SQUIDGUARD = "squidGuard"
CONTENDERS = (OURS, SQUIDGUARD)
_WHAT = {
    "unrelated": "unrelated hosts",
    "listed": "hosts on the list",
    "purposes": "networks with purposes",
    "mix": "even mix",
}
_EXPLAINED = 6_000  # lines to `explain -` in a round: each answer is a page of JSON


class _Worker:
    """Our own process that loads and decides (see `rules_worker`)."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.rules_worker", folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.loaded = self._answer()

    def ask(self, what: str, kind: str) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(f"{what} {kind}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("The process that decides stopped; see above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(
    rounds: int, settings: material.Settings, say: Callable[[str], None]
) -> tuple[list[Row], dict[str, Any]]:
    """All rows, and what was loaded. Raises BenchError if answers are not as they should be."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        say("making the list, the policy and the requests")
        material.make(folder, settings)
        load = Row("loading, processor time", "s", SQUIDGUARD, more_is_better=False)
        memory = Row("memory at most", "MB", SQUIDGUARD, more_is_better=False)
        say("loading")
        worker = _Worker(folder)
        stack.callback(worker.close)
        load.add(OURS, worker.loaded["seconds"])
        memory.add(OURS, worker.loaded["peak"])
        resting = Row("memory at rest", "MB")
        resting.add(OURS, worker.loaded["resting"])

        first = lines(material.read(folder, "listed")[:1])
        python = [sys.executable, "-m"]
        piped = stack.enter_context(
            Redirector([*python, "tests.bench.rules_worker", folder, "--pipe"], first)
        )
        explain = stack.enter_context(
            Redirector(
                [
                    *[*python, "scripts.cli", "explain", "-", "--policy", folder / "policy.yaml"],
                    *["--state", folder],  # where the list is
                    *["--as", "person.2", "--at", "2026-11-23 10:00"],
                ],
                addresses(material.read(folder, "listed")[:1]),
            )
        )
        theirs = None
        compiling = Row("compiling the list, processor time", "s")
        if program := squidguard():
            say("squidGuard compiles the list")
            configuration, took = prepare_squidguard(program, folder)
            compiling.add(SQUIDGUARD, took)
            theirs = stack.enter_context(Redirector([program, "-c", configuration], first))
            load.add(SQUIDGUARD, took + theirs.start)
        rows = _play(rounds, folder, worker, piped, explain, theirs, say)
        if theirs:
            memory.add(SQUIDGUARD, theirs.memory)
        return [load, compiling, memory, resting, *rows], worker.loaded


def _play(
    rounds: int,
    folder: Path,
    worker: _Worker,
    piped: Redirector,
    explain: Redirector,
    theirs: Redirector | None,
    say: Callable[[str], None],
) -> list[Row]:
    names = (("look-up", "site look-ups"), ("decide", "decisions"), ("pipe", "piped decisions"))
    rows = {
        (how, kind): Row(f"{name}: {what}", "/s", SQUIDGUARD)
        for how, name in names
        for kind, what in _WHAT.items()
    }
    missed: dict[str, int] = {}
    explained = Row("explain -: even mix", "lines/s", SQUIDGUARD)
    for number in range(rounds):
        for kind in _WHAT:
            say(f"round {number + 1} of {rounds}: {_WHAT[kind]}")
            requests = material.read(folder, kind)
            looked_up, decided = worker.ask("look-up", kind), worker.ask("decide", kind)
            asked = lines(requests)
            rate, answers = piped.rate(asked)
            rows["look-up", kind].add(OURS, looked_up["rate"])
            rows["decide", kind].add(OURS, decided["rate"])
            rows["pipe", kind].add(OURS, rate)
            if theirs:
                rate, their_answers = theirs.rate(asked)
                for how, _ in names:
                    rows[how, kind].add(SQUIDGUARD, rate)
                missed.setdefault(kind, _missed(kind, answers, their_answers))
            if kind == "mix":
                explained.add(OURS, explain.rate(addresses(requests[:_EXPLAINED]))[0])
                if theirs:
                    explained.add(SQUIDGUARD, rate)
    unseen = Row("listed hosts that went unseen", "requests")
    if theirs:
        unseen.add(OURS, 0)
        unseen.add(SQUIDGUARD, missed["listed"])
    return [*rows.values(), explained, unseen]


def _missed(kind: str, ours: list[bytes], theirs: list[bytes]) -> int:
    """How many refusals squidGuard missed. For the rest both must agree.

    It does not know what a purpose opens, so only those are looked at that no purpose is for. Of a
    long list it misses a few names that have nearly the same spelling as others.
    """
    missed = 0
    for our, their in zip(ours, theirs, strict=True):
        refused, they_refused = our.startswith(b"OK"), their.startswith(b"OK")
        missed += refused and not they_refused
        if they_refused and not refused and kind in ("unrelated", "listed"):
            raise BenchError(f"Of {kind}, squidGuard refused what we let by.")
    if missed > len(ours) / 1000:
        raise BenchError(f"Of {kind}, squidGuard let {missed} by that we refused.")
    return missed
