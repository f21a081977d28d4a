"""`schoolgate who`: who is at an address, or where a person is, now or at a time.

It shows addresses and devices, and never what was opened there. Still, where somebody's devices
were is about that person; so each look that names a person is noted in `looks.jsonl` in the state
folder: when, which account of this computer, and what was asked.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.identity.bindings import Claim, Known, weigh
from addon.identity.rows import interval_of
from rules.hosts import HostError, canonical_address
from rules.identity import PERSONAL, Source
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
from scripts.looks import add_look, looks_file
from scripts.moments import moment
from scripts.os_account import os_account
from scripts.who_views import GONE, Told, facts_of, in_lines
from storage.bindings import bindings_at, is_on_record, open_bindings
from storage.connections import Database
from storage.database import RecordError, open_record_readonly


@click.command()
@click.argument("whom", metavar="ADDRESS|PERSON")
@click.option(
    "--at", metavar="TIME", help="Such as '2026-11-23 08:30', school time. [default: now]"
)
@json_option
@state_option
@record_option
@policy_option
def who(
    whom: str, at: str | None, as_json: bool, state: Path, url: str | None, policy: Path
) -> None:
    """Say who is at ADDRESS, or at which addresses PERSON is, how that is known and how sure.

    Exit status 1 if nobody is known to be there. What a source says that is not sure enough, or
    that another contradicts, is shown too. Somebody who is not in the policy any more, or has
    another name there now, is found under the name that the record has.
    """
    rules = policy_at(policy, state)
    at_time = datetime.now(UTC) if at is None else moment(at, rules.school.timezone)
    if at_time > datetime.now(UTC):
        raise WrongUsage(f"{at!r} has not come yet, so nobody can know who is where then.")
    past = at is not None
    database = _record(state, url)
    told = _told(rules, database, at_time, past=past)
    address = _address(whom)
    if address is not None:
        addresses = [address]
    elif whom in rules.people or _is_on_record(database, whom):
        addresses = sorted({one.address for one in told if one.person == whom})
    else:
        raise Sorry(f"{whom!r} is neither an address nor a person of the policy's or the record's.")
    told = [one for one in told if one.address in addresses]
    if told:
        _note(state, whom, at)
    known = {address: _weighed(rules, told, address) for address in addresses}
    if as_json:
        facts = [facts_of(rules, address, known[address], told, at_time) for address in addresses]
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    elif not addresses:
        gone = "" if whom in rules.people else GONE
        click.echo(f"{whom}{gone} {'was' if past else 'is'} not known to be anywhere.")
    else:
        for address in addresses:
            click.echo(in_lines(rules, address, known[address], told, at_time, past=past))
    # The gate goes by today's policy: it knows nobody now who is not in it.
    there = {one.person for one in known.values() if past or one.person in rules.people}
    if not (any(there) if address is not None else whom in there):
        raise SystemExit(1)


def _address(whom: str) -> str | None:
    try:
        return canonical_address(whom)
    except HostError:
        return None


def _record(state: Path, url: str | None) -> Database:
    try:
        return open_record_readonly(state, url)
    except RecordError as error:
        raise Sorry(str(error)) from error


def _is_on_record(database: Database, person: str) -> bool:
    try:
        return is_on_record(database, person)
    except RecordError as error:
        raise Sorry(str(error)) from error


def _told(rules: Policy, database: Database, at: datetime, *, past: bool) -> list[Told]:
    try:
        rows = bindings_at(database, at) if past else open_bindings(database)
    except RecordError as error:
        raise Sorry(str(error)) from error
    told = [
        Told(address, person, Source.ADDRESS, 100) for address, person in rules.addresses.items()
    ]
    for row in rows:
        if interval := interval_of(row):
            sure = interval.confidence_then(at) if past else interval.confidence(at)
            told.append(Told(row.address, row.person, interval.source, sure, interval))
    return told


def _weighed(rules: Policy, told: list[Told], address: str) -> Known:
    here = [one for one in told if one.address == address]
    shared = rules.identity.shared
    if address in shared or any(one.interval and one.interval.hardware in shared for one in here):
        here = [one for one in here if one.source in PERSONAL]
    claims = [Claim(one.person, one.source, one.confidence) for one in here]
    return weigh(claims, rules.identity, rules.needed_confidence)


def _note(state: Path, whom: str, at: str | None) -> None:
    """Notes the look. Where that cannot be done, there is no look."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": os_account(),
        "command": "who",
        "asked": whom,
        "time": at,
    }
    try:
        add_look(state, line)
    except OSError as error:
        raise Sorry(
            f"This look cannot be noted in {looks_file(state)} ({error.strerror}), so nothing is"
            " shown."
        ) from error
