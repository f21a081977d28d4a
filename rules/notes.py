"""A note about a policy: a place in it, and what is worth a second look there."""

from rules.faults import Fault, Spot
from rules.policy import Policy

_NOWHERE = Spot("", 0)


def note(policy: Policy, key: str, finding: str, remedy: str) -> Fault:
    """Give a note about the entry with this key, the whole policy's if it is empty."""
    spot = policy.spots.get(key, _NOWHERE)
    return Fault(spot.file, spot.line, key, finding, remedy)
