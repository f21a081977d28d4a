"""`schoolgate record forward`: send the record on to the centre, by hand."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.forwarding.keeping import Forwarding
from addon.forwarding.service import FORWARD_TO
from scripts.common import Command, NotNow, Sorry, WrongUsage, state_option
from storage.centre.address import Address, AddressError, CentreError
from storage.centre.forwarding import Forwarder
from storage.database import RecordError, open_record_readonly
from storage.server_faults import may_pass


@click.command()
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    envvar=FORWARD_TO,
    show_envvar=True,
    help="The centre: postgresql://ROLE@HOST/DATABASE. Put the password in PGPASSFILE.",
)
@click.option("--once", is_flag=True, help="Stop when the centre has all, or cannot be reached.")
@click.option(
    "--put-back",
    is_flag=True,
    help="After 'record restore': keep apart what the centre holds beyond the copy, and go on.",
)
@state_option
def forward(url: str, once: bool, put_back: bool, state: Path) -> None:
    """Send the record on to a centre, each sealed batch once. `schoolgate run` can do so by itself.

    The centre checks each batch, and refuses a record that was changed after it was sealed.
    Exit status with --once: 0 when the centre has all, 1 otherwise.
    """
    address = address_of(url)
    try:
        database = open_record_readonly(state)
        if put_back:
            moved = Forwarder(database, address).put_back()
            click.echo(f"The centre keeps {moved:,} seals apart that the copy does not have.")
        if once:
            _once(Forwarder(database, address))
            return
        going = Forwarding(state, database, address, lambda: datetime.now(UTC))
        said: str | None = None
        while True:
            pause = going.round()
            now = going.status.problem or going.status.in_words()
            if now != said:
                click.echo(now, err=bool(going.status.problem))
                said = now
            time.sleep(pause)
    except RecordError as error:
        raise Sorry(str(error)) from error


def at_option(command: Command) -> Command:
    """`--at URL` and `--school NAME`."""
    command = click.option(
        "--school", metavar="NAME", help="At the centre, which school; its own role need not say."
    )(command)
    return click.option(
        "--at", metavar="URL", help="Check what the centre there holds of the record instead."
    )(command)


def address_of(url: str) -> Address:
    """A centre's address as it was typed. Raises WrongUsage or Sorry, without repeating it."""
    try:
        return Address(url)
    except AddressError as error:
        raise WrongUsage(str(error)) from error
    except CentreError as error:
        raise Sorry(str(error)) from error


def forget_at_centre(url: str, state: Path, before: datetime) -> None:
    """Has the centre remove what is too old from records of the school no longer in use.

    Raises Sorry; NotNow where the centre may only be away.
    """
    try:
        forwarder = Forwarder(open_record_readonly(state), address_of(url))
        gone = forwarder.forget(before)
        forwarder.close()
    except RecordError as error:
        kind = NotNow if may_pass(error) else Sorry
        raise kind(f"The school's older records were not thinned there. {error}") from error
    if gone:
        click.echo(f"The centre removed {gone:,} events from the school's older records.")


def _once(forwarder: Forwarder) -> None:
    seals = rows = 0
    shown = sys.stderr.isatty()
    while True:
        progress = forwarder.step()
        seals, rows = seals + progress.seals, rows + progress.rows
        if shown:
            click.echo(
                f"\r{rows:,} rows sent, {progress.behind:,} seals to go ", nl=False, err=True
            )
        if not progress.behind:
            break
    forwarder.close()
    click.echo(
        f"The centre has all of the record of {progress.school}: {rows:,} rows in {seals:,}"
        " seals were new to it."
    )
