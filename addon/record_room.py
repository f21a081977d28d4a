"""When the record, or the disk that it is on, has little room left: said in one sentence each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from addon.sizes import said
from addon.status import RecordStatus

NEARLY_FULL: Final = 0.8
"""Of the record's limit: from here on somebody is told."""

SOON: Final = 256 << 20
"""Bytes free on the disk below which somebody is told: a busy week, or an hour of an attack."""


class LittleRoom(NamedTuple):
    """A sentence on how it is, and one on what to do."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found} {self.remedy}"


def free_in(folder: Path) -> int | None:
    """How many bytes are free in the folder, or in the first above it that is there; None if nobody
    can say.
    """
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def little_room(state: Path, records: Sequence[RecordStatus]) -> dict[str, LittleRoom]:
    """What somebody should see to, by what it is about: `record` or `disk`.

    `records` is what the workers say; of the disk it is seen here.
    """
    found = {}
    largest = max(records, key=lambda each: each.size, default=None)
    if largest and largest.limit and largest.size >= NEARLY_FULL * largest.limit:
        found["record"] = LittleRoom(
            f"The record is {100 * largest.size // largest.limit} % full: {said(largest.size)} of"
            f" {said(largest.limit)}. At 100 % restricted sites close.",
            "Keep less (retention in the policy), or give it more room (--record-limit).",
        )
    free = free_in(state)
    if free is not None and free < SOON:
        found["disk"] = LittleRoom(
            f"Only {said(free)} is free on the disk with the record. When none is, restricted"
            " sites close.",
            "Make room there, or move the state folder to a larger disk.",
        )
    return found
