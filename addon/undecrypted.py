"""Sites that the policy judges by name alone, because their apps refuse the school's certificate.

What it opens there passes as it is, on record like anything else before the first byte leaves. What
it does not open is decrypted like the rest, so that a browser is shown the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mitmproxy.connection import Client

from addon.flows import client_address
from addon.gate import Gate
from addon.sockets import hold, release
from rules.conditions import Doing, OnPath
from rules.policy import Decision, Policy
from rules.request import WebRequest
from storage.events import Event
from storage.recorder import NotDurable


async def opens_unseen(gate: Gate, client: Client, names: Sequence[str]) -> bool:
    """Whether a connection that gives these canonical names passes undecrypted; records it first.

    How much went each way is not counted, and of what is done there nothing is known.
    """
    policy, now = gate.policy.now.policy, datetime.now(UTC)
    site = policy.restricted_site(names[0]) if names else None
    if site is None or site.id not in policy.not_decrypted or len(set(names)) > 1:
        return False
    address = client_address(client.peername)
    who = gate.access.person_at(client)
    grants = gate.access.in_force.grants_of(who.person.id, now) if who.person else ()
    decision = policy.decide(WebRequest(names[0]), who.person, now, grants)
    if not decision.allowed or _looks_inside(policy, decision):
        return False
    event = Event(
        id=gate.event_ids.next(now),
        at=now,
        person=who.person.id if who.person else None,
        source=who.source,
        address=address,
        site=site.id,
        host=names[0],
        scheme="https",
        method="",
        kind="unknown",
        allowed=True,
        outcome=decision.outcome,
        reason=decision.reason,
        rule=decision.rule.id if decision.rule else None,
        clause=decision.clause.id if decision.clause else None,
        path=None,
        policy=policy.digest[:12],
        confidence=who.confidence,
    )
    hold(client, event)
    try:
        await gate.recorder.durable(event, gate.record_within)
    except NotDurable:
        return False  # decrypted, so that the reason can be told
    finally:
        release(client, event)
    gate.counts.allowed += 1
    gate.access.passing[client] = names[0]
    let_through = gate.access.let_through
    let_through.begin_unseen(client, let_through.permit(policy, who, decision.grant))
    return True


def _looks_inside(policy: Policy, decision: Decision) -> bool:
    """Whether the purpose that decided asks for what a name does not show."""
    return any(
        isinstance(condition, OnPath | Doing)
        for purpose in policy.purposes
        if purpose.rule == decision.rule
        for condition in purpose.conditions
    )
