"""What happened to a record before, as long as somebody should see to it.

A file in the state folder stands for each: the damaged record itself, as it was set aside, or a
notice of a record that was missing, exchanged or cut short. Whoever has seen to it moves the file
away or deletes it. Its name says what it was, and when.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from addon.durable_file import replace_file
from storage.continuity import Break, Broken

_NAME: Final = re.compile(r"record\.([a-z]+)-(\d{8}-\d{6})\.(sqlite3|txt)")
_FOUND: Final = {
    Break.DAMAGED: "The record was damaged on {at}. It is kept as {file}, and a new one was begun.",
    Break.MISSING: "The record was missing on {at}, deleted or emptied, and a new one was begun.",
    Break.EXCHANGED: "The record was another on {at} than the one that had been in use.",
    Break.SHORTENED: "The record was found on {at} without its newest part: it was cut off, or an"
    " older copy was put back by hand.",
}
_REMEDY: Final = (
    "Put back the last backup ('schoolgate record restore') or go on with this one, and look at"
    " grants and legal holds again; then {done}."
)


class Problem(NamedTuple):
    """A sentence or two on what happened, and one on what to do."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found} {self.remedy}"


def leave_notice(state: Path, broken: Broken) -> bool:
    """Puts down what was found, unless that is there already; gives back whether it was not.

    Raises OSError.
    """
    if broken.aside:
        return True
    notice = _file(state, broken)
    if notice.exists():
        return False
    said = _problem(broken.how, broken.at, notice.name)
    replace_file(notice, f"{said}\n".encode(), durable=True)
    return True


def broken_records(state: Path) -> list[Problem]:
    """What happened and has not been seen to, the oldest first."""
    found = []
    for path in state.glob("record.*-*"):
        if name := _NAME.fullmatch(path.name):
            try:
                at = datetime.strptime(f"{name[2]}+0000", "%Y%m%d-%H%M%S%z")
                found.append((at, _problem(Break(name[1]), at, path.name)))
            except ValueError:
                continue  # not of our making
    return [problem for _, problem in sorted(found)]


def in_words(state: Path, broken: Broken) -> str:
    """What was found and what became of it, for the log."""
    carried = "No withdrawal of web access had to be carried over."
    if broken.carried:
        many = "1 withdrawal" if broken.carried == 1 else f"{broken.carried} withdrawals"
        carried = f"Carried over: {many} of web access, as 'schoolgate access list' shows."
    found, remedy = _problem(broken.how, broken.at, str(_file(state, broken)))
    return f"{found} {carried} {remedy}"


def _file(state: Path, broken: Broken) -> Path:
    return broken.aside or state / f"record.{broken.how}-{broken.at:%Y%m%d-%H%M%S}.txt"


def _problem(how: Break, at: datetime, file: str) -> Problem:
    when = f"{at.astimezone(UTC):%-d %B %Y at %H:%M} UTC"
    done = f"move {file} elsewhere" if how is Break.DAMAGED else f"delete {file}"
    return Problem(_FOUND[how].format(at=when, file=file), _REMEDY.format(done=done))
