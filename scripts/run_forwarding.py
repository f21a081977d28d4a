"""What `schoolgate run` does when the record is forwarded to a centre."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from addon.forwarding.service import FORWARD_TO
from addon.forwarding.status import forwarding_status_path
from scripts.common import Command, WrongUsage
from scripts.record_forwarding import address_of
from scripts.run_front import module
from scripts.supervisor import Child

_SILENT_AFTER = 300.0  # seconds: longer than all time limits of one step


def forward_option(command: Command) -> Command:
    """`--forward-to URL`."""
    return click.option(
        "--forward-to",
        metavar="URL",
        envvar=FORWARD_TO,
        show_envvar=True,
        help="The centre to which the record is forwarded: postgresql://ROLE@HOST/DATABASE. Put the"
        " password in PGPASSFILE.",
    )(command)


def check_forwarding(url: str | None, record: str | None) -> None:
    """`record` is the address of a record that is on a server already.

    Raises WrongUsage for what is no address or goes with no such record, and Sorry without the
    driver.
    """
    if url and record:
        raise WrongUsage("Only a record in --state is forwarded: give --record or --forward-to.")
    if url:
        address_of(url)


def forwarding_children(state: Path, url: str | None, after: Sequence[Child]) -> list[Child]:
    """The process that forwards to `url`, started once the others answer; none without one."""
    if not url:
        forwarding_status_path(state).unlink(missing_ok=True)  # of an earlier run
        return []
    os.environ[FORWARD_TO] = url  # not among the words of the command, which everybody may read
    command = [*module("addon.forwarding.service"), "--state", str(state)]
    names = [child.name for child in after]
    return [Child("forwarding", command, reloads=False, after=names, silent_after=_SILENT_AFTER)]
