"""`schoolgate record head`: the record's newest seal, printed, written elsewhere or mailed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.head_file import HeadFileError, append_line
from addon.head_letter import letter
from addon.kept_heads import How, Place, place, put_down, want
from addon.mail import MailError, send
from scripts.common import (
    A_PATH,
    NotNow,
    Sorry,
    WrongUsage,
    json_option,
    policy_at,
    policy_option,
    record_option,
    state_option,
)
from scripts.mail_options import EmailType, MailOptions, mail_options
from storage.database import RecordError, open_record_readonly
from storage.sealing import Head
from storage.server_faults import may_pass
from storage.verifying import head as newest_seal


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the head goes, and what takes it there."""

    how: How
    where: str
    go: Callable[[], object]


@click.command()
@click.option(
    "--to",
    "file",
    type=A_PATH,
    metavar="FILE",
    help="Add it as a line to FILE, such as one on a share or a USB stick.",
)
@click.option("--mail", "by_mail", is_flag=True, help="Mail it to the chair of governors.")
@click.option(
    "--mail-to", type=EmailType(), metavar="ADDRESS", help="Mail it to this address instead."
)
@click.option("--once-a-day", is_flag=True, hidden=True)
@mail_options
@json_option
@state_option
@record_option
@policy_option
def head(
    file: Path | None,
    by_mail: bool,
    mail_to: str | None,
    once_a_day: bool,
    mail: MailOptions,
    as_json: bool,
    state: Path,
    url: str | None,
    policy: Path,
) -> None:
    """Print the record's newest seal, to be kept where nobody who runs this computer can write.

    Whoever has it can later tell with `record verify --head` that nothing up to it was changed.
    `schoolgate run` writes or mails it daily with --head-to and --head-mail.
    """
    now, ways, failed = datetime.now(UTC), list[_Way](), list[Sorry]()
    later = NotNow if once_a_day else Sorry  # by hand nothing is tried again
    newest = _newest(state, url, later)
    if file is not None:
        ways.append(_to_file(file, state, newest, now))
    if by_mail or mail_to:
        mail.check()
        try:
            ways.append(_by_mail(mail_to, mail, state, policy, newest, now))
        except Sorry as error:
            failed.append(error)
    if once_a_day:
        ways = _not_today_yet(ways, state, now, all_of_them=not failed)
    went = _go(ways, state, now, failed, later)
    if as_json:
        facts = {"number": newest.number, "digest": newest.digest, "at": newest.at.isoformat()}
        facts |= {"written" if way.how is How.FILE else "sent": way.where for way in went}
        click.echo(json.dumps(facts))
    else:
        click.echo(_line(newest))
        for way in went:
            click.echo(f"{'Written' if way.how is How.FILE else 'Sent'} to {way.where}.")
    if failed:
        words = "\n".join(error.message for error in failed)
        raise (NotNow if any(isinstance(error, NotNow) for error in failed) else Sorry)(words)


def _newest(state: Path, url: str | None, later: type[Sorry]) -> Head:
    try:
        newest = newest_seal(open_record_readonly(state, url))
    except RecordError as error:
        raise (later if may_pass(error) else Sorry)(str(error)) from error
    if newest is None:
        raise Sorry("The record has no seal: it was not begun by Schoolgate.")
    return newest


def _to_file(file: Path, state: Path, newest: Head, now: datetime) -> _Way:
    refuse_inside(file, state)
    line = f"{_line(newest)}, written {now:%Y-%m-%d %H:%M:%S} UTC"
    return _Way(How.FILE, str(file.absolute()), lambda: append_line(file, line))


def refuse_inside(file: Path, state: Path) -> None:
    """Raises WrongUsage for a file in the state folder."""
    if file.resolve().is_relative_to(state.resolve()):
        raise WrongUsage(
            f"{file} is beside the record, where whoever changes the record can change it too: name"
            " a file somewhere else."
        )


def _by_mail(
    to: str | None, mail: MailOptions, state: Path, policy: Path, newest: Head, now: datetime
) -> _Way:
    rules = policy_at(policy, state)
    contacts = rules.school.contacts
    to = to or contacts.chair.email
    try:
        text = letter(str(newest), newest.at, rules, mail.sender or contacts.it.email, to, now)
    except ValueError as error:
        raise Sorry(
            f"No mail can be sent to or from {error}: see whether that is right."
        ) from error
    server = mail.server()
    return _Way(How.MAIL, to, lambda: send(text, server))


def _not_today_yet(
    ways: list[_Way], state: Path, now: datetime, *, all_of_them: bool
) -> list[_Way]:
    """Those not gone on this day (UTC), once it is sure that it can be noted that they went."""
    try:
        if all_of_them:
            want(state, {way.how: way.where for way in ways})
        due = []
        for way in ways:
            known = place(state, way.how, way.where)
            if known.done is None or known.done.date() != now.date():
                put_down(state, known)
                due.append(way)
    except OSError as error:
        # Or it would go again every hour.
        raise NotNow(
            f"That the head was sent cannot be noted in {state} ({error.strerror}), so it is not"
            " sent: make room there, or see who may write there."
        ) from error
    return due


def _go(
    ways: list[_Way], state: Path, now: datetime, failed: list[Sorry], later: type[Sorry]
) -> list[_Way]:
    """Which went; why others did not is added to `failed`. One that fails keeps no other back."""
    went = []
    for way in ways:
        known: Place = place(state, way.how, way.where)
        try:
            way.go()
        except (HeadFileError, MailError) as error:
            failed.append((later if error.soon else Sorry)(str(error)))
            known = replace(known, problem=str(error))
        else:
            went.append(way)
            known = replace(known, done=now, problem=None)
        with suppress(OSError):
            put_down(state, known)
    return went


def _line(newest: Head) -> str:
    return f"{newest}  {newest.at:%Y-%m-%d %H:%M:%S} UTC"
