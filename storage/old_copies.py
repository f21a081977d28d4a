"""Copies of the record that Schoolgate itself laid in the state folder, and when they are too old.

    record.damaged-DAY-TIME.sqlite3          a record that was found damaged at a start
    record.before-restore-DAY-TIME.sqlite3   the one that a restored copy took the place of
    record.before-VERSION.sqlite3            as it was before its tables changed
    record.of-TIME.sqlite3                   what a release wrote that was taken back
    backups/TIME/record.sqlite3              as it was before an upgrade

Whatever is in one is older than the copy itself, so that after as long as events are kept no event
in it may be kept any more. Anything that is called otherwise is somebody's own, and left alone.
"""

from __future__ import annotations

import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage import migrations
from storage.faults import RecordError

_NAMES: Final = re.compile(
    r"record\.(?:(?:damaged|before-restore|of)-(?P<at>\d{8}[-T]\d{6})Z?|before-(?P<version>\w+))"
    r"\.sqlite3"
)
_UPGRADES: Final = re.compile(r"(?P<at>\d{8}T\d{6})Z")
_BESIDE: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class OldCopy:
    """A copy; `made` (aware UTC) is when it was laid aside."""

    path: Path
    made: datetime


def copies_laid_aside(state: Path) -> tuple[OldCopy, ...]:
    """All of them, oldest first."""
    found = []
    for path in state.glob("record.*.sqlite3"):
        name = _NAMES.fullmatch(path.name)
        if name and (name["at"] or migrations.is_known(name["version"])):
            found.append((path, name["at"]))
    for path in state.glob("backups/*/record.sqlite3"):
        if name := _UPGRADES.fullmatch(path.parent.name):
            found.append((path, name["at"]))
    copies = []
    for path, at in found:
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                copies.append(OldCopy(path, _moment(at, status.st_mtime)))
    return tuple(sorted(copies, key=lambda copy: (copy.made, copy.path)))


def remove_copy(copy: OldCopy) -> None:
    """Removes it, and what SQLite left beside it. Raises RecordError."""
    try:
        for beside in _BESIDE:
            copy.path.with_name(copy.path.name + beside).unlink(missing_ok=True)
        copy.path.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(
            f"{copy.path} should go, and cannot be removed ({error.strerror}): remove it yourself."
        ) from error


def _moment(at: str | None, changed: float) -> datetime:
    if at is not None:
        with suppress(ValueError):
            return datetime.strptime(at.replace("T", "-"), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return datetime.fromtimestamp(changed, UTC)
