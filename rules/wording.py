"""Reasons in plain English, calm and never accusing. A policy may word any of them its own way."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.decision import Decision, Outcome, RuleRef
from rules.school import Clause
from rules.sites import Site

_SLOT = re.compile(r"\{([^{}]*)\}")
SLOTS = frozenset({"site", "kind", "purpose", "until"})

_OWN_WORDS: Mapping[Outcome, str] = {
    Outcome.NOT_RESTRICTED: "This site is not restricted.",
    Outcome.PURPOSE: "{site} is open here for a school purpose: {purpose}.",
    Outcome.GRANT: "{site} is open to you until {until}: {purpose}.",
    Outcome.NO_PURPOSE: (
        "{site} is {kind}. At school it opens only for a school purpose, "
        "and none of your school purposes covers this."
    ),
    Outcome.UNIDENTIFIED: (
        "{site} is {kind}. At school it opens only for a school purpose, "
        "and the gate does not know who is using this device."
    ),
    Outcome.WITHDRAWN: (
        "Your access to the web at school is withdrawn for now. The head teacher can tell you more."
    ),
    Outcome.MISMATCH: "This request gives two different names for the site it wants.",
    Outcome.MALFORMED: "This request does not follow the rules of the web, so it was not sent on.",
    Outcome.NAMELESS: "This request does not say which site it wants, so it was not sent on.",
    Outcome.INTERNAL_ERROR: (
        "Something went wrong in the gate itself (internal error). It is nothing that you did."
    ),
    Outcome.RECORD_UNAVAILABLE: (
        "{site} opens only once the visit is on record, and just now the record cannot be written. "
        "Please try again in a few minutes."
    ),
    Outcome.RECORD_FULL: (
        "{site} opens only once the visit is on record. The gate cannot put this on record just "
        "now, because the record has no room left."
    ),
    Outcome.APP_REFUSED: (
        "An app or browser on this device did not accept the school's certificate for {site}, "
        "so nothing was opened."
    ),
    Outcome.NO_CERTIFICATE: (
        "The school's certificate does not cover {site} yet, so the gate can neither open it nor "
        "show a page."
    ),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """The reason and the clause for each outcome; `kinds` say what a site of a category is.

    The rest is what a refusal goes back to: by site id the entry that restricts it, and where the
    policy says what becomes of devices that nobody is known to use, and of withdrawals.
    """

    texts: Mapping[Outcome, str] = field(default_factory=dict)
    clauses: Mapping[Outcome, Clause] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    restricting: Mapping[str, RuleRef] = field(default_factory=dict)
    unidentified: RuleRef | None = None
    essentials: RuleRef | None = None

    def reason(
        self, outcome: Outcome, site: Site | None, purpose: str = "", until: str = ""
    ) -> str:
        """Fill in the words for an outcome."""
        slots = {
            "site": site.name if site else "This site",
            "kind": self.kind(site),
            "purpose": purpose,
            "until": until,
        }
        text = self.texts.get(outcome) or _OWN_WORDS[outcome]
        return _SLOT.sub(lambda slot: slots[slot[1]], text)

    def refusal(self, outcome: Outcome, site: Site | None) -> Decision:
        """Give a refusal with its words, the line of the policy behind it, and its clause."""
        reason, rule = self.reason(outcome, site), self._rule(outcome, site)
        return Decision(False, outcome, reason, site, rule, self.clauses.get(outcome))

    def _rule(self, outcome: Outcome, site: Site | None) -> RuleRef | None:
        restricting = None if site is None else self.restricting.get(site.id)
        match outcome:
            case Outcome.WITHDRAWN:
                return self.essentials
            case Outcome.UNIDENTIFIED:
                return self.unidentified or restricting
            case _:
                return restricting

    def kind(self, site: Site | None) -> str:
        """Say what kind of site it is, with its article: `a social networking site`."""
        kinds = [self.kinds[c] for c in sorted(site.categories if site else ()) if c in self.kinds]
        noun = kinds[0] if kinds else "restricted site"
        return with_article(noun)


def with_article(noun: str) -> str:
    """Write `an online meeting place`, `a social networking site`."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def unknown_slots(text: str) -> list[str]:
    """Give the slots of a wording that nothing fills, and stray braces."""
    return [slot for slot in _SLOT.findall(text) if slot not in SLOTS] + re.findall(
        r"[{}]", _SLOT.sub("", text)
    )
