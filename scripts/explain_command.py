"""`schoolgate explain`: what would happen to a request, or what happened to one, and why."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from rules.hosts import HostError
from rules.policy import Explanation, Policy
from rules.request import Person, WebRequest, request_for
from scripts.common import Sorry, json_option, policy_at, policy_option, state_option
from storage.database import RecordError, open_record_readonly
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
@policy_option
def explain(
    what: str, who: str | None, at: str | None, as_json: bool, state: Path, policy: Path
) -> None:
    """Say what would happen to a request to URL, which rule decides and which came close.

    Given the REFERENCE of a block page instead, say what happened to that request. That tells the
    decision and never the person, so anyone who is shown a reference may look it up.

    Given - it reads an address from each line of standard input and writes a line of JSON for each.
    """
    rules = policy_at(policy, state)
    if "." not in what and "/" not in what and _is_reference(what):
        _explain_event(rules, state, what, as_json)
        return
    now, person = _moment(at, rules), _person(who, rules)
    if re.fullmatch(r"[\w-]{2,}", what):
        # "Not restricted" would be true of such a host, and mislead whoever mistyped.
        raise Sorry(
            f"{what!r} is neither a web address, such as https://www.facebook.com/, nor the"
            " reference of a block page."
        )
    if what == "-":
        _explain_lines(rules, person, now)
        return
    explanation = rules.explain(_request(what), person, now)
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


def _explain_event(rules: Policy, state: Path, reference: str, as_json: bool) -> None:
    try:
        event = find_event(open_record_readonly(state), reference)
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
        raise Sorry(
            f"{url!r} is not a web address, such as https://www.facebook.com/: {error}"
        ) from error


def _explain_lines(rules: Policy, person: Person | None, now: datetime) -> None:
    """A JSON line for each line of standard input; a line that is no address gets its error."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for lines in _arriving(sys.stdin.buffer):
        answers = []
        for line in lines:
            if not (url := line.decode("utf-8", "replace").strip()):
                continue
            try:
                facts: dict[str, object] = rules.explain(request_for(url), person, now).as_json()
            except HostError as error:
                facts = {"error": str(error)}
            answers.append(encode({"url": url, **facts}) + "\n")
        sys.stdout.write("".join(answers))
        sys.stdout.flush()  # so that a program can ask, wait for the answer, and ask again


def _arriving(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at a time as have come."""
    rest = b""
    while chunk := stream.read1(_AT_ONCE):  # type: ignore[attr-defined]
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines
    yield [rest]


def _person(who: str | None, rules: Policy) -> Person | None:
    if who is None:
        return None
    if person := rules.people.get(who):
        return person
    raise Sorry(
        f"The policy knows nobody called {who!r}; it knows {', '.join(sorted(rules.people))}."
    )


def _moment(text: str | None, rules: Policy) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Sorry(f"{text!r} is not a time, such as '2026-11-23 08:30'.") from error
    if moment.tzinfo:
        return moment
    local = moment.replace(tzinfo=rules.school.timezone)
    if local.astimezone(UTC).astimezone(rules.school.timezone).replace(tzinfo=None) != moment:
        raise Sorry(f"There is no {text}: the clocks go forward in that hour. Choose another time.")
    return local


def _words(explanation: Explanation) -> str:
    decision = explanation.decision
    lines = [f"{'Allowed' if decision.allowed else 'Refused'}: {decision.reason}"]
    if decision.rule:
        rule = decision.rule
        lines.append(f"Rule: {rule.id}, “{rule.title}” ({rule.file}:{rule.line})")
    if decision.clause:
        lines.append(f"Policy, “{decision.clause.heading}”: {decision.clause.text}")
    for near in explanation.near:
        lines.append(
            f"Came close: {near.rule.id}, “{near.rule.title}” ({near.rule.file}:{near.rule.line}),"
            f" but {'; '.join(near.failed)}."
        )
    return "\n".join(lines)
