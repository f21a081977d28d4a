"""What `schoolgate run` does about its record before anything starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from addon.following import Following
from addon.journal_lines import warn
from addon.record_continuity import RecordContinuity, begin
from scripts.common import Sorry
from storage.database import FILE_NAME, RecordError, open_record
from storage.faults import AwayError, TakenError, is_damage
from storage.gateway import Gateway
from storage.opening_server import server_at
from storage.record_file import RecordFile
from storage.server_faults import is_away, may_pass
from storage.sole_gateway import Claim

PATIENCE: Final = 8.0
"""Seconds to wait for a gateway that has just died: the server takes about six to notice."""

_PAUSE: Final = 0.5  # seconds between two attempts meanwhile
_EVERY: Final = 2.0  # and between two looks later whether the claim is still there


def open_unless_damaged(state: Path, url: str | None) -> bool:
    """Opens the record, or makes it; gives back whether its server answers.

    Raises RecordError where that cannot pass by itself.
    """
    try:
        open_record(state, url).dispose()
    except AwayError as error:
        click.echo(
            f"{error} Until then restricted sites stay closed, and all others work.", err=True
        )
        return False
    except RecordError as error:
        if not is_damage(error):
            raise
    return True


def begin_anew_where_needed(state: Path) -> None:
    """Only once nobody else can be running on the folder."""
    try:
        said = begin(state, datetime.now(UTC))
    except RecordError as error:
        raise Sorry(str(error)) from error
    if said:
        warn(said)


def remember_the_end(state: Path) -> None:
    """Once nobody writes any more, so that the next start knows of every seal."""
    with suppress(RecordError):  # also where something is found: the next start notes that
        RecordContinuity(state, RecordFile(state / FILE_NAME, "ro")).look()


def keep_others_away(url: str, gateway: Gateway, *, now: bool = True) -> Callable[[], None]:
    """Claims the record on a server for a gateway, for as long as this process lives.

    While the server is away, or if not `now`, this is put off until it is back. Each worker keeps
    to the claim (`storage.sole_gateway`), so that nothing is written where another gateway came
    first. Gives back what ends the claim sooner. Raises Sorry if another gateway writes there.
    """
    claim = Claim(server_at(url, "rw", gateway))
    deadline = time.monotonic() + PATIENCE
    problem = _held(claim) if now else None
    while _may_end_soon(problem) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        problem = _held(claim)
    if isinstance(problem, TakenError):
        raise Sorry(str(problem))

    taken: TakenError | None = None

    def hold() -> None:
        nonlocal taken
        problem = _held(claim)
        if problem is None or isinstance(problem, TakenError):  # of all else the workers speak
            taken = problem
        if taken:
            raise taken

    following = Following(
        "claim",
        hold,
        _EVERY,
        lost="%s Until then restricted sites stay closed, and all others work.",
        found="No other gateway writes to the record any more.",
    )
    following.start()

    def end() -> None:
        following.close()
        claim.close()

    return end


def _held(claim: Claim) -> RecordError | None:
    """What is in the way of a claim."""
    try:
        claim.hold()
    except RecordError as error:
        return error
    return None


def _may_end_soon(problem: RecordError | None) -> bool:
    """Whether it is of a kind that a gateway leaves behind for seconds when it dies."""
    if problem is None or is_away(problem):
        return False
    return isinstance(problem, TakenError) or may_pass(problem)
