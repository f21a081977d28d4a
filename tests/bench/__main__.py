"""`./scripts/bench [gate|record|all]`: measures and prints a table; `--json FILE` writes it too."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from tests.bench import gate as gate_bench
from tests.bench.figures import Row, show
from tests.bench.stage import BenchError


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
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    _progress("")
    show("The gate: medians, and ours to mitmdump's", rows, gate_bench.CONTENDERS)
    return rows


_json_option = click.option(
    "--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures too."
)
_gate_options = (
    click.option("--rounds", default=5, show_default=True, help="How often each is measured."),
    click.option("--seconds", default=5.0, show_default=True, help="How long each measurement is."),
    click.option(
        "--memory-requests",
        default=100_000,
        show_default=True,
        help="Requests over which memory must stay flat; 0 leaves it out.",
    ),
)


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measure Schoolgate. Without a name, everything is measured."""
    if context.invoked_subcommand is None:
        context.invoke(everything)


@main.command()
@_gate_options[0]
@_gate_options[1]
@_gate_options[2]
@_json_option
def gate(rounds: int, seconds: float, memory_requests: int, path: Path | None) -> None:
    """Requests and connections through the gate, beside bare mitmdump."""
    _write(path, {"gate": [row.as_json() for row in _gate(rounds, seconds, memory_requests)]})


@main.command("all")
@_gate_options[0]
@_gate_options[1]
@_gate_options[2]
@_json_option
def everything(rounds: int, seconds: float, memory_requests: int, path: Path | None) -> None:
    """Everything there is to measure."""
    _write(path, {"gate": [row.as_json() for row in _gate(rounds, seconds, memory_requests)]})


if __name__ == "__main__":
    main()
