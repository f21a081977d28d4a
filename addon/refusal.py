"""What a refused person is told: the policy's words, the school's contact and a reference."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from addon.block_page import Answer, BlockPage, answer
from rules.identity import Source
from rules.policy import Decision, Outcome, Policy
from rules.school import Contact, Contacts
from storage.events import reference

# 403 for everything that was decided. The others are their own matter (RFC 9110, sections 15.5.1,
# 15.5.20 and 15.6.4): a request that makes no sense, one for somebody else, a fault that will pass.
_STATUS: Final[Mapping[Outcome, int]] = {
    Outcome.MALFORMED: 400,
    Outcome.MISMATCH: 421,
    Outcome.RECORD_UNAVAILABLE: 503,
    Outcome.RECORD_FULL: 503,
}
_MENDED_BY_IT: Final = frozenset(
    {
        Outcome.UNIDENTIFIED,
        Outcome.MALFORMED,
        Outcome.MISMATCH,
        Outcome.NAMELESS,
        Outcome.INTERNAL_ERROR,
        Outcome.RECORD_UNAVAILABLE,
        Outcome.RECORD_FULL,
    }
)


def block_page(policy: Policy, decision: Decision, host: str, portal_url: str) -> BlockPage:
    """The page for a refusal of `host`; `portal_url` is where browsers reach the portal, or ''."""
    contact = _whom_to_ask(policy.school.contacts, decision.outcome)
    clause = decision.clause
    return BlockPage(
        outcome=decision.outcome,
        school=policy.school.name,
        site=decision.site.name if decision.site else host,
        reason=decision.reason,
        clause_heading=clause.heading if clause else "",
        clause_text=clause.text if clause else "",
        contact_name=contact.name,
        contact_role=contact.role,
        contact_email=contact.email,
        contact_phone=contact.phone,
        portal_url=portal_url,
        status=_STATUS.get(decision.outcome, 403),
        sign_in=Source.SIGN_IN in policy.identity.sources,
    )


def refusal_answer(
    page: BlockPage,
    policy: Policy,
    host: str,
    event: int | None,
    method: str,
    headers: Mapping[str, str],
    now: datetime,
) -> Answer:
    """The answer to one refused request. `event` is its number in the record, if it has one.

    `headers` are the request's, by name in lower case.
    """
    return answer(
        page,
        host=host,
        reference=reference(event) if event is not None else "",
        at=now.astimezone(policy.school.timezone),
        method=method,
        headers=headers,
    )


def _whom_to_ask(contacts: Contacts, outcome: Outcome) -> Contact:
    """What a person decides is the head's; what a machine got wrong is for whoever mends it."""
    return contacts.it if outcome in _MENDED_BY_IT else contacts.head
