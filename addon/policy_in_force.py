"""The policy that a process goes by, and what became of the last attempt to read a new one.

A file that has changed is noticed by its size, its time and its inode: editors replace files rather
than write into them. A change is taken up once it has stood still from one look to the next, so
that a half-written file is not read.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rules.loading import PolicyError
from rules.policy import Policy
from rules.proof import load_proven_policy

type _Look = dict[Path, tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, since when (aware UTC), and why the last reload was refused, if it was."""

    policy: Policy
    since: datetime
    last_reload_error: str | None = None


class PolicyInForce:
    """Holds the last good policy; a bad one never replaces it.

    Reading takes no lock: `now` is one reference to an immutable value, replaced whole.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        """Read the policy for the first time. Raises rules.loading.PolicyError if it has faults."""
        self._path = path
        self._clock = clock
        self._reloading = threading.Lock()
        self._tried: _Look = {}
        self._noticed: _Look | None = None
        self._in_force = InForce(load_proven_policy(path), clock())
        self._tried = self._look()

    @property
    def now(self) -> InForce:
        """The policy in force."""
        return self._in_force

    def reload(self) -> str | None:
        """Read the policy again; give back its faults, a line each, or None if it is in force."""
        with self._reloading:
            self._tried = self._look()
            self._noticed = None
            try:
                policy = load_proven_policy(self._path)
            except PolicyError as fault:
                before = self._in_force
                self._in_force = InForce(before.policy, before.since, str(fault))
                return str(fault)
            self._in_force = InForce(policy, self._clock())
            return None

    def has_changed(self) -> bool:
        """Whether the policy's files differ from when they were last read, and have come to rest.

        Meant to be asked every second or so; it reads no file, only what the folder says of it.
        """
        look = self._look()
        if look == self._tried:
            self._noticed = None
            return False
        at_rest = look == self._noticed
        self._noticed = look
        return at_rest

    def _look(self) -> _Look:
        return {path: _look_of(path) for path in {self._path, *self._in_force.policy.files}}


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None  # gone, which is a change too
    return status.st_mtime_ns, status.st_size, status.st_ino
