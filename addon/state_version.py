"""Which version of Schoolgate last used a state folder, so that an older one leaves it alone.

The record knows the version of its own tables; this is for everything else that is kept there.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

from addon.durable_file import replace_file

FILE_NAME: Final = "version"


class NewerStateError(Exception):
    """A newer version has used the folder: one sentence for a person."""


def current_version() -> str:
    """This program's version."""
    return version("schoolgate")


def check_version(state: Path, ours: str) -> None:
    """Raise NewerStateError if a newer version than `ours` has used a folder.

    A folder without a note, or with one that cannot be read, has nothing against anybody.
    """
    try:
        theirs = (state / FILE_NAME).read_text(encoding="ascii", errors="replace").strip()[:40]
    except OSError:
        return
    if is_older(ours, theirs):
        raise NewerStateError(
            f"{state} was last used by Schoolgate {theirs}, and this is {ours}: install {theirs} or"
            " newer, or restore a backup made before into another --state folder."
        )


def claim(state: Path, ours: str) -> None:
    """Note that `ours` uses a folder from now on. Raises NewerStateError, or OSError."""
    check_version(state, ours)
    replace_file(state / FILE_NAME, f"{ours}\n".encode("ascii"))


def is_older(one: str, other: str) -> bool:
    """Whether a version is older than another."""
    return _order(one) < _order(other)


def _order(text: str) -> tuple[int, ...]:
    """A version's numbers; what follows them (a suffix for a trial) does not count."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
