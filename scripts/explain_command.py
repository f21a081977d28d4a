"""`schoolgate explain`: what would happen to a request, or what happened to one, and why."""

from __future__ import annotations

import json
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
from rules.request import Person
from rules.sites import Action
from scripts.asked import Asking, CannotAsk
from scripts.common import (
    Sorry,
    WrongUsage,
    json_option,
    policy_at,
    policy_option,
    record_option,
    state_option,
)
from scripts.explain_event import explain_event, is_reference
from scripts.explain_words import words
from scripts.lookups import person_of
from scripts.moments import moment
from storage.access import access_at
from storage.database import NoRecordError, RecordError, open_record_readonly

_AT_ONCE: Final = 1 << 16  # bytes


@click.command()
@click.argument("what", metavar="URL|REFERENCE|-")
@click.option(
    "--as", "who", metavar="PERSON", help="Someone of the policy. [default: nobody known]"
)
@click.option(
    "--at", metavar="TIME", help="Such as '2026-11-23 08:30', school time. [default: now]"
)
@click.option(
    "--method", metavar="METHOD", help="Such as POST, as in the policy's tests. [default: GET]"
)
@click.option(
    "--action",
    type=click.Choice([str(action) for action in Action]),
    help="Ask about a request of that site that does this, instead of opening URL.",
)
@json_option
@state_option
@record_option
@policy_option
def explain(
    what: str,
    who: str | None,
    at: str | None,
    method: str | None,
    action: str | None,
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
    if "." not in what and "/" not in what and is_reference(what):
        explain_event(rules, state, url, what, as_json)
        return
    if method is not None and not (method.isascii() and method.isalpha()):
        raise WrongUsage(f"{method!r} is not a method; write it like POST.")
    if method and action:
        raise WrongUsage("Give --method or --action; an action brings its own method.")
    now = datetime.now(UTC) if at is None else moment(at, rules.school.timezone)
    person, grants = _standing(who, rules, state, url, now)
    asking = Asking(rules, method or "GET", Action(action) if action else None)
    if what == "-":
        _explain_lines(asking, person, now, grants)
        return
    try:
        request = asking.about(what)
    except CannotAsk as error:
        raise WrongUsage(str(error)) from error
    except HostError as error:
        raise WrongUsage(
            f"{what!r} is not a web address, such as https://www.facebook.com/: {error}"
        ) from error
    explanation = rules.explain(request, person, now, grants)
    if as_json:
        click.echo(json.dumps(explanation.as_json(), indent=2))
        return
    if action:
        click.echo(f"Asked about: {request.method} {request.host}{request.path}")
    click.echo(words(explanation))


def _explain_lines(
    asking: Asking, person: Person | None, now: datetime, grants: tuple[Grant, ...]
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
                facts = facts_of(asking.rules.explain(asking.about(url), person, now, grants))
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
