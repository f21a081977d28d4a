"""Whether the record is the one that was in use before."""

from __future__ import annotations

from collections.abc import Iterator

from addon.broken_records import broken_records
from addon.doctor.finding import Finding, look
from addon.doctor.patient import Patient, hidden


def examine(patient: Patient) -> Iterator[Finding]:
    """Nothing where it is, where the state folder is hidden, or once somebody has seen to it."""
    if not hidden(patient, "record"):
        for problem in broken_records(patient.state):
            yield look("record", *problem)
