"""Rows of a benchmark: what each contender did, round by round, as a table and as JSON.

A machine that others use too is never equally fast for long, so a figure by itself says little.
What counts is the ratio of two contenders in the same round, a moment apart; its median over the
rounds is the result. Beside it stands the ratio of the processor time that each took for a request,
which other programs disturb less, and which leaves out what is waited for (the disk, above all).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

OURS = "schoolgate"
_WIDTH = 132  # of a table that goes to a file


@dataclass
class Row:
    """One thing measured. `target` bounds the ratio of `ours` to the yardstick's figure."""

    name: str
    unit: str
    yardstick: str | None = None
    target: float | None = None
    more_is_better: bool = True
    rounds: dict[str, list[float]] = field(default_factory=dict)
    # Milliseconds of processor time that a contender's process took for one request.
    costs: dict[str, list[float]] = field(default_factory=dict)
    ours: str = OURS

    def add(self, contender: str, figure: float, cost: float | None = None) -> None:
        self.rounds.setdefault(contender, []).append(figure)
        if cost is not None:
            self.costs.setdefault(contender, []).append(cost)

    def median(self, contender: str) -> float | None:
        figures = self.rounds.get(contender)
        return statistics.median(figures) if figures else None

    @property
    def ratio(self) -> float | None:
        """The median over the rounds of ours to the yardstick's in the same round."""
        theirs, ours = self.rounds.get(self.yardstick or ""), self.rounds.get(self.ours)
        if not theirs or not ours or not all(theirs):
            return None
        return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))

    @property
    def cost(self) -> float | None:
        """As `ratio`, of the processor time for one request: below one is cheaper than theirs."""
        theirs, ours = self.costs.get(self.yardstick or ""), self.costs.get(self.ours)
        if not theirs or not ours or not all(theirs):
            return None
        return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))

    @property
    def met(self) -> bool | None:
        if self.ratio is None or self.target is None:
            return None
        return self.ratio >= self.target if self.more_is_better else self.ratio <= self.target

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "medians": {contender: self.median(contender) for contender in self.rounds},
            "rounds": self.rounds,
            "ours": self.ours,
            "yardstick": self.yardstick,
            "ratio": self.ratio,
            "costs_ms": self.costs,
            "cost": self.cost,
            "target": self.target,
            "more_is_better": self.more_is_better,
            "met": self.met,
        }


def show(title: str, rows: Sequence[Row], contenders: Sequence[str]) -> None:
    """Prints the medians, a line for each row, with the ratio and whether it meets the target."""
    table = Table(title=title, title_justify="left")
    table.add_column("what", no_wrap=True)
    for contender in contenders:
        table.add_column(contender, justify="right")
    for heading in ("ratio", "target", "processor"):
        table.add_column(heading, justify="right")
    for row in rows:
        medians = [_written(row.median(contender)) for contender in contenders]
        sign = "≥" if row.more_is_better else "≤"
        target = f"{sign} {row.target:g}" if row.target is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        colour = {True: "green", False: "red", None: None}[row.met]
        ratio = f"[{colour}]{ratio}[/]" if colour else ratio
        cost = f"{row.cost:.2f}" if row.cost is not None else ""
        table.add_row(f"{row.name}, {row.unit}", *medians, ratio, target, cost)
    terminal = Console()
    Console(width=max(terminal.width, _WIDTH)).print(table)


def _written(figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"
