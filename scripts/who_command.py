"""`schoolgate who`: who is at an address, or where a person is, now or at a time.

It shows addresses and devices, and never what was opened there. Still, where somebody's devices
were is about that person; so each look that names a person is noted in `looks.jsonl` in the state
folder: when, which account of this computer, and what was asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.identity.bindings import Claim, Known, weigh
from addon.identity.intervals import Interval, in_words
from addon.identity.rows import interval_of
from rules.hosts import HostError, canonical_address
from rules.identity import PERSONAL, Source, is_randomised
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
from storage.bindings import bindings_at, open_bindings
from storage.database import RecordError, open_record_readonly


@dataclass(frozen=True, slots=True)
class _Told:
    """What one source says of one address, and how sure (0 to 100)."""

    address: str
    person: str
    source: Source
    confidence: int
    interval: Interval | None = None  # None for what stands in the policy


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
    that another contradicts, is shown too.
    """
    rules = policy_at(policy, state)
    at_time = datetime.now(UTC) if at is None else moment(at, rules.school.timezone)
    if at_time > datetime.now(UTC):
        raise WrongUsage(f"{at!r} has not come yet, so nobody can know who is where then.")
    told = _told(rules, state, url, at_time, past=at is not None)
    person = rules.people.get(whom)
    if person is not None:
        addresses = sorted({one.address for one in told if one.person == person.id})
    else:
        try:
            addresses = [canonical_address(whom)]
        except HostError as error:
            raise Sorry(f"{whom!r} is neither an address nor a person of the policy's.") from error
    told = [one for one in told if one.address in addresses]
    if told:
        _note(state, whom, at)
    known = {address: _weighed(rules, told, address) for address in addresses}
    if as_json:
        facts = [_facts(address, known[address], told, at_time) for address in addresses]
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    elif not addresses:
        click.echo(f"{whom} is not known to be anywhere.")
    else:
        for address in addresses:
            click.echo(_words(rules, address, known[address], told, at_time))
    there = {found.person for found in known.values()}
    if not (person.id in there if person else any(there)):
        raise SystemExit(1)


def _told(rules: Policy, state: Path, url: str | None, at: datetime, *, past: bool) -> list[_Told]:
    try:
        database = open_record_readonly(state, url)
        rows = bindings_at(database, at) if past else open_bindings(database)
    except RecordError as error:
        raise Sorry(str(error)) from error
    told = [
        _Told(address, person, Source.ADDRESS, 100) for address, person in rules.addresses.items()
    ]
    for row in rows:
        if interval := interval_of(row):
            sure = interval.confidence_then(at) if past else interval.confidence(at)
            told.append(_Told(row.address, row.person, interval.source, sure, interval))
    return told


def _weighed(rules: Policy, told: list[_Told], address: str) -> Known:
    here = [one for one in told if one.address == address]
    shared = rules.identity.shared
    if address in shared or any(one.interval and one.interval.hardware in shared for one in here):
        here = [one for one in here if one.source in PERSONAL]
    claims = [Claim(one.person, one.source, one.confidence) for one in here]
    return weigh(claims, rules.identity, rules.needed_confidence)


def _facts(address: str, known: Known, told: list[_Told], at: datetime) -> dict[str, object]:
    return {
        "address": address,
        "person": known.person,
        "source": known.source,
        "confidence": known.confidence,
        "in_words": in_words(known.confidence) if known.person else "unknown",
        "sources_disagree": known.disagree,
        "told": [_fact(one, at) for one in told if one.address == address],
    }


def _fact(one: _Told, at: datetime) -> dict[str, object]:
    facts: dict[str, object] = {
        "person": one.person,
        "source": one.source,
        "confidence": one.confidence,
    }
    if interval := one.interval:
        facts |= {
            "hardware": interval.hardware,
            "randomised": bool(interval.hardware) and is_randomised(interval.hardware),
            "from": interval.began.isoformat(timespec="seconds"),
            "vouched": interval.vouched.isoformat(timespec="seconds"),
            "age_seconds": max(0, round((at - interval.vouched).total_seconds())),
            "until": interval.ended and interval.ended.isoformat(timespec="seconds"),
            "why": interval.why,
        }
    return facts


def _words(rules: Policy, address: str, known: Known, told: list[_Told], at: datetime) -> str:
    if known.person:
        first = (
            f"{address}: {_name(rules, known.person)}, {in_words(known.confidence)}"
            f" ({known.confidence} of 100), by {known.source}."
        )
    elif known.disagree:
        first = f"{address}: nobody, because the sources disagree."
    elif known.confidence:
        first = f"{address}: nobody; the best guess is not sure enough ({known.confidence} of 100)."
    else:
        first = f"{address}: nobody is known to be there."
    lines = [first]
    for one in told:
        if one.address == address:
            lines.append(f"  {one.source}: {_name(rules, one.person)}, {_story(rules, one, at)}")
    return "\n".join(lines)


def _story(rules: Policy, one: _Told, at: datetime) -> str:
    sure = f"{in_words(one.confidence)} ({one.confidence} of 100)"
    if one.interval is None:
        return f"{sure}, as the policy says today."
    interval = one.interval
    began = interval.began.astimezone(rules.school.timezone)
    parts = [sure, f"since {began:%d %B %H:%M}", f"last heard of {_ago(at, interval.vouched)}"]
    if interval.hardware:
        made_up = ", an address it made up itself" if is_randomised(interval.hardware) else ""
        parts.append(f"device {interval.hardware}{made_up}")
    if interval.ended:
        ended = interval.ended.astimezone(rules.school.timezone)
        parts.append(f"until {ended:%d %B %H:%M} ({interval.why})")
    return ", ".join(parts) + "."


def _ago(at: datetime, vouched: datetime) -> str:
    seconds = (at - vouched).total_seconds()
    if seconds <= 0:
        return "at that time or later"
    if seconds < 120:
        return f"{seconds:.0f} seconds before"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes before"
    return f"{seconds / 3600:.0f} hours before"


def _name(rules: Policy, person: str) -> str:
    known = rules.people.get(person)
    return f"{known.name} ({person})" if known else f"{person} (not in the policy any more)"


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
