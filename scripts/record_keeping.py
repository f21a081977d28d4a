"""`schoolgate record purge`: how long the record is kept. Holds are in `scripts.record_holds`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import click

from rules.policy import Policy
from scripts import record_holds, record_leftovers
from scripts.common import NotNow, Sorry, policy_at, policy_option, record_option, state_option
from scripts.record_forwarding import forget_at_centre
from storage.database import Database, RecordError, open_record, open_record_readonly
from storage.holds import people_held
from storage.purging import due, purge_bindings, purge_events
from storage.purging_access import access_due, purge_access
from storage.purging_figures import forget_names, purge_figures
from storage.purging_visits import purge_visits
from storage.server_faults import may_pass
from storage.verifying import verify
from storage.visit_seals import seal_visits


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option(
    "--even-if-broken",
    is_flag=True,
    help="Purge a record that 'record verify' finds changed. What was changed may then be gone.",
)
@click.option(
    "--forward-to",
    metavar="URL",
    envvar="SCHOOLGATE_FORWARD_TO",
    show_envvar=True,
    help="The centre, which is to do likewise with this school's older records.",
)
@state_option
@record_option
@policy_option
def purge(
    dry_run: bool,
    even_if_broken: bool,
    forward_to: str | None,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Remove what has been kept for as long as the policy says. `schoolgate run` does so daily.

    Figures lose their people when these people's visits go. What is under a legal hold stays. What
    goes is accounted for, so that the record can still be verified. The record is verified first,
    and kept as it is if somebody has changed it.
    """
    rules, now = policy_at(policy, state), datetime.now(UTC)
    kept = rules.retention
    today = now.astimezone(rules.school.timezone).date()
    events = _midnight(kept.events.before(today), rules)
    visits = _midnight(kept.visits.before(today), rules)
    figures = _midnight(kept.figures.before(today), rules)
    # An event names the grant that opened its site, which therefore stays as long as it does.
    access = min(events, _midnight(kept.access.before(today), rules))
    looks = _midnight(kept.looks.before(today), rules)
    try:
        expected = due(open_record_readonly(state, url), events)
        steps = access_due(open_record_readonly(state, url), access)
        click.echo(f"Events are kept for {kept.events}: {_from_when(expected.events, events)}.")
        click.echo(
            f"Grants and withdrawals are kept for {kept.access}: {_from_when(steps, access)}."
        )
        held = people_held(open_record_readonly(state, url))
        if expected.held:
            click.echo(f"{expected.held:,} older events of {len(held)} held people stay.")
        copies = record_leftovers.name_copies(state, events, rules, held)
        record_leftovers.name_looks(state, looks, rules, held)
        if dry_run:
            return
        database = open_record(state, url)
        if expected.events or steps or copies:
            _whole(database, even_if_broken)
        if expected.events:
            purge_events(
                database,
                events,
                f"The policy keeps events for {kept.events}.",
                _now,
            )
        steps = purge_access(
            database,
            access,
            f"The policy keeps the history of access for {kept.access}.",
            lambda: datetime.now(UTC),
        )
        bindings = purge_bindings(
            database, events, f"The policy keeps events for {kept.events}.", _now()
        )
        seal_visits(database, now)
        of_visits = f"The policy keeps visits for {kept.visits}."
        ended = purge_visits(database, visits, of_visits, _now)
        nameless = forget_names(database, visits, of_visits, _now)
        rows = purge_figures(
            database, figures, f"The policy keeps figures for {kept.figures}.", _now
        )
        held = people_held(database)  # all that may have taken long, and a hold have come meanwhile
    except RecordError as error:
        raise (NotNow if may_pass(error) else Sorry)(str(error)) from error
    click.echo(
        f"Removed {expected.events:,} events, {bindings:,} bindings of people to addresses, "
        f"{ended:,} visits (kept for {kept.visits}), {steps:,} steps of grants and withdrawals "
        f"(kept for {kept.access}), and {rows:,} figures (kept for {kept.figures}). "
        f"{nameless:,} figures are no longer kept by person."
    )
    record_leftovers.remove(state, copies, looks, held)
    if forward_to:
        forget_at_centre(forward_to, state, events)


COMMANDS = (purge, *record_holds.COMMANDS)


def _whole(database: Database, even_if_broken: bool) -> None:
    broken = verify(database).broken
    if broken and not even_if_broken:
        raise Sorry(
            f"Nothing was removed, because the record is not as it was written. {broken.why} "
            "Make a copy of it and find out why; then purge with --even-if-broken."
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _midnight(day: date, rules: Policy) -> datetime:
    return datetime.combine(day, time(), rules.school.timezone).astimezone(UTC)


def _from_when(events: int, before: datetime) -> str:
    if not events:
        return "none are older"
    return f"{events:,} are from before {before:%-d %B %Y}"
