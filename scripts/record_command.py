"""`schoolgate record`: is the record whole, how long is it kept, and where are its copies?

How long it is kept is in `scripts.record_keeping`, its copies in `scripts.record_copies`, where its
head goes in `scripts.record_head`.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from addon.kept_seal import KeptSeal
from scripts import record_copies, record_forwarding, record_head, record_keeping
from scripts.common import Sorry, WrongUsage, json_option, record_option, state_option
from scripts.record_forwarding import at_option
from storage.centre.verifying import verify_at
from storage.continuity import Known
from storage.database import RecordError, open_record_readonly
from storage.verifying import Verdict, parsed_head
from storage.verifying import verify as walk


@click.group()
def record() -> None:
    """The record itself: whether nobody has changed it, how long it is kept, and its copies."""


@record.command()
@click.option(
    "--head",
    "kept",
    multiple=True,
    metavar="HEAD|FILE",
    help="A head that was kept elsewhere, or a file with one on each line. May be repeated.",
)
@at_option
@json_option
@state_option
@record_option
def verify(
    kept: tuple[str, ...],
    at: str | None,
    school: str | None,
    as_json: bool,
    state: Path,
    url: str | None,
) -> None:
    """Check that the record is as it was written, from its first event to its last, and that visits
    and counts agree with the events while these last.

    What no record can show by itself is that its newest part was cut off. Without --head it is
    compared with the newest seal that Schoolgate remembers beside it, which who can write the one
    can write too; so better give a head that was kept elsewhere. Exit status: 0 when the record is
    whole, 1 when it is not.
    """
    heads = [head for each in kept for head in _heads(each)]
    if at or school:
        sys.exit(_verify_at(at or "", school, heads, as_json))
    # Before the record is read: it may be written to meanwhile.
    remembered = KeptSeal(state).read() if url is None and not heads else None
    heads += [str(remembered)] if remembered else []
    try:
        database = open_record_readonly(state, url)
        found = walk(database, heads, _progress if sys.stderr.isatty() else lambda _: None)
    except RecordError as error:
        raise Sorry(str(error)) from error
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    if as_json:
        facts = {**_as_json(found), "remembered": str(remembered) if remembered else None}
        click.echo(json.dumps(facts, indent=2))
    else:
        lines = _in_words(found) + ([_compared(found, remembered)] if remembered else [])
        click.echo("\n".join(lines))
    if found.broken:
        sys.exit(1)


def _compared(found: Verdict, remembered: Known) -> str:
    """That no head was given, and what was found with the one that is remembered."""
    if found.unchecked:
        return "That head is the one that Schoolgate remembered itself, as none was given."
    if found.broken:
        return f"No head was given: Schoolgate remembered the seal {remembered} itself."
    return (
        f"Its newest part is there up to seal {remembered.number}, which Schoolgate remembered"
        " itself, as no head was given."
    )


def _verify_at(url: str, school: str | None, heads: list[str], as_json: bool) -> int:
    """The exit status."""
    try:
        wanted = [parsed_head(head) for head in heads]
        progress = _progress if sys.stderr.isatty() else lambda _: None
        found = verify_at(record_forwarding.address_of(url), school, wanted, progress)
    except RecordError as error:
        raise Sorry(str(error)) from error
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    if as_json:
        facts = [
            {
                "school": each.school,
                "record": each.record,
                **_as_json(each.verdict),
                "awaited": each.awaited,
                "thinned": each.thinned,
            }
            for each in found
        ]
        click.echo(json.dumps(facts, indent=2))
    for each in found if not as_json else ():
        click.echo(f"Of {each.school}, the centre holds the record {each.record[:8]}.")
        click.echo("\n".join(_in_words(each.verdict)))
        if each.awaited:
            click.echo(
                f"{each.awaited:,} seals were purged before they came; their tombstones come."
            )
        if each.thinned:
            click.echo(f"Of {each.thinned:,} seals, rows were removed because their time was over.")
    if not found:
        click.echo("The centre has nothing of this school yet.")
    return 1 if any(each.verdict.broken for each in found) else 0


for command in (
    record_head.head,
    *record_keeping.COMMANDS,
    *record_copies.COMMANDS,
    record_forwarding.forward,
):
    record.add_command(command)


def _heads(text: str) -> list[str]:
    """A head as it was given, or those at the beginning of a file's lines."""
    path = Path(text)
    try:
        if not path.is_file():
            return [text]
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise Sorry(f"{path} cannot be read as a file of heads.") from error
    heads = [line.split()[0] for line in lines if line.strip()]
    if not heads:
        raise Sorry(f"{path} holds no head: it is what 'schoolgate record head' prints.")
    return heads


def _progress(events: int) -> None:
    click.echo(f"\r{events:,} events checked", nl=False, err=True)


def _in_words(found: Verdict) -> list[str]:
    lines = []
    whole = f"{found.events:,} events in {found.seals:,} seals"
    if found.since and found.until:
        whole += f", sealed from {_moment(found.since)} to {_moment(found.until)}"
    if broken := found.broken:
        lines.append(f"The record is NOT as it was written. {broken.why}")
        its = "Up to there it is" if broken.seal is not None else "Its events are"
        lines.append(f"{its} whole: {whole}.")
        if broken.after or broken.by:
            after = f"after {_moment(broken.after)}" if broken.after else ""
            by = f"by {_moment(broken.by)}" if broken.by else ""
            lines.append(f"What was changed was written {' and '.join(filter(None, (after, by)))}.")
    else:
        lines.append(f"The record is whole: {whole}.")
    for things, name in (
        ("events", "events"),
        ("visits", "visits"),
        ("access", "steps of access"),
        ("bindings", "bindings of people to addresses"),
    ):
        if gone := [each for each in found.purged if each.of == things]:
            number = sum(each.events for each in gone)
            since, until = min(each.since for each in gone), max(each.until for each in gone)
            lines.append(
                f"Removed by rule, and accounted for: {number:,} {name} from {_moment(since)} to "
                f"{_moment(until)}. The last reason: {gone[-1].why}"
            )
    lines += [
        f"The head {each[:20]}... is of a seal that was purged since, so it cannot be compared."
        for each in found.unchecked
    ]
    if found.head and not broken:
        lines.append(f"Head: {found.head}")
    return lines


def _as_json(found: Verdict) -> dict[str, object]:
    broken = found.broken
    return {
        "whole": broken is None,
        "events": found.events,
        "seals": found.seals,
        "since": _iso(found.since),
        "until": _iso(found.until),
        "head": str(found.head) if found.head else None,
        "purged": [
            {
                "at": each.at.isoformat(),
                "of": each.of,
                each.of: each.events,
                "since": each.since.isoformat(),
                "until": each.until.isoformat(),
                "why": each.why,
            }
            for each in found.purged
        ],
        "unchecked": list(found.unchecked),
        "broken": broken
        and {
            "seal": broken.seal,
            "after": _iso(broken.after),
            "by": _iso(broken.by),
            "why": broken.why,
        },
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%-d %B %Y %H:%M} UTC"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
