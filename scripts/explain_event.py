"""What `schoolgate explain REFERENCE` says: what happened to a request, and never to whom."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from rules.policy import Policy
from scripts.common import Sorry
from storage.database import RecordError, open_record_readonly
from storage.events import event_id
from storage.usage import EventView, find_event


def is_reference(text: str) -> bool:
    """Whether a text has the form of a block page's reference."""
    try:
        event_id(text)
    except ValueError:
        return False
    return True


def explain_event(
    rules: Policy, state: Path, url: str | None, reference: str, as_json: bool
) -> None:
    """Say what happened to the request with a reference. Raises Sorry if there is none."""
    try:
        event = find_event(open_record_readonly(state, url), reference)
    except RecordError as error:
        raise Sorry(str(error)) from error
    if event is None:
        raise Sorry(f"There is no request {reference} on record; check the reference, or --state.")
    at = event.at.astimezone(rules.school.timezone)
    if as_json:
        click.echo(json.dumps(_event_json(event, at), indent=2))
        return
    site = rules.catalogue.sites.get(event.site)
    clause = rules.clauses.get(event.clause or "")
    lines = [
        f"{'Allowed' if event.allowed else 'Refused'}: {site.name if site else event.site},"
        f" {at:%A} {at.day} {at:%B %Y}, {at:%H:%M}.",
        f"Why: {event.reason}",
    ]
    if event.rule:
        lines.append(f"Rule: {event.rule}")
    if clause:
        lines.append(f"Policy, “{clause.heading}”: {clause.text}")
    click.echo("\n".join(lines))


def _event_json(event: EventView, at: datetime) -> dict[str, object]:
    return {
        "at": at.isoformat(timespec="seconds"),
        "site": event.site,
        "kind": event.kind,
        "allowed": event.allowed,
        "outcome": event.outcome,
        "reason": event.reason,
        "rule": event.rule,
        "clause": event.clause,
    }
