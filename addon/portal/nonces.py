"""Numbers used once, kept on the disk: a report that counted before a restart must not count again.

They are lines in two files, `now` and `before`, after one that says when the file was begun. When
`now` is as old as a number has to be kept, it takes the place of `before`, and a new one is begun;
so neither grows for long.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

_MOST: Final = 100_000
"""Numbers in one file: of more, none is taken until the next file."""


class NoncesUnkept(Exception):
    """One sentence on why a number could not be kept, so that the report does not count."""


class Nonces:
    """The numbers used in the last so many seconds, and for as long again at most."""

    def __init__(self, folder: Path, keep: float) -> None:
        """`keep` is for how many seconds a report can be sent again and still be of today."""
        self._folder = folder
        self._keep = keep
        self._lock = threading.Lock()
        self._began = 0.0
        self._used: set[str] = set()
        self._used_before: set[str] = set()
        self._read = False

    def use(self, nonce: str, now: float) -> bool:
        """False if it was used before, or if no more can be remembered. On disk once it is True.

        `nonce` is letters, figures, - and _; `now` seconds since 1970. Raises NoncesUnkept.
        """
        with self._lock:
            try:
                if not self._read:
                    self._take_up(now)
                self._began = min(self._began, now)  # the clock may have been set back
                if now - self._began >= self._keep:
                    self._turn(now)
                if nonce in self._used or nonce in self._used_before or len(self._used) >= _MOST:
                    return False
                self._write(nonce)
            except OSError as error:
                raise NoncesUnkept(
                    f"{self._folder} cannot be read or written ({error.strerror})."
                ) from error
            self._used.add(nonce)
            return True

    def _take_up(self, now: float) -> None:
        """Reads what an earlier run has left. What cannot be told to be old counts as new."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._used, began = self._lines("now")
        self._used_before, _ = self._lines("before")
        self._began = began if began is not None else now
        self._read = True

    def _lines(self, name: str) -> tuple[set[str], float | None]:
        try:
            first, *used = (self._folder / name).read_text("ascii", "replace").splitlines()
        except (FileNotFoundError, ValueError):
            return set(), None
        return set(used), float(first) if first.isdecimal() else None

    def _turn(self, now: float) -> None:
        """Begins a new file. After twice the time the old one need not be kept either."""
        there = self._folder / "now"
        if there.exists():
            there.replace(self._folder / "before")
        self._used_before, self._used = self._used, set()
        self._began = now

    def _write(self, nonce: str) -> None:
        handle = os.open(self._folder / "now", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            first = "" if os.fstat(handle).st_size else f"{self._began:.0f}"
            # Begun with the end of a line: what a power cut has left half is a line of its own.
            os.write(handle, f"{first}\n{nonce}".encode("ascii"))
            os.fsync(handle)
        finally:
            os.close(handle)
