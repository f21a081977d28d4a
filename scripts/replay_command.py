"""`schoolgate replay`: what a new policy would have decided of the recorded past."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rules.mirrors import shows_others
from rules.policy import Outcome, Policy
from rules.request import WebRequest
from scripts.common import Sorry, json_option, policy_at, policy_option, record_option, state_option
from scripts.moments import moment
from storage.database import RecordError, open_record_readonly
from storage.past import PastEvent, count_events, past_events

# What the gate refused because something was broken or forged says nothing of any policy. Nor does
# what it refused to somebody whose access was withdrawn: that is decided before any rule is asked.
_BY_POLICY = {Outcome.PURPOSE, Outcome.GRANT, Outcome.NO_PURPOSE, Outcome.UNIDENTIFIED}


class Change(StrEnum):
    """What the new policy does to a request of the past."""

    BLOCKED = "newly refused"
    ALLOWED = "newly allowed"
    OPEN = "no longer restricted"
    UNCERTAIN = "cannot be told"
    SAME = "the same"


type Counts = Counter[tuple[str, str, Change]]


@dataclass(slots=True)
class LeftOut:
    """How many requests no rule decided, and so no other policy would have decided otherwise."""

    withdrawn: int = 0
    faults: int = 0


@click.command()
@policy_option
@click.option(
    "--since",
    metavar="TIME",
    help="From then on, such as 2026-11-02, school time. [default: 28 days ago]",
)
@json_option
@state_option
@record_option
def replay(policy: Path, since: str | None, as_json: bool, state: Path, url: str | None) -> None:
    """Ask a policy about every request on record, and count what it would decide differently.

    It counts by site and rule and names nobody. It can only tell of sites that were restricted
    then, as others leave no record. Where a rule looks at paths that the record did not need then,
    it says that it cannot tell.
    """
    rules = policy_at(policy, state)
    begin = _beginning(since, rules)
    counts: Counts = Counter()
    left_out = LeftOut()
    try:
        database = open_record_readonly(state, url)
        for event in track(
            past_events(database, begin),
            "Asking",
            count_events(database, begin),
            console=Console(stderr=True),
            transient=True,
            disable=as_json,
        ):
            if event.outcome in _BY_POLICY:
                change, rule = _change(rules, event)
                counts[event.site, rule, change] += 1
            elif event.outcome == Outcome.WITHDRAWN:
                left_out.withdrawn += 1
            else:
                left_out.faults += 1
    except RecordError as error:
        raise Sorry(str(error)) from error
    (_say_json if as_json else _say)(rules, begin, counts, left_out)


def _change(rules: Policy, event: PastEvent) -> tuple[Change, str]:
    """What becomes of one past request, and the rule it is due to."""
    person = rules.people.get(event.person) if event.person else None
    request = WebRequest(
        event.host,
        event.scheme,
        method=event.method,
        path=event.path,
        shown=_shown(rules, event),
    )
    if event.path is None and not request.shown and rules.sees_through(event.host):
        return Change.UNCERTAIN, event.rule or ""  # it hinges on a path that nobody wrote down
    decision = rules.decide(request, person, event.at)
    if decision.outcome is Outcome.NOT_RESTRICTED:
        return Change.OPEN, ""
    rule = decision.rule.id if decision.rule else event.rule or ""
    # A grant was one person's and of its day; no policy takes it back or gives it.
    if event.outcome == Outcome.GRANT:
        return Change.SAME, rule
    if event.path is None and rules.hinges_on_path(request, person, event.at):
        return Change.UNCERTAIN, rule
    if decision.allowed is event.allowed:
        return Change.SAME, rule
    return (Change.ALLOWED if decision.allowed else Change.BLOCKED), rule


def _shown(rules: Policy, event: PastEvent) -> str | None:
    """For an archive or its like, a host of the site whose page it showed: the record keeps which
    site that was, and not the address that told.
    """
    site = rules.catalogue.sites.get(event.site) if shows_others(event.host) else None
    return site.domains[0] if site and site.domains else None


def _beginning(since: str | None, rules: Policy) -> datetime:
    if since is None:
        return datetime.now(UTC) - timedelta(days=28)
    return moment(since, rules.school.timezone)


def _say(rules: Policy, begin: datetime, counts: Counts, left_out: LeftOut) -> None:
    day = f"{begin.astimezone(rules.school.timezone):%-d %B %Y}"
    if not counts:
        click.echo(f"No request was decided by policy since {day}.")
        _say_left_out(left_out)
        return
    table = Table(title=f"Requests since {day}, by this policy", title_justify="left")
    for heading in ("Site", "Rule", "Change"):
        table.add_column(heading)
    table.add_column("Requests", justify="right")
    for (site, rule, change), number in sorted(counts.items()):
        known = rules.catalogue.sites.get(site)
        table.add_row(known.name if known else site, rule or "none", change, f"{number:,}")
    Console().print(table)
    uncertain = sum(n for (_, _, change), n in counts.items() if change is Change.UNCERTAIN)
    same = sum(n for (_, _, change), n in counts.items() if change is Change.SAME)
    total = sum(counts.values())
    click.echo(f"{total - same - uncertain:,} of {total:,} requests would be decided differently.")
    if uncertain:
        click.echo(
            f"Of {uncertain:,} it cannot be told: the record did not need the path, and this"
            " policy looks at it."
        )
    _say_left_out(left_out)
    click.echo("Sites that were not restricted then left no record, so they are not in here.")


def _say_left_out(left_out: LeftOut) -> None:
    if left_out.withdrawn:
        click.echo(
            f"Left out: {left_out.withdrawn:,} that were refused because web access was withdrawn."
        )
    if left_out.faults:
        click.echo(f"Left out: {left_out.faults:,} that were refused for faults and not by a rule.")


def _say_json(rules: Policy, begin: datetime, counts: Counts, left_out: LeftOut) -> None:
    changes = [
        {"site": site, "rule": rule or None, "change": change, "requests": number}
        for (site, rule, change), number in sorted(counts.items())
    ]
    facts = {
        "policy": rules.digest,
        "since": begin.isoformat(),
        "changes": changes,
        "left_out": asdict(left_out),
    }
    click.echo(json.dumps(facts, indent=2))
