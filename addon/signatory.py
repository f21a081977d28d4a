"""The authority of a running worker: renewed when it is time, taken up when another renewed it."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

from addon.authority.folder import SIGNING, Signing, read_signing
from addon.authority.keeping import ensure_authority
from addon.authority.names import wanted
from addon.authority.report import authority_report
from addon.leaves import Leaves
from rules.policy import Policy


class Signatory:
    """What signs in this process, and the certificates that it has signed."""

    def __init__(self, state: Path) -> None:
        self.leaves = Leaves()
        self.problems: tuple[str, ...] = ()
        self._state = state
        self._folder = state / "authority"
        self._looked: tuple[int, int] | None = None
        self._one_at_a_time = threading.Lock()

    def bring_up_to_date(self, policy: Policy, portal: str, now: datetime) -> None:
        """Sees that all of a policy's names are covered, as far as that can be, and for how long.

        Raises AuthorityError. Blocks: the files are read, and certificates may have to be signed.
        """
        with self._one_at_a_time:
            looked = self._look()
            need = wanted(policy, portal)
            try:
                signing = ensure_authority(self._folder, policy.school.name, need, now)
            finally:
                self.problems = authority_report(self._state, policy, now, portal).problems
            # What was signed just now is noticed once more, and taken up again, which is no harm.
            self._looked = looked
            self.leaves.use(signing)

    def has_changed(self) -> bool:
        """Whether another process has signed anew. Asked every second; it reads no file."""
        return self._look() not in (self._looked, None)

    def take_up(self, policy: Policy, portal: str, now: datetime) -> None:
        """Goes over to what another process has signed. Raises AuthorityError. Blocks."""
        with self._one_at_a_time:
            self._looked = self._look()
            signing = read_signing(self._folder)
            if isinstance(signing, Signing):
                self.leaves.use(signing)
            self.problems = authority_report(self._state, policy, now, portal).problems

    def _look(self) -> tuple[int, int] | None:
        try:
            status = (self._folder / SIGNING).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
