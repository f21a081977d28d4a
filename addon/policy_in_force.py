"""The policy that a process goes by, and what became of the last attempt to read a new one.

It is the one in the policy's files while those are sound, and otherwise the one that took effect
last, which is kept in the state folder. As each process has its own in memory and all of them share
the copy, they come to the same one however they were started, and in whatever order.

A file that has changed is noticed by its size, its time and its inode: editors replace files rather
than write into them. A change is taken up once it has stood still from one look to the next, so
that a half-written file is not read.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from addon.kept_policy import Kept, KeptPolicy
from rules.faults import Fault
from rules.loading import PolicyError
from rules.policy import Policy
from rules.proof import load_proven_policy

log = logging.getLogger("schoolgate")

type _Look = dict[Path, tuple[int, int, int] | None]

_ATTEMPTS = 3
_RESTLESS = "The policy's files changed while they were read."


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, since when (aware UTC), and why the last reload was refused, if it was."""

    policy: Policy
    since: datetime
    last_reload_error: str | None = None
    from_copy: bool = False  # it was not read from the policy's own files, which had faults
    not_kept: str | None = None  # why there is no copy of it, if there is none

    @property
    def since_in_words(self) -> str:
        """Since when, in the school's own time."""
        return f"{self.since.astimezone(self.policy.school.timezone):%a %d %b %Y, %H:%M}"


class PolicyInForce:
    """Holds the last good policy; a bad one never replaces it.

    Reading takes no lock: `now` is one reference to an immutable value, replaced whole.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        lists: Path | None = None,
        bell: Path | None = None,
        kept: KeptPolicy | None = None,
    ) -> None:
        """Read the policy for the first time, or what was `kept` of it if its files have faults.

        A touch of the file `bell` counts as a change of the policy. Raises
        rules.loading.PolicyError if the files have faults and there is no copy that can be used.
        """
        self._path = path.absolute()
        self._bell = bell
        self._lists = lists.absolute() if lists else None
        self._clock = clock
        self._kept = kept
        self._reloading = threading.Lock()
        self._asked: tuple[Path, ...] = ()  # the files that the last attempt looked for
        self._ours: str | None = None  # the digest of the copy of what is in force
        self._not_kept: str | None = None
        self._noticed: _Look | None = None
        self._tried: _Look
        before = {self._path: _look_of(self._path)}
        self._in_force = self._first()
        self._settle(before)

    @property
    def now(self) -> InForce:
        """The policy in force."""
        return self._in_force

    def keep(self) -> None:
        """Keep a copy of what is in force, once the state folder is there to take it.

        Or say that it is from a copy itself. Meant for a process that starts.
        """
        with self._reloading:
            in_force = self._in_force
            if in_force.from_copy:
                log.warning(
                    "The policy's files have faults: going by the copy of the policy that has been"
                    " in force since %s.",
                    in_force.since_in_words,
                )
                return
            if not self._is_kept(in_force.policy, in_force.since):
                self._tried = {}  # its files have changed already: they are read again
            else:
                self._in_force = replace(in_force, not_kept=self._not_kept)

    def reload(self) -> str | None:
        """Read the policy again; give back its faults, a line each, or None if it is in force.

        A policy takes effect when a copy of it is kept, so that no process goes by one that
        another could not find.
        """
        with self._reloading:
            self._noticed = None
            for _ in range(_ATTEMPTS):
                before = self._look()
                if self._kept is not None:
                    before[self._kept.note] = _look_of(self._kept.note)
                try:
                    policy = load_proven_policy(self._path, lists=self._lists)
                except PolicyError as fault:
                    self._asked = fault.files
                    self._in_force = self._old_one(str(fault))
                    self._settle(before)
                    return str(fault)
                since = self._clock()
                if self._is_kept(policy, since):
                    self._asked = ()
                    self._in_force = InForce(policy, since, not_kept=self._not_kept)
                    self._settle(before)
                    return None
            self._in_force = replace(self._in_force, last_reload_error=_RESTLESS)
            self._tried = {}
            return _RESTLESS

    def has_changed(self) -> bool:
        """Whether the policy's files differ from when they were last read, and have come to rest.

        Meant to be asked every second or so; it reads no file, only what the folder says of it.
        """
        if self._reloading.locked():
            return False  # it is being read just now; what changes meanwhile is seen afterwards
        look = self._look()
        if look == self._tried:
            self._noticed = None
            return False
        at_rest = look == self._noticed
        self._noticed = look
        return at_rest

    def _first(self) -> InForce:
        try:
            return InForce(load_proven_policy(self._path, lists=self._lists), self._clock())
        except PolicyError as fault:
            self._asked = fault.files
            kept = self._kept.last() if self._kept else None
            if kept is None or self._kept is None:
                raise
            try:
                in_force = self._from_copy(self._kept, kept, str(fault))
            except PolicyError as unfit:
                why = (
                    f"A copy was kept of the policy in force since {kept.since:%Y-%m-%d %H:%M}"
                    f" UTC, but it cannot be used: {str(unfit).splitlines()[0]}"
                )
                more = Fault(self._path.name, 0, "", why, "Put the policy's own files right.")
                raise PolicyError((*fault.faults, more), fault.files) from unfit
        return in_force

    def _from_copy(self, kept_policy: KeptPolicy, kept: Kept, fault: str) -> InForce:
        policy = kept_policy.read(kept)
        self._ours = kept.digest
        return InForce(policy, kept.since, fault, from_copy=True)

    def _old_one(self, fault: str) -> InForce:
        """What stays in force: ours, or what another process could still take up before this."""
        kept = self._kept.last() if self._kept else None
        if kept and self._kept and self._ours and kept.digest != self._ours:
            try:
                return self._from_copy(self._kept, kept, fault)
            except PolicyError as unfit:
                log.error("%s", unfit)
        return replace(self._in_force, last_reload_error=fault)

    def _is_kept(self, policy: Policy, since: datetime) -> bool:
        """Whether a policy may count: its copy is kept, or cannot be for want of a place."""
        self._not_kept = None
        if self._kept is None:
            return True
        try:
            if not self._kept.keep(policy, since):
                return False
            self._ours = policy.digest
        except FileNotFoundError:
            self._ours = None  # there is no state folder, so nobody to share a copy with
        except OSError as error:
            self._ours = None  # the copy that there is, is older than what is in force
            self._not_kept = error.strerror or str(error)
            log.error("No copy of the policy could be kept: %s.", self._not_kept)
        return True

    def _look(self) -> _Look:
        watched = {self._path, *self._in_force.policy.files, *self._asked}
        if self._bell is not None:
            watched.add(self._bell)
        if self._kept is not None and self._in_force.last_reload_error:
            watched.add(self._kept.note)  # another process may have been quicker than the fault
        return {path: _look_of(path) for path in watched}

    def _settle(self, before: _Look) -> None:
        """Notes how the files were before they were read, and of new ones how they are."""
        self._tried = {path: before.get(path, seen) for path, seen in self._look().items()}


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None  # gone, which is a change too, or no name for a file at all
    return status.st_mtime_ns, status.st_size, status.st_ino
