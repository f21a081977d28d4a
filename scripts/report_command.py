"""`schoolgate report`: usage summaries for the head teacher."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import click

from scripts.common import Sorry, policy_at, policy_option, record_option, state_option
from storage.database import RecordError, open_record_readonly
from storage.reports.overview import to_json, to_text
from storage.usage import overview as whole_school

_LONGEST = 60
"""Weeks: a school year and a summer holiday."""


@click.group()
def report() -> None:
    """Usage summaries. None of them names a person unless there is a monitoring case."""


@report.command()
@click.option(
    "--weeks",
    type=click.IntRange(1, _LONGEST),
    default=1,
    show_default=True,
    help="How many weeks, from Monday on, this one included, and seven days at least. There is "
    "nothing shorter: days and hours would point at people.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@state_option
@record_option
@policy_option
def overview(weeks: int, form: str, state: Path, url: str | None, policy: Path) -> None:
    """The whole school's use of restricted sites, by week or longer, without a name."""
    rules = policy_at(policy, state)
    school = rules.school
    names = {site.id: site.name for site in rules.catalogue}
    now = datetime.now(UTC)
    today = now.astimezone(school.timezone).date()
    first = today - timedelta(days=today.weekday(), weeks=weeks - 1)
    # Wall-clock midnight, so that a week in which the clocks change is still Monday to Sunday.
    since = datetime.combine(first, time(), school.timezone).astimezone(UTC)
    try:
        database = open_record_readonly(state, url)
        figures = whole_school(database, since, now)
    except RecordError as error:
        raise Sorry(str(error)) from error
    render = to_text if form == "text" else to_json
    click.echo(render(figures, school.name, school.timezone, names))
