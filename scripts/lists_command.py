"""`schoolgate lists`: lists that others keep, brought in, kept up to date, and looked at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from addon.list_sources import Fetcher
from addon.list_updates import ListFolder, Updater, is_due
from addon.state_folder import list_sources
from rules.lists.bundles import Recipe, open_each
from rules.lists.comparing import differences, lacking, measure
from rules.lists.entries import ListError
from rules.lists.importing import Draft
from rules.lists.keeping import kept_order, read_about
from rules.lists.sources import Source, parse_left_out
from rules.policy import Policy
from scripts import list_views as views
from scripts.common import Sorry, json_option, policy_option, state_option
from scripts.list_options import (
    NAME,
    WHERE,
    Read,
    accept_loss_option,
    policy_of,
    recipe_of,
    recipe_options,
    source_of,
    sources_in,
    sources_option,
)


@click.group()
def lists() -> None:
    """Lists of names from outside: bring them in, keep them up to date, look at them."""


@lists.command("import")
@click.argument("name", type=NAME)
@click.argument("where", type=WHERE)
@recipe_options
@click.option(
    "--without",
    multiple=True,
    type=Read(parse_left_out, "NAME"),
    help="A name to leave out, with everything below it. Can be given several times.",
)
@accept_loss_option
@state_option
@policy_option
@json_option
def import_(
    name: str,
    where: str,
    format_: str | None,
    parts: tuple[str, ...],
    column: str,
    without: tuple[str, ...],
    accept_loss: bool,
    state: Path,
    policy: Path,
    as_json: bool,
) -> None:
    """Bring in a list from a file, a folder, an archive or an address, and keep it as NAME."""
    where = where if "://" in where else str(Path(where).absolute())
    source = Source(name, where, recipe_of(format_, parts, column), without, None)
    with views.steps(as_json) as steps:
        rules = policy_of(policy)
        updater = Updater(ListFolder(state), Fetcher(), rules.essentials, steps)
        try:
            draft = updater.update(source, datetime.now(UTC), accept_loss=accept_loss, afresh=True)
        except ListError as error:
            raise Sorry(str(error)) from error
    assert draft is not None
    parts = (
        views.brought_in_text(draft),
        views.as_source(draft).rstrip(),
        views.as_entry(name, rules).rstrip(),
    )
    _say(views.brought_in(draft), "\n\n".join(part for part in parts if part), as_json)


@lists.command()
@click.argument("names", type=NAME, nargs=-1)
@click.option("--all", "every", is_flag=True, help="All lists, also those that are not due yet.")
@accept_loss_option
@sources_option
@state_option
@policy_option
@json_option
def update(
    names: tuple[str, ...],
    every: bool,
    accept_loss: bool,
    sources: Path | None,
    state: Path,
    policy: Path,
    as_json: bool,
) -> None:
    """Bring in the lists that are due, or those named. Exit status 1 if one of them failed.

    Run it as often as you like, from a timer: only what is due is fetched.
    """
    folder = ListFolder(state)
    known = sources_in(sources or list_sources(state))
    now = datetime.now(UTC)
    due = [
        source
        for source in (source_of(name, known) for name in names or known)
        if names or every or is_due(source, folder.looked(source.name), now)
    ]
    outcomes: list[dict[str, Any]] = []
    with views.steps(as_json) as steps:
        updater = Updater(folder, Fetcher(), policy_of(policy).essentials, steps)
        for source in due:
            draft: Draft | None = None
            try:
                draft = updater.update(source, datetime.now(UTC), accept_loss=accept_loss)
                outcomes.append(views.updated(source.name, draft))
            except ListError as error:
                outcomes.append({"name": source.name, "failure": str(error)})
    failed = any("failure" in outcome for outcome in outcomes)
    _say(outcomes, views.updated_text(outcomes, len(known)), as_json)
    if failed:
        raise SystemExit(1)


@lists.command()
@click.argument("name", type=NAME, required=False)
@click.option("--from", "where", type=WHERE, help="Compare with this, not with the list's source.")
@click.option("--against", type=WHERE, help="Hold the catalogue against the lists in a folder.")
@recipe_options
@sources_option
@state_option
@policy_option
@json_option
def diff(
    name: str | None,
    where: str | None,
    against: str | None,
    format_: str | None,
    parts: tuple[str, ...],
    column: str,
    sources: Path | None,
    state: Path,
    policy: Path,
    as_json: bool,
) -> None:
    """What an update of NAME would add and lose; or, with --against, what the catalogue lacks.

    Nothing is changed. Against a folder of v2fly's lists, or UT1's, each list in it (or each that
    the parts named include) is held against the site it is about.
    """
    recipe = recipe_of(format_, parts, column)
    if against is not None and name is None:
        _diff_catalogue(against, recipe, policy_of(policy), as_json)
        return
    if name is None or against is not None:
        raise click.UsageError("Give the NAME of a list, or --against a folder.")
    folder = ListFolder(state)
    if where is not None:
        source = Source(name, where, recipe, (), None)
    else:
        source = source_of(name, sources_in(sources or list_sources(state)))
    with views.steps(as_json) as steps:
        updater = Updater(folder, Fetcher(), policy_of(policy).essentials, steps)
        try:
            before = read_about(folder.kept(name))
            with updater.draft(source, datetime.now(UTC)) as draft:
                new = kept_order(draft.written.path, headed=False)
                changes = list(differences(kept_order(folder.kept(name)), new))
        except ListError as error:
            raise Sorry(str(error)) from error
    _say(views.changes(before, draft, changes), views.changes_text(before, changes), as_json)


def _diff_catalogue(against: str, recipe: Recipe, policy: Policy, as_json: bool) -> None:
    if "://" in against:
        raise click.UsageError("--against takes a folder or a file; fetch it first.")
    try:
        with TemporaryDirectory() as work, views.steps(as_json) as steps:
            each = open_each(Path(against), against, recipe, Path(work), steps.progress)
            measures = [measure(name, found, policy.catalogue) for name, found in each]
    except ListError as error:
        raise Sorry(str(error)) from error
    _say(views.measures(measures), views.measures_text(lacking(measures), measures), as_json)


@lists.command()
@sources_option
@state_option
@policy_option
@json_option
def stats(sources: Path | None, state: Path, policy: Path, as_json: bool) -> None:
    """Count the catalogue and each list in force, and say how fresh they are."""
    folder = ListFolder(state)
    path = sources or list_sources(state)
    known = sources_in(path) if sources or path.exists() else {}
    rows: list[dict[str, Any]] = []
    for name in sorted({*folder.names(), *known}):
        looked = folder.looked(name)
        due = name in known and is_due(known[name], looked, datetime.now(UTC))
        try:
            rows.append(views.row(name, read_about(folder.kept(name)), looked, due))
        except ListError as error:
            rows.append(views.row(name, None, looked, due, str(error)))
    catalogue = views.catalogue(policy_of(policy))
    _say({"catalogue": catalogue, "lists": rows}, views.stats_text(catalogue, rows), as_json)


def _say(facts: Any, text: str, as_json: bool) -> None:
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else text)
