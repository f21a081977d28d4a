"""Long lists of domains, each treated as one site: a file with one canonical domain a line.

`schoolgate lists` writes these files. They may hold a million names, so they are checked as a whole
with one pattern and kept as plain strings.
"""

import re
from pathlib import Path

from rules.faults import Spot
from rules.gathering import Gathering

MOST_BYTES = 200 * 1024 * 1024
_LINES = re.compile(r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\n)*")


def read_long_list(gathering: Gathering, path: Path, spot: Spot) -> list[str]:
    """Read a list's domains; empty, with the faults noted, if it is not a list."""
    data = gathering.data(path, path.name, spot, MOST_BYTES)
    if data is None:
        return []
    text = data.decode("ascii", "replace")
    if text and not text.endswith("\n"):
        text += "\n"
    end = _LINES.match(text)
    if len(data) > MOST_BYTES or end is None or end.end() != len(text):
        line = text.count("\n", 0, end.end() if end else 0) + 1
        gathering.faults.add(
            Spot(path.name, line),
            "The list is damaged, or is none.",
            "Import it again with 'schoolgate lists import'.",
        )
        return []
    return text.split("\n")[:-1]
