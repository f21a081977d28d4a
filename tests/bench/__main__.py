"""`./scripts/bench [gate|record|rules|all]`: measures, prints a table; `--json FILE` writes it."""

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

from tests.bench import gate as gate_bench
from tests.bench import rules as rules_bench
from tests.bench.figures import Row, show
from tests.bench.material import Settings
from tests.bench.stage import ROOT, BenchError


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


def _gate(rounds: int, seconds: float, memory_requests: int) -> list[Row]:
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


def _record(arguments: Sequence[str]) -> list[str]:
    """The record's benchmark, in a process of its own: what it printed."""
    command = [sys.executable, "-u", "-m", "tests.bench.record", *arguments]
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            click.echo(line, nl=False)
            lines.append(line.rstrip())
    if running.returncode:
        raise click.ClickException("The record's benchmark failed; see above.")
    return lines


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
        "--seconds", default=5.0, show_default=True, help="How long each measurement is."
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
    if context.invoked_subcommand is None:
        context.invoke(everything, **chosen)


@main.command()
@_with("rounds", "seconds", "memory", "json")
def gate(rounds: int, seconds: float, memory_requests: int, path: Path | None) -> None:
    """Requests and connections through the gate, beside bare mitmdump."""
    _write(path, {"gate": [row.as_json() for row in _gate(rounds, seconds, memory_requests)]})


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@_with("json")
def record(arguments: tuple[str, ...], path: Path | None) -> None:
    """Events on record a second, and how long reports take. ARGUMENTS go to tests.bench.record."""
    _write(path, {"record": _record(arguments)})


@main.command()
@_with("rounds", "json")
def rules(rounds: int, path: Path | None) -> None:
    """Decisions a second, loading and memory with a million listed domains, beside squidGuard."""
    _write(path, {"rules": _rules(rounds)})


@main.command("all")
@_with("rounds", "seconds", "memory", "json")
def everything(rounds: int, seconds: float, memory_requests: int, path: Path | None) -> None:
    """Everything there is to measure."""
    rows = _gate(rounds, seconds, memory_requests)
    found = {"gate": [row.as_json() for row in rows], "rules": _rules(rounds)}
    _write(path, {**found, "record": _record(())})


if __name__ == "__main__":
    main()
