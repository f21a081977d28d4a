"""`./scripts/bench [gate|gateway|record|rules|all|soak]`: measures, prints a table.

`--json FILE` writes the figures too.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from storage.database import RecordError
from tests.bench import gate as gate_bench
from tests.bench import gateway as gateway_bench
from tests.bench import record as record_bench
from tests.bench import rules as rules_bench
from tests.bench import soak as soak_bench
from tests.bench import soak_table
from tests.bench.figures import Row, show
from tests.bench.material import Settings
from tests.bench.stage import BenchError
from tests.support.ending import clear_up_when_told_to_end


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", err=True, nl=False)


def _write(path: Path | None, found: dict[str, Any]) -> None:
    if path is None:
        return
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
        "cores": os.cpu_count(),
    }
    path.write_text(json.dumps({**about, **found}, indent=2) + "\n")


def _gate(rounds: int, seconds: int, memory_requests: int) -> list[Row]:
    if lacking := gate_bench.why_not():
        click.echo(f"Skipped: the gate's benchmark {lacking}.", err=True)
        return []
    try:
        rows = gate_bench.measure(rounds, seconds, memory_requests, _progress)
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        raise click.ClickException(str(error)) from error
    _progress("")
    show("The gate: medians, and ours to mitmdump's", rows, gate_bench.CONTENDERS)
    return rows


def _gateway(rounds: int, seconds: int, workers: Sequence[int]) -> list[dict[str, Any]]:
    if lacking := gateway_bench.why_not():
        click.echo(f"Skipped: the gateway's benchmark {lacking}.", err=True)
        return []
    found = []
    for number in workers:
        try:
            rows, settings = gateway_bench.measure(rounds, seconds, number, _progress)
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            raise click.ClickException(str(error)) from error
        _progress("")
        many = "worker" if number == 1 else "workers"
        show(f"The gateway, {number} {many}: medians", rows, list(settings))
        for name, how in settings.items():
            click.echo(f"{name}: {how}.")
        found.append(
            {"workers": number, "settings": settings, "rows": [row.as_json() for row in rows]}
        )
    return found


def _record(rounds: int, events: int, on_record: int) -> list[dict[str, Any]]:
    try:
        rows, engines = record_bench.measure(rounds, events, on_record, _progress)
    except (BenchError, RecordError, OSError) as error:
        raise click.ClickException(str(error)) from error
    _progress("")
    show("The record: medians", rows, engines)
    return [row.as_json() for row in rows]


def _rules(rounds: int) -> dict[str, Any]:
    settings = Settings()
    if not rules_bench.squidguard():
        click.echo("Left out: squidGuard, which is not installed (Debian's squidguard).", err=True)
    try:
        rows, loaded = rules_bench.measure(rounds, settings, _progress)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    _progress("")
    show("The rules: medians, and ours to squidGuard's", rows, rules_bench.CONTENDERS)
    click.echo(
        f"{settings.domains:,} listed domains, {loaded['sites']} sites, {loaded['purposes']} "
        f"purposes; {settings.requests:,} requests of each kind, {settings.paths:,} paths, "
        f"seed {settings.seed}; {rounds} rounds. Rates are of processor time."
    )
    return {"settings": asdict(settings), "rounds": rounds, "rows": [r.as_json() for r in rows]}


_OPTIONS = {
    "json": click.option(
        *["--json", "path"],
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the figures to this file too.",
    ),
    "rounds": click.option(
        "--rounds", default=5, show_default=True, help="How often each is measured."
    ),
    "seconds": click.option(
        "--seconds",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help="How long each measurement is.",
    ),
    "memory": click.option(
        "--memory-requests",
        default=150_000,
        show_default=True,
        help="Requests over which memory must stay flat; 0 leaves it out.",
    ),
}


def _with(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(command: Callable[..., None]) -> Callable[..., None]:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return add


@click.group(invoke_without_command=True)
@_with("rounds", "seconds", "memory", "json")
@click.pass_context
def main(context: click.Context, **chosen: Any) -> None:
    """Measure Schoolgate. Without a name, everything is measured."""
    clear_up_when_told_to_end()
    if context.invoked_subcommand is None:
        context.invoke(everything, **chosen)


@main.command()
@_with("rounds", "seconds", "memory", "json")
def gate(rounds: int, seconds: int, memory_requests: int, path: Path | None) -> None:
    """Requests and connections through the gate, beside bare mitmdump."""
    _write(path, {"gate": [row.as_json() for row in _gate(rounds, seconds, memory_requests)]})


@main.command()
@_with("rounds", "seconds", "json")
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    multiple=True,
    default=(1, 2),
    show_default=True,
    help="How many proxy processes; several are measured one after the other.",
)
def gateway(rounds: int, seconds: int, workers: tuple[int, ...], path: Path | None) -> None:
    """The whole gateway beside no proxy, bare mitmdump, squid and e2guardian."""
    _write(path, {"gateway": _gateway(rounds, seconds, workers)})


@main.command()
@_with("rounds", "json")
@click.option("--events", default=200_000, show_default=True, help="Events written in a round.")
@click.option(
    "--on-record",
    default=1_000_000,
    show_default=True,
    help="Events that are on record when it is verified and summed up.",
)
def record(rounds: int, events: int, on_record: int, path: Path | None) -> None:
    """Events on record a second, sizes, verifying, reports, and looking up who is where."""
    _write(path, {"record": _record(rounds, events, on_record)})


@main.command()
@_with("rounds", "json")
def rules(rounds: int, path: Path | None) -> None:
    """Decisions a second, loading and memory with a million listed domains, beside squidGuard."""
    _write(path, {"rules": _rules(rounds)})


@main.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long.")
@click.option("--rate", type=float, help="Acts a second. [default: half of what it can carry]")
@_with("json")
def soak(minutes: float, rate: float | None, path: Path | None) -> None:
    """The whole gateway for a long time, with everything that a day brings; not part of `all`.

    Exits with 1 if memory grew, a record was lost, a request failed or an error was said.
    """
    if lacking := soak_bench.why_not():
        raise click.ClickException(f"The soak {lacking}.")
    try:
        found = soak_bench.soak(minutes, rate, _progress)
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        raise click.ClickException(str(error)) from error
    _progress("")
    soak_table.show(found)
    _write(path, {"soak": found.as_json()})
    if found.faults:
        raise SystemExit(1)


@main.command("all")
@_with("rounds", "seconds", "memory", "json")
def everything(rounds: int, seconds: int, memory_requests: int, path: Path | None) -> None:
    """Everything there is to measure."""
    rows = _gate(rounds, seconds, memory_requests)
    found: dict[str, Any] = {"gate": [row.as_json() for row in rows], "rules": _rules(rounds)}
    found["gateway"] = _gateway(rounds, seconds, (1, 2))
    _write(path, {**found, "record": _record(rounds, 200_000, 1_000_000)})


if __name__ == "__main__":
    main()
