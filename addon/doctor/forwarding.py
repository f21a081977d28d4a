"""Whether the record reaches the centre, where it is forwarded to one."""

from __future__ import annotations

from collections.abc import Iterator

from addon.doctor.finding import Finding, broken, good, look
from addon.doctor.patient import Patient, hidden
from addon.forwarding.status import read_forwarding


def examine(patient: Patient) -> Iterator[Finding]:
    """Nothing where no record is forwarded, or where the state folder is hidden."""
    if hidden(patient, "centre") or (status := read_forwarding(patient.state)) is None:
        return
    worry = status.worry(patient.now)
    if worry is None:
        problem = f" Just now it does not answer: {status.problem}" if status.problem else ""
        yield good("centre", f"{status.centre}: {status.in_words()}{problem}")
    elif status.changed:
        yield broken(
            "centre",
            f"{worry} {status.problem}",
            "Run 'schoolgate record verify' here and with --at there.",
        )
    else:
        yield look(
            "centre",
            f"{worry} {status.problem or ''}".strip(),
            "Mend the link or the centre; nothing is lost meanwhile.",
        )
