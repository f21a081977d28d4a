"""Lines for systemd's journal are marked, and others are not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from addon.journal_lines import marked

SAYS = """
import logging
from addon.journal_lines import start_logging, warn
start_logging("gate: %(message)s")
logging.getLogger("x").info("well")
logging.getLogger("x").error("two\\nlines")
warn("look")
"""


def said(path: Path, journal: bool) -> str:
    with path.open("w+") as errors:
        status = os.fstat(errors.fileno())
        name = f"{status.st_dev}:{status.st_ino}" if journal else "1:1"
        subprocess.run(
            [sys.executable, "-c", SAYS],
            stderr=errors,
            env={**os.environ, "JOURNAL_STREAM": name},
            check=True,
        )
    return path.read_text()


def test_in_the_journal_each_line_says_how_grave_it_is(tmp_path: Path) -> None:
    assert said(tmp_path / "errors", True) == "<6>gate: well\n<3>gate: two\n<3>lines\n<4>look\n"


def test_elsewhere_lines_are_left_alone(tmp_path: Path) -> None:
    assert said(tmp_path / "errors", False) == "gate: well\ngate: two\nlines\nlook\n"


def test_what_is_less_than_worth_a_word_is_for_debugging() -> None:
    assert marked("x", logging.DEBUG) == "<7>x"
