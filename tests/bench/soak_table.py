"""A soak's findings, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.bench.soak import Found

_WIDTH = 132  # of a table that goes to a file


def show(found: Found) -> None:
    """Prints what was done, how it went, and every fault."""
    terminal = Console()
    console = Console(width=max(terminal.width, _WIDTH))
    console.print(
        f"A soak of {found.seconds / 60:.0f} minutes at {found.rate:.0f} acts a second;"
        f" {found.ceiling:.0f} a second is what the machine could carry, devices and site included."
    )
    table = Table(title="Memory and files after the warm-up", title_justify="left")
    for heading in ("process", "MB, first third", "MB, last third", "ratio", "MB an hour", "files"):
        table.add_column(heading, justify="left" if heading == "process" else "right")
    for one in found.watched:
        first, last = one.thirds
        files = f"{one.files[0]} to {one.files[-1]}, at most {max(one.files)}"
        cells = (f"{first:.1f}", f"{last:.1f}", f"{one.growth:.3f}", f"{one.slope:+.1f}", files)
        table.add_row(one.name, *cells)
    console.print(table)
    table = Table(title="What the devices did", title_justify="left")
    for heading in ("act", "done", "median, ms", "99 %, ms", "longest, ms"):
        table.add_column(heading, justify="left" if heading == "act" else "right")
    for act, figures in found.acts.items():
        times = (figures[key] for key in ("p50_ms", "p99_ms", "most_ms"))
        cells = ("–" if time is None else f"{time:,.0f}" for time in times)
        table.add_row(act, f"{figures['done']:,}", *cells)
    console.print(table)
    for what, number in found.counts.items():
        console.print(f"{what}: {number:,}")
    console.print(f"{len(found.faults)} faults")
    for fault in found.faults:
        console.print(f"  {fault}", markup=False)
