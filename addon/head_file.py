"""Putting a head at the end of a file that lies elsewhere: a mounted share, a USB stick."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from addon.durable_file import settle


class HeadFileError(Exception):
    """One sentence that says what to do; `soon`: it may pass by itself, as a share comes back."""

    def __init__(self, words: str, *, soon: bool = False) -> None:
        super().__init__(words)
        self.soon = soon


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, and gives back once it is on the disk; a new file is its owner's only.

    Raises HeadFileError, and then the file is as it was.
    """
    try:
        try:
            _append(path, line)
        except PermissionError:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "") from None
            raise
    except IsADirectoryError as error:
        raise HeadFileError(
            f"{path} is a folder: name a file in it, such as {path / 'heads.txt'}."
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise HeadFileError(
            f"There is no folder {path.parent}: see whether the disk or share is there, or name"
            " another file.",
            soon=True,
        ) from error
    except OSError as error:
        raise HeadFileError(_why(path, error), soon=True) from error


def _append(path: Path, line: str) -> None:
    new = not path.exists()
    # Not to wait for whoever may read a pipe, and to write where nobody may read.
    flags = os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    except PermissionError:
        descriptor = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise HeadFileError(f"{path} is not a file: name one.")
        text = f"{line}\n".encode()
        if status.st_size and _last_byte(descriptor, status.st_size) not in (b"\n", None):
            text = b"\n" + text  # the one before was cut off, as when a stick is pulled out
        try:
            if os.write(descriptor, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, status.st_size)  # half a head would be taken for a wrong one
            raise
    finally:
        os.close(descriptor)
    if new:
        settle(path.parent)


def _last_byte(descriptor: int, size: int) -> bytes | None:
    """None where it may not be read."""
    try:
        return os.pread(descriptor, 1, size - 1)
    except OSError:
        return None


def _why(path: Path, error: OSError) -> str:
    why = (error.strerror or str(error)).rstrip(".")
    if error.errno == errno.EROFS:
        return (
            f"{path} is on a disk that cannot be written to: mount it so that it can. The installed"
            " service may only write below /mnt and /media, and to what 'ReadWritePaths' adds"
            " (systemctl edit schoolgate)."
        )
    if isinstance(error, PermissionError):
        return (
            f"{path} may not be written to by this user: let it (the installed service is the user"
            " 'schoolgate'), or name another file."
        )
    return f"{path} cannot be written to ({why}): make room or mend that, or name another file."
