"""Replacing a file in one step: who reads it sees what was there before, or all of the new.

It is written beside the old one, under a name that no other process uses, and then takes its place.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace_file(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    durable: bool = False,
    as_folders_owner: bool = False,
) -> None:
    """Put `content` at `path`, with exactly this mode at every moment.

    If `durable`, it stays there through a power cut from the moment that this returns. What root
    writes can be made to belong to whoever the folder belongs to. Raises OSError, and then nothing
    has changed.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # of a process that died, and had this number
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if as_folders_owner:
                give_to_folders_owner(descriptor, path.parent)
            os.fchmod(descriptor, mode)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(descriptor)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    if durable:
        settle(path.parent)


def settle(folder: Path) -> None:
    """Have the disk keep which names are in a folder. Some file systems cannot be told."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_to_folders_owner(descriptor: int, folder: Path) -> None:
    """Let the gate, which is not root, read what root writes at a terminal."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
