"""`schoolgate explain`: what would happen to a request, or what happened to one, and why."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import click

from rules.hosts import HostError
from rules.policy import Explanation, Grant, Policy
from rules.request import Person, WebRequest, request_for
from scripts.common import (
    Sorry,
    WrongUsage,
    json_option,
    policy_at,
    policy_option,
    record_option,
    state_option,
)
from scripts.lookups import person_of
from scripts.moments import moment
from storage.access import access_at
from storage.database import NoRecordError, RecordError, open_record_readonly
from storage.events import event_id
from storage.usage import EventView, find_event

_AT_ONCE: Final = 1 << 16  # bytes


@click.command()
@click.argument("what", metavar="URL|REFERENCE|-")
@click.option(
    "--as", "who", metavar="PERSON", help="Someone of the policy. [default: nobody known]"
)
@click.option(
    "--at", metavar="TIME", help="Such as '2026-11-23 08:30', school time. [default: now]"
)
@json_option
@state_option
@record_option
@policy_option
def explain(
    what: str,
    who: str | None,
    at: str | None,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Say what would happen to a request to URL, which rule decides and which came close.

    Given the REFERENCE of a block page instead, say what happened to that request. That tells the
    decision and never the person, so anyone who is shown a reference may look it up.

    Given - it reads an address from each line of standard input and writes a line of JSON for each.
    """
    rules = policy_at(policy, state)
    if "." not in what and "/" not in what and _is_reference(what):
        _explain_event(rules, state, url, what, as_json)
        return
    now = datetime.now(UTC) if at is None else moment(at, rules.school.timezone)
    person, grants = _standing(who, rules, state, url, now)
    if re.fullmatch(r"[\w-]{2,}", what):
        # "Not restricted" would be true of such a host, and mislead whoever mistyped.
        raise WrongUsage(
            f"{what!r} is neither a web address, such as https://www.facebook.com/, nor the"
            " reference of a block page."
        )
    if what == "-":
        _explain_lines(rules, person, now, grants)
        return
    explanation = rules.explain(_request(what), person, now, grants)
    if as_json:
        click.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        click.echo(_words(explanation))


def _is_reference(text: str) -> bool:
    try:
        event_id(text)
    except ValueError:
        return False
    return True


def _explain_event(
    rules: Policy, state: Path, url: str | None, reference: str, as_json: bool
) -> None:
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


def _request(url: str) -> WebRequest:
    try:
        return request_for(url)
    except HostError as error:
        raise WrongUsage(
            f"{url!r} is not a web address, such as https://www.facebook.com/: {error}"
        ) from error


def _explain_lines(
    rules: Policy, person: Person | None, now: datetime, grants: tuple[Grant, ...]
) -> None:
    """A JSON line for each line of standard input; a line that is no address gets its error."""
    encode = json.JSONEncoder(ensure_ascii=False).encode

    # Answers are far fewer than addresses, and to write one out takes as long as to find it.
    @lru_cache(maxsize=4096)
    def facts_of(explanation: Explanation) -> str:
        return encode(explanation.as_json())

    for lines in _arriving(sys.stdin.buffer):
        answers = []
        for line in lines:
            if not (url := line.decode("utf-8", "replace").strip()):
                continue
            try:
                facts = facts_of(rules.explain(request_for(url), person, now, grants))
            except HostError as error:
                facts = encode({"error": str(error)})
            answers.append(f'{{"url": {encode(url)}, {facts[1:]}\n')
        sys.stdout.write("".join(answers))
        sys.stdout.flush()  # so that a program can ask, wait for the answer, and ask again


def _arriving(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at a time as have come."""
    rest = b""
    while chunk := stream.read1(_AT_ONCE):  # type: ignore[attr-defined]
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines
    yield [rest]


def _standing(
    who: str | None, rules: Policy, state: Path, url: str | None, now: datetime
) -> tuple[Person | None, tuple[Grant, ...]]:
    """Somebody as they stand at a time: withdrawn or not, and what they are granted."""
    if who is None:
        return None, ()
    person = person_of(who, rules)
    try:
        here = access_at(open_record_readonly(state, url), now)
    except NoRecordError:
        return person, ()
    except RecordError as error:
        raise Sorry(str(error)) from error
    grants = tuple(
        Grant(who, step.site, step.until, step.purpose or "", step.reference)
        for step in here.grants
        if step.person == who and step.site and step.until and step.is_live(now)
    )
    return replace(person, withdrawn=who in here.withdrawn), grants


def _words(explanation: Explanation) -> str:
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
    return "\n".join(lines)
