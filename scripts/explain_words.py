"""An explanation as a person reads it: a line for each thing there is to say."""

from __future__ import annotations

from rules.decision import Explanation, Offer
from rules.granting import in_words


def words(explanation: Explanation) -> str:
    """The decision, what it rests on, what came close, and what the person could declare."""
    decision = explanation.decision
    lines = [f"{'Allowed' if decision.allowed else 'Refused'}: {decision.reason}"]
    if decision.grant:
        lines.append(f"Grant: {decision.grant.reference}")
    if decision.rule:
        rule = decision.rule
        lines.append(f"Rule: {rule.id}, “{rule.title}” ({rule.file}:{rule.line})")
    if decision.clause:
        lines.append(f"Policy, “{decision.clause.heading}”: {decision.clause.text}")
    for near in explanation.near:
        rule, why = near.rule, "; ".join(near.failed)
        said = f"“{rule.title}”: {why}." in decision.reason
        lines.append(
            f"Came close: {rule.id}, “{rule.title}” ({rule.file}:{rule.line})"
            f"{'' if said else f', but {why}'}."
        )
    lines += map(_offered, explanation.offers)
    return "\n".join(lines)


def _offered(offer: Offer) -> str:
    rule = offer.rule
    times = "once" if offer.a_day == 1 else f"{offer.a_day} times"
    return (
        f"Could declare: {rule.id}, “{rule.title}” ({rule.file}:{rule.line}), for"
        f" {in_words(offer.longest)} at most, {times} a day,"
        f" {'after approval' if offer.needs_approval else 'at once'}"
        f"{', but not now: ' if offer.failed else ''}{'; '.join(offer.failed)}."
    )
