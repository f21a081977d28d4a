"""The policy in force, and how a new one takes its place.

A bad policy never replaces a good one: `reload` reads and checks the files in a thread of its own,
so that nobody's traffic waits, and swaps one reference at the end. Whoever is being judged at that
moment is judged wholly by the old policy or wholly by the new.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from rules.loading import PolicyError, load_policy
from rules.policy import Policy

log = logging.getLogger("schoolgate")


class LivePolicy:
    """Holds the policy in force. `current` is replaced whole and never changed."""

    def __init__(self, path: Path) -> None:
        """Reads the policy at `path`; raises PolicyError, as there is no last good one yet."""
        self.path = path
        self.current: Policy = load_policy(path)
        self.loaded_at = datetime.now(UTC)
        self.last_error: str | None = None
        self._reloading = asyncio.Lock()

    async def reload(self) -> bool:
        """Reads the policy again. False, with `last_error` set, if it has faults."""
        async with self._reloading:
            try:
                policy = await asyncio.to_thread(load_policy, self.path)
            except PolicyError as error:
                self.last_error = str(error)
                log.error("The policy was not changed, because the new one has faults:\n%s", error)
                return False
            self.current = policy
            self.loaded_at = datetime.now(UTC)
            self.last_error = None
            log.info("The policy %s is in force (%s).", self.path, policy.digest[:12])
            return True
