"""Plays every scene in each browser and prints the tables: `python -m tests.lab.browsing`.

Names of browsers may follow (`chromium`, `firefox`); without one it is each that is installed.
Needs root, for a network namespace. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.lab.browsing import in_chromium, in_firefox
from tests.lab.browsing.table import Played, play, table, totals
from tests.support.namespace import missing

BROWSERS = {
    "chromium": (in_chromium.Chromium, in_chromium.NEEDS),
    "firefox": (in_firefox.Firefox, in_firefox.NEEDS),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.lab.browsing", description=__doc__)
    parser.add_argument("browser", nargs="*", metavar="BROWSER", help=" or ".join(BROWSERS))
    wanted = parser.parse_args().browser
    if unknown := set(wanted) - set(BROWSERS):
        parser.error(f"there is no {unknown.pop()} here, only {' and '.join(BROWSERS)}")
    played: list[Played] = []
    for name, (browser, needs) in BROWSERS.items():
        if wanted and name not in wanted:
            continue
        if why := missing(*needs, "curl"):
            print(f"{browser.name} is left out: it {why}.", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            played.append(play(Path(folder), browser))
    if not played or (wanted and len(played) < len(set(wanted))):
        return 2
    print(table(played))
    for each in played:
        print(f"\n{totals(each)}")
    return 0 if all(each.is_good for each in played) else 1


if __name__ == "__main__":
    sys.exit(main())
