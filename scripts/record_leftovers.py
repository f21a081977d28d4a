"""What `schoolgate record purge` does about files beside the record: copies that were laid aside,
and the list of looks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import click

from rules.policy import Policy
from scripts.common import Sorry
from scripts.looks import looks_file, old_looks, purge_looks
from storage.faults import RecordError
from storage.old_copies import OldCopy, copies_laid_aside, remove_copy


def name_copies(
    state: Path, before: datetime, rules: Policy, held: Collection[str]
) -> tuple[OldCopy, ...]:
    """Names each copy, and gives back those to remove: of before a moment (aware), as nothing in
    them may be kept any more. While anybody's events are held, none goes.
    """
    found = copies_laid_aside(state)
    old = [copy for copy in found if copy.made < before]
    for copy in found:
        if copy not in old:
            fate = f"stays until it is older than {rules.retention.events}"
        else:
            fate = "stays because of a legal hold" if held else "is too old to stay"
        name = copy.path.relative_to(state)
        click.echo(f"A copy of the record of {copy.made:%-d %B %Y}, {name}, {fate}.")
    return () if held else tuple(old)


def name_looks(state: Path, before: datetime, rules: Policy, held: Collection[str]) -> None:
    """Says how many looks at where people were are of before a moment (aware)."""
    if looks_file(state).exists():
        old = f"{old_looks(state, before, held):,} are older"
        click.echo(f"Looks at where people were are kept for {rules.retention.looks}: {old}.")


def remove(state: Path, copies: Sequence[OldCopy], looks: datetime, held: Collection[str]) -> None:
    """Removes these copies, and looks of before a moment (aware), but for what is held now.

    Raises Sorry.
    """
    if held and copies:
        click.echo("The copies of the record stay after all: a legal hold came meanwhile.")
        copies = ()
    try:
        for copy in copies:
            remove_copy(copy)
        gone = purge_looks(state, looks, held)
    except RecordError as error:
        raise Sorry(str(error)) from error
    except OSError as error:
        raise Sorry(
            f"{looks_file(state)} cannot be changed ({error.strerror}): see who may write there."
        ) from error
    if copies or gone:
        click.echo(f"Removed {len(copies):,} copies of the record, and {gone:,} looks.")
