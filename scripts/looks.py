"""`looks.jsonl` in the state folder: who asked where somebody was, and when.

Each line is a look: when, which account of this computer, and what was asked. Lines are added by
one command while another may remove old ones, so each holds the file's lock meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from addon.durable_file import give_to_folders_owner, replace_file

_FILE: Final = "looks.jsonl"


def looks_file(state: Path) -> Path:
    """Where it lies."""
    return state / _FILE


def add_look(state: Path, look: Mapping[str, object]) -> None:
    """Adds one. Raises OSError."""
    line = f"{json.dumps(look, ensure_ascii=False)}\n".encode()
    with _held(state, create=True) as descriptor:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # the one before was cut off
        os.write(descriptor, line)


def looks_about(state: Path, person: str) -> Iterator[dict[str, object]]:
    """When and by whom it was asked where somebody was, for their own data."""
    try:
        lines = looks_file(state).read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        look = _read(line)
        at = _at(look)
        if at and look.get("asked") == person:
            by = str(look.get("by", ""))
            yield {"at": at, "by": by, "account": by, "why": "To see at which device they were."}


def old_looks(state: Path, before: datetime, held: Collection[str]) -> int:
    """How many `purge_looks` would remove."""
    try:
        lines = looks_file(state).read_bytes().splitlines(keepends=True)
    except OSError:
        return 0
    return len(lines) - len(_staying(lines, before, held))


def purge_looks(state: Path, before: datetime, held: Collection[str]) -> int:
    """Removes those of before a moment (aware), but for those at people under a hold; gives back
    how many. Raises OSError, and then nothing has changed.
    """
    if not old_looks(state, before, held):
        return 0  # nobody is to wait for the lock, nor the file to change, for nothing
    with _held(state) as descriptor:
        with open(descriptor, "rb", closefd=False) as file:
            lines = file.read().splitlines(keepends=True)
        staying = _staying(lines, before, held)
        path = looks_file(state)
        replace_file(path, b"".join(staying), durable=True, as_folders_owner=True)
    return len(lines) - len(staying)


def _staying(lines: list[bytes], before: datetime, held: Collection[str]) -> list[bytes]:
    """A line that cannot be read is as old as the one before it."""
    staying, at = [], None
    for line in lines:
        look = _read(line)
        at = _at(look) or at
        if at is None or at >= before or look.get("asked") in held:
            staying.append(line)
    return staying


def _read(line: str | bytes) -> dict[str, Any]:
    with suppress(ValueError):
        look = json.loads(line)
        if isinstance(look, dict):
            return look
    return {}


def _at(look: dict[str, Any]) -> datetime | None:
    with suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(look["at"]).astimezone(UTC)
    return None


@contextmanager
def _held(state: Path, *, create: bool = False) -> Iterator[int]:
    """The file, open and locked, and still the one that has the name."""
    path = looks_file(state)
    while True:
        made = os.O_CREAT if create else 0
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | made, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_ino == _number(path):
                if create:
                    give_to_folders_owner(descriptor, path.parent)
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _number(path: Path) -> int | None:
    """The file's own number on its disk, None where there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
