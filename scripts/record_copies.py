"""`schoolgate record backup`, `restore`, `upgrade`, `export`: copies of the record, its version,
and a copy of a person's part.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.kept_withdrawals import KeptWithdrawals
from addon.record_continuity import remember
from scripts.common import A_PATH, Sorry, policy_at, policy_option, record_option, state_option
from scripts.looks import looks_about
from scripts.lookups import person_of
from scripts.os_account import os_account
from storage.access import access_history, present
from storage.copies import ON_A_SERVER
from storage.copies import backup as copy_of
from storage.copies import restore as put_back
from storage.database import NoRecordError, RecordError, open_record, open_record_readonly
from storage.holds import people_held
from storage.opening_server import open_server
from storage.person import note_look, own_data
from storage.record_file import RecordFile
from storage.reports.person import to_files


@click.command()
@click.argument("file", type=A_PATH)
@state_option
@record_option
def backup(file: Path, state: Path, url: str | None) -> None:
    """Copy the record to a new FILE, while Schoolgate runs. Keep it as safe as the record."""
    try:
        newest = copy_of(open_record_readonly(state, url), file)
    except RecordError as error:
        raise Sorry(str(error)) from error
    click.echo(f"{file} holds the record up to the seal {newest}")


@click.command()
@state_option
@record_option
def upgrade(state: Path, url: str | None) -> None:
    """Bring the record of an older release up to date.

    A file is copied first, and `schoolgate run` does it by itself. On a PostgreSQL server nothing
    but this command does it: make a backup with pg_dump first.
    """
    try:
        if url is None:
            open_record_readonly(state)
    except NoRecordError as error:
        raise Sorry(str(error)) from error
    except RecordError:
        pass  # an older one is what this is for, and any other fault is said next
    try:
        record = open_record(state) if url is None else open_server(url, upgrade=True)
    except RecordError as error:
        raise Sorry(str(error)) from error
    click.echo(f"{record.name[:1].upper()}{record.name[1:]} is up to date.")


@click.command()
@click.argument("file", type=A_PATH)
@state_option
@record_option
def restore(file: Path, state: Path, url: str | None) -> None:
    """Put a copy of the record, FILE, back in its place. Schoolgate must not be running.

    The record that was there is kept beside it, and the restored one says that it was restored.
    """
    if url is not None:
        raise Sorry(ON_A_SERVER)
    try:
        before = put_back(state, file, datetime.now(UTC))
        remember(state, open_record_readonly(state))
    except RecordError as error:
        raise Sorry(str(error)) from error
    kept = f" What was there before is kept as {before}." if before else ""
    click.echo(f"The record is restored from {file}.{kept}")
    click.echo("Grants and withdrawals are those of the copy: see 'schoolgate access list'.")
    if open_again := _no_longer_withdrawn(state, before):
        click.echo(
            f"It does not know that web access was withdrawn from {', '.join(open_again)}: withdraw"
            " it again with 'schoolgate access withdraw' before Schoolgate starts."
        )
    if before and (let_go := _no_longer_held(state, before)):
        click.echo(
            f"It does not know of the legal hold on the events of {', '.join(let_go)}: hold them"
            " again with 'schoolgate record hold' before Schoolgate starts, which purges daily."
        )


def _no_longer_withdrawn(state: Path, before: Path | None) -> list[str]:
    """Whose access was withdrawn in the record that was there, and is not in the one restored."""
    known = KeptWithdrawals(state).read()
    if before:
        # It may have been put aside because it cannot be read, or is of an older release.
        with suppress(RecordError):
            known = frozenset(present(access_history(RecordFile(before, "ro"))).withdrawn)
    try:
        return sorted(known - present(access_history(open_record(state))).withdrawn.keys())
    except RecordError:
        return []


def _no_longer_held(state: Path, before: Path) -> list[str]:
    """Whose events were held in the record that was there, and are not in the one restored."""
    try:
        return sorted(people_held(RecordFile(before, "ro")) - people_held(open_record(state)))
    except RecordError:
        return []  # as above


@click.command()
@click.argument("person")
@click.option("--to", "folder", type=A_PATH, required=True, help="A new folder for the files.")
@click.option("--by", "who", required=True, metavar="PERSON", help="Who asks. It is recorded.")
@state_option
@record_option
@policy_option
def export(person: str, folder: Path, who: str, state: Path, url: str | None, policy: Path) -> None:
    """Write all that is on record about PERSON to files that can be handed to them.

    JSON and CSV, and a text that says in plain words what they mean. Others' names are taken out of
    what people wrote in words of their own; read that before you hand it over. That it was done,
    by whom, and from which account of this computer, goes on record.
    """
    rules, now = policy_at(policy, state), datetime.now(UTC)
    by = person_of(who, rules)
    known = rules.people.get(person)
    others = {each.id: each.name for each in rules.people.values() if each != known}
    try:
        own = own_data(
            open_record_readonly(state, url), person, known.name if known else "", others
        )
        own = replace(own, looks=(*own.looks, *looks_about(state, person)))
        if own.is_empty and known is None:
            person_of(person, rules)  # says whom it may have been meant to be
        files = to_files(
            own,
            rules.school.name,
            known.name if known else person,
            rules.school.contacts.head.name,
            now,
        )
        why = "A person's own data was exported."
        note_look(open_record(state, url), person, by.id, os_account(), why, now)
    except RecordError as error:
        raise Sorry(str(error)) from error
    try:
        folder.mkdir(mode=0o700)
        for name, text in files.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    except FileExistsError as error:
        raise Sorry(f"{folder} exists already: name a new folder.") from error
    except OSError as error:
        raise Sorry(f"{folder} cannot be written to ({error.strerror}).") from error
    click.echo(f"{folder} holds {len(own.events):,} events, and what they mean in READ-ME.txt.")
    if any(not each["ended"] for each in own.holds):
        click.echo(
            "Their record is under a legal hold, and holds.csv says why: make sure that they may"
            " know of it before you hand this over."
        )


COMMANDS = (backup, restore, upgrade, export)
