"""Prints the evasion table in Markdown: `python -m tests.lab.evasion`.

It tries every row as the tests do, so it needs what they need, and says where a row is not so.
With `--short` it only counts.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.lab.evasion.ground import Ground, whole_gateway
from tests.lab.evasion.row import Row
from tests.lab.evasion.table import TABLE
from tests.support.ending import clear_up_when_told_to_end


def main() -> int:
    """0 if every row came out as it says, else 1."""
    clear_up_when_told_to_end()
    with tempfile.TemporaryDirectory() as folder, whole_gateway(Path(folder)) as ground:
        ground.apply("full")
        found = {row: _tried(ground, row) for row in TABLE}
        ground.apply("selective")
        also = {row: _tried(ground, row.in_selective_mode()) for row in TABLE if row.selective}
    if "--short" in sys.argv:
        _count(found)
    else:
        _print(found, also)
    return 0 if all((found | also).values()) else 1


def _tried(ground: Ground, row: Row) -> bool:
    try:
        ground.judge(row)
    except AssertionError as wrong:
        print(f"{row.case}: {wrong}", file=sys.stderr)
        return False
    return True


def _print(found: dict[Row, bool], also: dict[Row, bool]) -> None:
    theme = ""
    for row, so in found.items():
        if row.theme != theme:
            theme = row.theme
            print(f"\n**{theme[0].upper()}{theme[1:]}**\n\n| case | verdict | why |\n|---|---|---|")
        verdict = row.verdict if so else f"**not so:** {row.verdict}"
        if row.selective:
            verdict += f"; in selective mode {'' if also[row] else '**not so:** '}{row.selective}"
        print(f"| {row.case} | {verdict} | {row.why} |")
    print()
    _count(found)


def _count(found: dict[Row, bool]) -> None:
    counted = Counter(row.verdict for row, so in found.items() if so)
    words = ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common())
    print(f"{len(found)} rows: {words}; {sum(not so for so in found.values())} not so.")


if __name__ == "__main__":
    sys.exit(main())
