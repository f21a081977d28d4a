"""Keeps a running HAProxy's tables at what the policy says now.

A site that becomes restricted and a person whose access is withdrawn are known to HAProxy within a
second, without a reload: no connection is dropped. Connections of somebody whose access has just
been withdrawn are the exception and end at once. Those that others have open to a site that is
restricted from now on stay until they end by themselves: to keep every lesson's video running was
worth more than to cut the few that were about to end.

The tables are files too, written first, so that an HAProxy that starts knows what it should.
"""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from addon.access_in_force import AccessInForce
from addon.gateway.front import NETWORKS, RESTRICTED, SOCKET, WITHDRAWN, tables, write_table
from addon.gateway.names import gateway_names
from addon.gateway.runtime import SMALL, Runtime, RuntimeFailure
from addon.identity.directory import Directory
from addon.identity.following import BindingsInForce
from addon.journal_lines import start_logging
from addon.kept_policy import KeptPolicy
from addon.kept_withdrawals import KeptWithdrawals
from addon.lifeline import ALIVE_EVERY, say_alive, say_ready, stop_with_parent
from addon.policy_in_force import InForce, PolicyInForce
from addon.record_address import record_url
from addon.record_continuity import to_carry
from addon.state_folder import haproxy_folder, lists_folder
from rules.loading import PolicyError
from rules.policy import Policy
from storage.database import record_to_follow
from storage.faults import RecordError
from storage.record_file import RecordFile
from storage.server_faults import is_away

log = logging.getLogger("schoolgate")

EVERY = 0.2
"""Seconds between two looks at the policy's files: a change is read once it has stood still."""

PATIENCE = 3.0
"""Seconds that HAProxy may take to start before it is worth a word."""

type Withdrawn = Callable[[Policy], frozenset[str]]


class Keeper:
    """Keeps the tables of one HAProxy. `withdrawn` gives the addresses of those to keep away."""

    def __init__(self, folder: Path, policy: PolicyInForce, withdrawn: Withdrawn) -> None:
        self._folder = folder
        self._policy = policy
        self._withdrawn = withdrawn
        self._runtime = Runtime(folder / SOCKET)
        self._read: InForce | None = None
        self._keys: Mapping[str, frozenset[str]] = {}
        self._held: dict[str, frozenset[str]] = {}  # by HAProxy, as far as is known
        self._asked_for: frozenset[str] = frozenset()  # the tables that HAProxy sorts by
        self._process = 0
        self._silent_since: float | None = None

    def look(self, *, anew: bool = False) -> bool:
        """Brings everything up to date, reading the policy `anew` or if its files have changed.

        Gives back whether HAProxy answered.
        """
        if (anew or self._policy.has_changed()) and (faults := self._policy.reload()):
            log.error("The new policy has faults; HAProxy goes by the old one.\n%s", faults)
        self._write()
        try:
            self._tell()
        except RuntimeFailure as failure:
            self._process = 0  # whatever answers next is asked what it knows
            self._note_silence(str(failure))
            return False
        self._silent_since = None
        return True

    def _note_silence(self, why: str) -> None:
        """Says once that HAProxy cannot be told; not while it only starts."""
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > PATIENCE:
            log.warning("HAProxy cannot be told of changes: %s.", why)
            self._silent_since = math.inf

    def _write(self) -> None:
        in_force = self._policy.now
        before = self._keys
        withdrawn = self._withdrawn(in_force.policy)
        if in_force is not self._read:
            self._keys = tables(gateway_names(in_force.policy), withdrawn)
            self._read = in_force
        else:
            self._keys = {**before, WITHDRAWN: withdrawn}
        for name, keys in self._keys.items():
            if keys != before.get(name):
                try:
                    write_table(self._folder / name, keys)
                except OSError as error:
                    log.error("%s cannot be written: %s.", self._folder / name, error.strerror)

    def _tell(self) -> None:
        process = self._runtime.process()
        if process != self._process:
            self._asked_for = self._runtime.tables()
            self._held = self._known_already()
            self._process = process
        for name in (WITHDRAWN, NETWORKS, RESTRICTED):
            keys, held = self._keys[name], self._held.get(name)
            if keys == held:
                continue
            # Where browsers are told of the proxy, workers see it all and nothing is sorted.
            if name in self._asked_for:
                self._runtime.replace(self._folder / name, held, keys)
            self._held[name] = keys
            if name == WITHDRAWN and (anew := keys - (held or frozenset())):
                self._runtime.end_sessions(anew)

    def _known_already(self) -> dict[str, frozenset[str]]:
        """A large table that HAProxy has read from its file is not told to it a second time."""
        names = self._keys[RESTRICTED]
        if len(names) > SMALL and RESTRICTED in self._asked_for:
            mark = next(key for key in names if key.startswith("="))
            if self._runtime.holds(self._folder / RESTRICTED, mark):
                return {RESTRICTED: names}
        return {}


def withdrawn_addresses(
    policy: Policy, people: Collection[str] = (), directory: Directory | None = None
) -> frozenset[str]:
    """The addresses of everybody whose access to the web is withdrawn: fixed ones, and those where
    `directory` knows them to be now.

    It is withdrawn by the policy itself, or because they are among `people`, by id.
    """
    withdrawn = {*people, *(person.id for person in policy.people.values() if person.withdrawn)}
    found = {address for address, person in policy.addresses.items() if person in withdrawn}
    if directory:
        now = datetime.now(UTC)
        found |= {a for person in withdrawn for a in directory.addresses_of(person, now)}
    return frozenset(found)


def _begin(followed: AccessInForce | BindingsInForce) -> None:
    """Reads the record and follows it; one that is away is waited for. Raises RecordError."""
    try:
        followed.look()
    except RecordError as error:
        if not is_away(error):
            raise
        log.warning("%s", error)
    followed.follow()


def main(arguments: list[str] | None = None) -> int:
    """`python -m addon.gateway.keeper`. 0 after SIGTERM; SIGHUP reads the policy again."""
    parser = argparse.ArgumentParser(prog="addon.gateway.keeper", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--external", action="store_true", help="HAProxy may come later")
    given = parser.parse_args(arguments)
    start_logging()
    stopping, asked = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: asked.set())
    stop_with_parent()
    try:
        policy = PolicyInForce(
            *(given.policy, lambda: datetime.now(UTC), lists_folder(given.state)),
            kept=KeptPolicy(given.state, given.policy),
        )
        policy.keep()
        url = record_url()
        record = record_to_follow(given.state, url)
        access = AccessInForce(record, KeptWithdrawals(given.state) if url else None)
        if isinstance(record, RecordFile):
            access.carry(to_carry(given.state, record))
        bindings = BindingsInForce(record)
        for each in (access, bindings):
            _begin(each)
    except (PolicyError, RecordError) as error:
        log.error("%s", error)
        return 1
    directory = Directory(lambda: policy.now.policy, bindings.bindings)
    keeper = Keeper(
        haproxy_folder(given.state),
        policy,
        lambda policy: withdrawn_addresses(policy, access.withdrawn(), directory),
    )
    ready, said = False, 0.0
    while not stopping.is_set():
        anew = asked.is_set()
        asked.clear()
        answered = keeper.look(anew=anew)
        if not ready and (answered or given.external):
            ready = True
            say_ready()
        if ready and time.monotonic() - said >= ALIVE_EVERY:
            said = time.monotonic()
            say_alive()
        stopping.wait(EVERY)
    bindings.close()
    access.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
