"""Whether somebody watches who is where, where the policy wants that, and what was heard last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from addon.doctor.finding import Finding, broken, good, look
from addon.doctor.patient import Patient, hidden
from addon.identity.presence import is_wanted, read_presence
from rules.identity import Source

_ALWAYS: Final = frozenset({Source.ADDRESS, Source.PROXY_SIGN_IN})
"""Sources that nothing is heard of: the policy's own, and each proxy worker's."""


def examine(patient: Patient) -> Iterator[Finding]:
    """The identity process and its sources."""
    if found := hidden(patient, "identity"):
        yield found
        return
    if patient.policy is None:
        return  # which is said already
    if not is_wanted(patient.policy):
        yield good("identity", "The policy's sources need no watching.")
        return
    presence = read_presence(patient.state)
    if presence is None or not presence.answers(patient.now):
        yield broken(
            "identity",
            "Nobody watches who is where, so people are not known any more.",
            "Start it: systemctl start schoolgate (or 'run'), and read its log.",
        )
        return
    for trouble in presence.troubles:
        yield look("identity", trouble, "Mend what that names.")
    silent = [
        source
        for source in patient.policy.identity.sources
        if source not in _ALWAYS and source.value not in presence.heard
    ]
    if silent:
        yield good("identity", f"Nothing has been heard by {', '.join(silent)} since it started.")
    if not presence.troubles:
        yield good("identity", f"Somebody is known to be at {presence.known} addresses.")
