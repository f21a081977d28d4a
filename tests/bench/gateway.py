"""The whole gateway beside no proxy, bare mitmdump, squid and e2guardian, in the same run.

A device loads a website through each contender in turn, round by round; the redirection to a
contender is put in place for its turn only. Between a device and an unrelated site stand, with
Schoolgate, HAProxy (`full`) or nothing but the kernel (`selective`); the others have to take all
of it themselves. `no proxy` does not even track connections, which costs more than any rule of
ours; `tracking` does no more than that. What is measured is in `measures`; how each is set up is in
`peers` and `ours`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import Row
from tests.bench.ours import FULL, SELECTIVE, schoolgates
from tests.bench.peers import NOTHING, PEERS, TRACKED, Gateway
from tests.bench.stage import ALLOWED, BLOCKED, UNRELATED, BenchError
from tests.bench.street import BULK, Street, memory, processor, why_not

__all__ = ["measure", "why_not"]

_CLIENTS = 20
_WARM_UP = 2.0  # seconds

_Load = Callable[[Street, Gateway, float], dict[str, Any]]


@dataclass(frozen=True)
class Measure:
    """One load, and the figures of it that make rows: key, unit, whether more is better."""

    name: str
    load: _Load
    figures: tuple[tuple[str, str, str, bool], ...]
    decided: bool  # whether it is about a restricted site
    targets: tuple[tuple[str, str, float], ...] = ()  # contender, yardstick, ratio


def _unrelated(address: str, *, clients: int = _CLIENTS, keep: bool = True) -> _Load:
    def load(street: Street, _: Gateway, seconds: float) -> dict[str, Any]:
        return street.load(address, clients=clients, seconds=seconds, keep=keep)

    return load


def _refused(street: Street, gateway: Gateway, seconds: float) -> dict[str, Any]:
    return street.load(
        f"http://{BLOCKED}/",
        clients=_CLIENTS,
        seconds=seconds,
        refused=gateway.refusal >= 400,
        cuts=gateway.cuts,
    )


def _refused_over_tls(street: Street, gateway: Gateway, seconds: float) -> dict[str, Any]:
    return street.connect(BLOCKED, clients=_CLIENTS, seconds=seconds, status=gateway.refusal)


def _one_client(street: Street, _: Gateway, seconds: float) -> dict[str, Any]:
    return street.connect(UNRELATED, clients=1, seconds=seconds, status=200)


_RATE = (("rate", "", "/s", True),)
_SELECTIVE = ((SELECTIVE, NOTHING, 0.95), (SELECTIVE, TRACKED, 0.95))
_LATENCY = (("p50_ms", ", median", "ms", False), ("p99_ms", ", 99 %", "ms", False))

MEASURES = (
    Measure(
        "unrelated, plain, requests",
        _unrelated(f"http://{UNRELATED}/"),
        _RATE,
        decided=False,
        targets=_SELECTIVE,
    ),
    Measure(
        "unrelated, TLS, requests",
        _unrelated(f"https://{UNRELATED}/"),
        _RATE,
        decided=False,
        targets=_SELECTIVE,
    ),
    Measure(
        "unrelated, new TLS connections",
        _unrelated(f"https://{UNRELATED}/", keep=False),
        _RATE,
        decided=False,
        targets=(*_SELECTIVE, (FULL, NOTHING, 0.8), (FULL, "squid", 1.0)),
    ),
    Measure(
        "unrelated, plain, bulk",
        _unrelated(f"http://{UNRELATED}{BULK}", clients=4),
        (("megabytes", "", "MB/s", True),),
        decided=False,
        targets=_SELECTIVE,
    ),
    Measure(
        "unrelated, TLS, bulk",
        _unrelated(f"https://{UNRELATED}{BULK}", clients=4),
        (("megabytes", "", "MB/s", True),),
        decided=False,
        targets=_SELECTIVE,
    ),
    Measure(
        "unrelated, new TLS connection, one client",
        _one_client,
        _LATENCY,
        decided=False,
    ),
    Measure("refused, plain, requests", _refused, _RATE, decided=True),
    Measure(
        "refused, new TLS connections",
        _refused_over_tls,
        _RATE,
        decided=True,
        targets=((FULL, "mitmdump", 0.9),),
    ),
    Measure(
        "allowed, new TLS connections",
        _unrelated(f"https://{ALLOWED}/", keep=False),
        _RATE,
        decided=True,
        targets=((FULL, "mitmdump", 0.85),),
    ),
    Measure(
        "allowed, TLS, requests",
        _unrelated(f"https://{ALLOWED}/"),
        _RATE,
        decided=True,
        targets=((FULL, "mitmdump", 0.85),),
    ),
)


def measure(
    rounds: int, seconds: float, workers: int, say: Callable[[str], None]
) -> tuple[list[Row], dict[str, str]]:
    """All rows, and every contender's settings. Raises BenchError.

    With more than one worker, only what can have several stands beside ours.
    """
    with tempfile.TemporaryDirectory() as folder, Street(Path(folder)) as street:
        contenders = [peer.start(street, workers) for peer in PEERS if peer.takes_part(workers)]
        contenders += schoolgates(street, workers)
        rows = {one: _rows(one) for one in MEASURES}
        for number in range(rounds + 1):  # the first one warms up, and does not count
            for one in MEASURES:
                say(f"round {number} of {rounds}: {one.name}")
                for contender in contenders:
                    if one.decided and not contender.decides:
                        continue
                    figures = _play(street, contender, one, seconds if number else _WARM_UP)
                    if number:
                        _note(rows[one], contender.name, figures)
        sizes = Row("memory", "MB")
        for contender in contenders:
            if contender.process:
                sizes.add(contender.name, memory(contender.process.pid))
        found = [row for one in MEASURES for _, row in rows[one]]
        return [*found, sizes], {contender.name: contender.show for contender in contenders}


def _rows(one: Measure) -> list[tuple[str, Row]]:
    """A row for each figure, and one for each further target over the same figures."""
    rows = []
    for key, suffix, unit, more in one.figures:
        (ours, yardstick, target), *others = one.targets or ((FULL, NOTHING, None),)
        row = Row(one.name + suffix, unit, yardstick, target, more, ours=ours)
        rows.append((key, row))
        for ours, yardstick, target in others:
            again = Row(f"  {ours} to {yardstick}", unit, yardstick, target, more, ours=ours)
            again.rounds, again.costs = row.rounds, row.costs
            rows.append(("", again))
    return rows


def _play(street: Street, contender: Gateway, one: Measure, seconds: float) -> dict[str, Any]:
    with _turn(street, contender):
        pid = contender.process.pid if contender.process else None
        before = processor(pid) if pid else 0.0
        figures = one.load(street, contender, seconds)
        took = processor(pid) - before if pid else None
    figures["rate"] = figures["requests"] / figures["seconds"]
    figures["megabytes"] = figures.get("bytes", 0) / figures["seconds"] / 1e6
    figures["cost"] = took * 1000 / max(1, figures["requests"]) if took is not None else None
    return figures


def _note(rows: list[tuple[str, Row]], contender: str, figures: dict[str, Any]) -> None:
    for key, row in rows:
        if key:
            row.add(contender, figures[key], figures["cost"])


@contextmanager
def _turn(street: Street, contender: Gateway) -> Iterator[None]:
    """The redirection to a contender, for as long as it is its turn."""
    if not contender.rules:
        yield
        return
    street.gateway.run("nft", "-f", "-", input=contender.rules, check=True)
    try:
        yield
    finally:
        taken = street.gateway.run("nft", "-f", "-", input=contender.rules_off)
        if taken.returncode:
            raise BenchError(f"nft could not take away the rules: {taken.stderr}")
