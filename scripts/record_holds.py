"""`schoolgate record hold`, `release`, `holds`: whose events stay, whatever their age."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from rules.faults import suggestion
from rules.policy import Policy
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
from storage.database import Database, NoRecordError, RecordError, open_record, open_record_readonly
from storage.holds import Hold, people_held, people_on_record
from storage.holds import hold as hold_on
from storage.holds import holds as holds_of
from storage.holds import release as let_go


@click.command()
@click.argument("person")
@click.option("--by", "who", required=True, metavar="PERSON", help="Who decided. It is recorded.")
@click.option("--why", required=True, help="The reason. It is recorded.")
@click.option("--case", metavar="TEXT", help="The case that it is for. It is recorded.")
@state_option
@record_option
@policy_option
def hold(
    person: str,
    who: str,
    why: str,
    case: str | None,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Keep PERSON's events from every purge until they are released: a legal hold.

    PERSON is an id of the policy, or of somebody who is on record and has left it.
    """
    rules = policy_at(policy, state)
    by = person_of(who, rules)
    if not (words := _one_line(why)):
        raise Sorry("A hold needs a reason: say with --why why.")
    try:
        database = _there(state, url)
        if person not in rules.people:
            _on_record(person, people_on_record(database, person), rules)
        hold_on(database, person, by.id, words, _now(), _one_line(case or "") or None)
    except RecordError as error:
        raise Sorry(str(error)) from error
    click.echo(f"{person}'s events stay until they are released.")


@click.command()
@click.argument("person")
@click.option("--by", "who", required=True, metavar="PERSON", help="Who decided. It is recorded.")
@click.option("--case", metavar="TEXT", help="End only what is held for this case.")
@state_option
@record_option
@policy_option
def release(
    person: str, who: str, case: str | None, state: Path, url: str | None, policy: Path
) -> None:
    """End the legal hold on PERSON's events: the next purge treats them as any others."""
    by = person_of(who, policy_at(policy, state))
    try:
        database = _there(state, url)
        ended = let_go(database, person, by.id, _now(), _one_line(case) if case else None)
        held = people_held(database)
    except RecordError as error:
        raise Sorry(str(error)) from error
    if not ended:
        hint = "" if person in held else suggestion(person, held)
        of_it = f" for the case {case}" if case else ""
        raise Sorry(f"There is no hold on {person}'s events{of_it}. {hint}".rstrip())
    if person in held:
        click.echo(f"{person}'s events are still held for another reason: see 'record holds'.")
    else:
        click.echo(f"{person}'s events are no longer held.")


@click.command()
@click.option("--all", "ended", is_flag=True, help="Those that were released, too.")
@json_option
@state_option
@record_option
def holds(ended: bool, as_json: bool, state: Path, url: str | None) -> None:
    """List the legal holds: on whose events, by whom, why, since when, and for which case."""
    try:
        found = holds_of(open_record_readonly(state, url), ended=ended)
    except RecordError as error:
        raise Sorry(str(error)) from error
    if as_json:
        click.echo(json.dumps([_as_json(each) for each in found], indent=2, ensure_ascii=False))
        return
    for each in found:
        click.echo(_in_words(each))
    if not found:
        click.echo("Nobody's events are held.")


COMMANDS = (hold, release, holds)


def _there(state: Path, url: str | None) -> Database:
    """The record, to write to; a folder that was mistyped does not become one."""
    try:
        open_record_readonly(state, url)
    except NoRecordError:
        raise
    except RecordError:
        pass  # an older one is brought up to date next, and any other fault is said
    return open_record(state, url)


def _in_words(each: Hold) -> str:
    said = f"{each.person}: since {_moment(each.began)}, by {each.by}"
    if each.case:
        said += f", case {each.case}"
    if each.ended:
        said += f"; released {_moment(each.ended)} by {each.ended_by}"
    return f"{said}. {each.why}"


def _as_json(each: Hold) -> dict[str, object]:
    times = {"began": each.began.isoformat(), "ended": each.ended and each.ended.isoformat()}
    return {**asdict(each), **times}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _on_record(person: str, known: frozenset[str], rules: Policy) -> None:
    """Raises WrongUsage for somebody whom neither the policy nor the record knows."""
    if person not in known:
        hint = suggestion(person, {*known, *rules.people})
        raise WrongUsage(f"Neither the policy nor the record knows {person!r}. {hint}".rstrip())


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%-d %B %Y %H:%M} UTC"


def _now() -> datetime:
    return datetime.now(UTC)
