"""What the seals themselves tell, and the rows beside the events cannot."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from storage.holds import HOLD
from storage.instants import HOUR
from storage.sealing import What


@dataclass(slots=True)
class ChainFacts:
    """Gathered along the chain. Times are in whole hours since 1970.

    `no_acts` are events that only led elsewhere. The newest event that was ever purged was of the
    hour `purged_to`, -1 if there was none. Counts have their people from `named_from` on, and are
    there at all from `kept_from` on, as far as they were not taken out by hand. `holds` are legal
    holds as they stand, by their numbers (`storage.holds`).
    """

    no_acts: set[int] = field(default_factory=set)
    purged_to: int = -1
    named_from: int = 0
    kept_from: int = 0
    holds: dict[int, Any] = field(default_factory=dict)

    def learn(self, seal: Any) -> None:
        """Takes in a seal that was found whole."""
        if seal.facts is None:
            return
        facts = json.loads(seal.facts)
        match seal.what:
            case What.NO_ACTS:
                self.no_acts.update(facts["events"])
            case What.PURGE if "of" not in facts:
                self.purged_to = max(self.purged_to, facts["to"] // HOUR)
            case What.NOTE:
                self.named_from = max(self.named_from, facts.get("named_from", 0))
                self.kept_from = max(self.kept_from, facts.get("kept_from", 0))
                if hold := facts.get(HOLD):
                    self.holds[hold["id"]] = hold
