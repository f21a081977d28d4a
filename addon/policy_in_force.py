"""The policy that a process goes by, and what became of the last attempt to read a new one."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rules.loading import PolicyError
from rules.policy import Policy
from rules.proof import load_proven_policy


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
        self._in_force = InForce(load_proven_policy(path), clock())

    @property
    def now(self) -> InForce:
        """The policy in force."""
        return self._in_force

    def reload(self) -> str | None:
        """Read the policy again; give back its faults, a line each, or None if it is in force."""
        with self._reloading:
            try:
                policy = load_proven_policy(self._path)
            except PolicyError as fault:
                before = self._in_force
                self._in_force = InForce(before.policy, before.since, str(fault))
                return str(fault)
            self._in_force = InForce(policy, self._clock())
            return None
