"""What a refused person is told: the policy's words, the school's contact and a reference."""

from __future__ import annotations

from datetime import datetime

from mitmproxy.http import Request

from addon.block_page import Answer, BlockPage, answer
from rules.policy import Decision, Policy
from storage.events import reference


def refusal_answer(
    policy: Policy,
    decision: Decision,
    host: str,
    status: int,
    event: int | None,
    request: Request,
    portal_url: str,
    now: datetime,
) -> Answer:
    """The answer for one refused request. `event` is its number in the record, if it has one."""
    school = policy.school
    contact = school.contacts.head
    page = BlockPage(
        outcome=decision.outcome,
        school=school.name,
        site=decision.site.name if decision.site else host,
        host=host,
        reason=decision.reason,
        clause_heading=decision.clause.heading if decision.clause else "",
        clause_text=decision.clause.text if decision.clause else "",
        contact_name=contact.name,
        contact_role=contact.role,
        contact_email=contact.email,
        contact_phone=contact.phone,
        portal_url=portal_url,
        status=status,
    )
    return answer(
        page,
        reference=reference(event) if event is not None else "",
        at=now.astimezone(school.timezone),
        method=request.method,
        headers=request.headers,
    )
