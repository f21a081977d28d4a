"""What `apply` was about, written down before it begins, so that it is finished or undone.

A change is in one of two states until it is settled: being made, and made but not confirmed. The
note outlives the process and the machine's power; whoever comes next finds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from addon.durable_file import replace_file
from addon.gateway.machine import boot_id


class JournalError(Exception):
    """The state folder cannot be used, as a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is not settled. `deadline` is in seconds of this boot's monotonic clock."""

    id: str
    made: bool
    deadline: float
    boot: str
    had_previous: bool

    @property
    def is_of_this_boot(self) -> bool:
        """Whether the machine has not been started again since."""
        return self.boot == boot_id()

    @property
    def seconds_left(self) -> float:
        """Until it is undone; 0 if that is due."""
        return max(0.0, self.deadline - time.monotonic()) if self.is_of_this_boot else 0.0


class Journal:
    """The note in the gateway's own folder, and the lock that changes are made under."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "change.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder; a process that dies lets go. Raises JournalError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"{self._folder} cannot be used: {error.strerror or error}."
            ) from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def read(self) -> Change | None:
        """The change that is not settled. Raises JournalError."""
        try:
            return Change(**json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise JournalError(
                f"{self._path} cannot be read; remove it, then run 'schoolgate gateway remove'."
            ) from error

    def write(self, change: Change) -> None:
        """Put it on disk before anything is done."""
        write_durably(self._path, json.dumps(asdict(change)))

    def settle(self) -> None:
        """The change is finished or undone."""
        self._path.unlink(missing_ok=True)


def write_durably(path: Path, text: str) -> None:
    """Replace a file in one step, and return once it is on disk."""
    replace_file(path, text.encode(), mode=0o644, durable=True)
