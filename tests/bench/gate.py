"""How fast the gate is, beside bare mitmdump and no proxy at all, in the same run.

Plain HTTP is loaded by wrk with 20 connections; TLS by clients of our own through CONNECT (see
`tls_clients`). Rounds are interleaved, contender by contender, and the ratio is taken round by
round (see `figures`). What the contenders are is in `stage`.

Bare mitmdump decides nothing, records nothing and buffers whole bodies; an addon as small as can
be blocks for it. So a ratio near one says that judging, the block page and the record cost next to
nothing beside the proxying itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import OURS, Row
from tests.bench.stage import ALLOWED, BLOCKED, UNRELATED, Stage, why_not

__all__ = ["CONTENDERS", "measure", "why_not"]

CONTENDERS = ("no proxy", "mitmdump", OURS)
_CLIENTS = 20
_MANY = 32  # that wait for the record together
_MEMORY_STEP = 10_000  # requests between two looks at the memory
_SETTLED = 20_000  # requests after which the record has outgrown SQLite's cache of 4 MB

_Load = Callable[[Stage, str | None, float], dict[str, Any]]


@dataclass(frozen=True)
class _Match:
    """A load, which mitmdump meets it, whether it makes sense without a proxy, and its rows."""

    load: _Load
    mitmdump: str
    without: bool
    rows: tuple[tuple[str, Row], ...]


def _rate(name: str, unit: str, target: float | None) -> tuple[tuple[str, Row], ...]:
    return (("rate", Row(name, unit, "mitmdump", target)),)


def _latency(clients: str) -> tuple[tuple[str, Row], ...]:
    name = f"allowed and on record, {clients}"
    return (
        ("p50_ms", Row(f"{name}: median", "ms", "mitmdump", None, False)),
        ("p99_ms", Row(f"{name}: 99 %", "ms", "mitmdump", None, False)),
    )


def _matches() -> list[_Match]:
    return [
        _Match(
            lambda stage, proxy, seconds: stage.plain(proxy, BLOCKED, _CLIENTS, seconds),
            "blocking",
            False,
            _rate("blocked", "requests/s", 0.9),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.tls(proxy, BLOCKED, _CLIENTS, seconds, keep=True),
            "blocking",
            False,
            _rate("blocked, TLS kept open", "requests/s", 0.9),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.tls(proxy, BLOCKED, _CLIENTS, seconds, keep=False),
            "blocking",
            False,
            _rate("blocked, new TLS each", "connections/s", 0.9),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.plain(proxy, ALLOWED, _CLIENTS, seconds),
            "bare",
            True,
            _rate("allowed and on record", "requests/s", 0.85),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.plain(proxy, ALLOWED, 1, seconds),
            "bare",
            True,
            _latency("one client"),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.plain(proxy, ALLOWED, _MANY, seconds),
            "bare",
            True,
            _latency(f"{_MANY} clients"),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.tls(
                proxy, UNRELATED, _CLIENTS, seconds, keep=False
            ),
            "passing",
            True,
            _rate("passed through, new TLS each", "connections/s", 0.95),
        ),
        _Match(
            lambda stage, proxy, seconds: stage.plain(proxy, UNRELATED, _CLIENTS, seconds),
            "bare",
            True,
            _rate("unrelated", "requests/s", None),
        ),
    ]


def measure(
    rounds: int, seconds: float, memory_requests: int, say: Callable[[str], None]
) -> list[Row]:
    """All rows. A round loads each contender for `seconds` on each row. Raises BenchError."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        matches = _matches()
        for match in matches:  # caches, certificates and branch tables fill before anything counts
            for proxy in (match.mitmdump, "schoolgate"):
                match.load(stage, proxy, 1.0)
        for number in range(rounds):
            for match in matches:
                say(f"round {number + 1} of {rounds}: {match.rows[0][1].name}")
                _play(stage, match, seconds)
        rows = [row for match in matches for _, row in match.rows]
        return [*rows, *_memory(stage, memory_requests, say)]


def _play(stage: Stage, match: _Match, seconds: float) -> None:
    proxies = {"no proxy": None} if match.without else {}
    for contender, proxy in {**proxies, "mitmdump": match.mitmdump, OURS: "schoolgate"}.items():
        before = stage.processor(proxy) if proxy else 0.0
        figures = match.load(stage, proxy, seconds)
        figures["rate"] = figures["requests"] / figures["seconds"]
        took = stage.processor(proxy) - before if proxy else None
        cost = took * 1000 / figures["requests"] if took is not None else None
        for key, row in match.rows:
            row.add(contender, figures[key], cost)


def _memory(stage: Stage, requests: int, say: Callable[[str], None]) -> list[Row]:
    """The worker's memory as it answers `requests` more, refused and allowed by turns.

    Until the database's cache of pages is full, it grows by as much as the record does; what counts
    is whether it grows after that.
    """
    if not requests:
        return []
    sizes: list[tuple[int, float]] = []
    done = 0
    while done < requests:
        for host in (BLOCKED, ALLOWED):
            done += int(stage.plain("schoolgate", host, _CLIENTS, 2.0)["requests"])
        if done >= _MEMORY_STEP * (len(sizes) + 1) or done >= requests:
            sizes.append((done, stage.memory("schoolgate")))
            say(f"memory after {done:,} requests: {sizes[-1][1]:.1f} MB")
    start = next((size for size in sizes if size[0] >= min(_SETTLED, requests)), sizes[-1])
    name = f"memory after {done:,} requests, and after {start[0]:,}"
    growth = Row(name, "MB", "before", 1.1, more_is_better=False)
    growth.add("before", start[1])
    growth.add(OURS, sizes[-1][1])
    return [growth]
