"""All the examinations, side by side, and none of them for longer than a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from addon.doctor import (
    certificates,
    forwarding,
    heads,
    identity,
    machine,
    network,
    record,
    running,
    school,
    versions,
)
from addon.doctor.finding import Finding, broken, look
from addon.doctor.patient import Examination, Patient

WITHIN: Final = 10.0
"""Seconds in all; what has not answered by then is said to hang. Usually it takes two."""

EXAMINATIONS: Final[tuple[tuple[str, Examination], ...]] = (
    ("policy", school.examine_policy),
    ("lists", school.examine_lists),
    ("workers", running.examine_workers),
    ("record", record.examine),
    ("identity", identity.examine),
    ("portal", running.examine_portal),
    ("HAProxy", running.examine_haproxy),
    ("ports", running.examine_ports),
    ("network", network.examine),
    ("certificates", certificates.examine),
    ("trust", certificates.examine_trust),
    ("disk", machine.examine_disk),
    ("open files", machine.examine_files),
    ("clock", machine.examine_clock),
    ("centre", forwarding.examine),
    ("head", heads.examine),
    ("versions", versions.examine),
)


def examine(
    patient: Patient,
    within: float = WITHIN,
    examinations: Sequence[tuple[str, Examination]] = EXAMINATIONS,
) -> list[Finding]:
    """What was found, in the examinations' order."""
    deadline = time.monotonic() + within
    rounds = [_Round(name, examination, patient) for name, examination in examinations]
    for one in rounds:
        one.start()
    found: list[Finding] = []
    for one in rounds:
        one.join(max(0.0, deadline - time.monotonic()))
        found += list(one.found)
        if one.is_alive():
            found.append(
                look(one.what, "Looking at it took too long.", "See whether the machine is busy.")
            )
    return found


class _Round(threading.Thread):
    def __init__(self, what: str, examination: Examination, patient: Patient) -> None:
        super().__init__(name=what, daemon=True)  # one that hangs does not keep the doctor
        self.what = what
        self.found: list[Finding] = []
        self._examination = examination
        self._patient = patient

    def run(self) -> None:
        try:
            for finding in self._examination(self._patient):
                self.found.append(finding)
        except Exception as error:  # whoever is ill is not left without the rest
            self.found.append(
                broken(
                    self.what,
                    f"It could not be looked at: {str(error) or type(error).__name__}",
                    "Mend what that names; if it names nothing, report it.",
                )
            )
