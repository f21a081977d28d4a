"""The packet filter's table as the kernel has it: read, compared, replaced, removed."""

from __future__ import annotations

import json
import re
import subprocess
from hashlib import sha256
from typing import Any, Final

from addon.gateway.machine import find_program
from addon.gateway.nftables import FAMILY, FILLED, MARK, TABLE

_WITHIN: Final = 60.0
_COMMENT: Final = re.compile(r'^\tcomment "([^"]*)"', re.MULTILINE)


class TableError(Exception):
    """The packet filter did not do what it was asked, as a sentence for a person."""


def table_text() -> str | None:
    """The table as nft writes it, elements included; None if there is none."""
    done = _nft("list", "table", FAMILY, TABLE)
    return done.stdout if done.returncode == 0 else None


def is_ours(text: str) -> bool:
    """Whether a table of our name was made by Schoolgate."""
    found = _COMMENT.search(text)
    return found is not None and found[1] == MARK


def table_digest() -> str | None:
    """A digest of the table without what changes by itself; None if there is none.

    Handles differ with every load, and the name server fills two of the sets.
    """
    listed = _listed()
    if listed is None:
        return None
    return sha256(json.dumps([_lasting(entry) for entry in listed]).encode()).hexdigest()


def remembered() -> dict[str, list[str]]:
    """The addresses in the sets that the name server fills."""
    found: dict[str, list[str]] = {}
    for entry in _listed() or ():
        kept = entry.get("set", {})
        if kept.get("name") in FILLED:
            found[kept["name"]] = [
                str(element["elem"]["val"] if isinstance(element, dict) else element)
                for element in kept.get("elem", ())
            ]
    return found


def check(rules: str) -> None:
    """Have nft look rules over without loading them. Raises TableError."""
    _do(rules, "-c")


def load(rules: str) -> None:
    """Load rules in one transaction: all of them or none. Raises TableError."""
    _do(rules)


def delete() -> None:
    """Remove the table if it is there. Raises TableError."""
    load(f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n")


def _listed() -> list[dict[str, Any]] | None:
    done = _nft("-s", "-j", "list", "table", FAMILY, TABLE)
    if done.returncode != 0:
        return None
    listed: list[dict[str, Any]] = json.loads(done.stdout)["nftables"]
    return [entry for entry in listed if "metainfo" not in entry]


def _lasting(entry: dict[str, Any]) -> dict[str, Any]:
    ((kind, body),) = entry.items()
    left_out = {"handle"} | ({"elem"} if body.get("name") in FILLED else set())
    return {kind: {key: value for key, value in body.items() if key not in left_out}}


def _do(rules: str, *options: str) -> None:
    done = _nft(*options, "-f", "-", given=rules)
    if done.returncode != 0:
        first = next(iter(done.stderr.splitlines()), "no reason given")
        raise TableError(f"The packet filter does not take the rules: {first}")


def _nft(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    if (path := find_program("nft")) is None:
        raise TableError("nft is not installed; install nftables.")
    try:
        return subprocess.run(  # noqa: S603 - nft itself, with our own words
            [path, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TableError("The packet filter does not answer; try again.") from error
