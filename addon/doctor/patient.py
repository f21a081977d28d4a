"""What is examined, and when: facts that every examination starts from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from addon.doctor.finding import Finding, unseen
from addon.endpoint import Endpoint
from addon.gateway.facts import Facts
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Patient:
    """One installation. `policy` is None if it has faults, `facts` if nothing of a gateway stands.

    `now` is aware and UTC. `portal` is where the portal listens, `workers` how many there should
    be, None if nobody said. `record` is the record's address on a PostgreSQL server, None for the
    file in the state folder.
    """

    state: Path
    policy_file: Path
    policy: Policy | None
    faults: str
    facts: Facts | None
    portal: Endpoint
    workers: int | None
    now: datetime
    record: str | None = None


type Examination = Callable[[Patient], Iterator[Finding]]


def hidden(patient: Patient, what: str) -> Finding | None:
    """That the state folder cannot be seen by this user, or None if it can or is not there."""
    if os.access(patient.state, os.R_OK | os.X_OK) or not _exists(patient.state):
        return None
    return unseen(what, f"Only its owner and root may look into {patient.state}.")


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
