"""Long lists of domains, each treated as one site: a file with one canonical domain a line.

`schoolgate lists` writes these files. They may hold a million names, so they are looked at as a
whole, in a few passes at the speed of C, and kept as plain strings.
"""

import re
from pathlib import Path

from rules.faults import Spot
from rules.gathering import Gathering

MOST_BYTES = 200 * 1024 * 1024
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789_-.\n"
_NO_NAME = (b"..", b".\n", b"\n.", b"\n\n")
_WRONG_LINE = re.compile(r"^(?![a-z0-9_-]+(\.[a-z0-9_-]+)+$)", re.MULTILINE)


def read_long_list(gathering: Gathering, path: Path, spot: Spot) -> list[str]:
    """Read a list's domains; empty, with the faults noted, if it is not a list."""
    data = gathering.data(path, path.name, spot, MOST_BYTES)
    if data is None:
        return []
    if len(data) <= MOST_BYTES and _is_clean(data):
        domains = data.decode("ascii").splitlines()
        if all("." in domain for domain in domains):
            return domains
    text = data[:MOST_BYTES].decode("ascii", "replace")
    wrong = _WRONG_LINE.search(text)
    gathering.faults.add(
        Spot(path.name, text.count("\n", 0, wrong.start()) + 1 if wrong else 0),
        "The list is damaged, or is none.",
        "Import it again with 'schoolgate lists import'.",
    )
    return []


def _is_clean(data: bytes) -> bool:
    if data.startswith((b".", b"\n")) or data.endswith(b"."):
        return False
    return not data.translate(None, _LETTERS) and not any(wrong in data for wrong in _NO_NAME)
