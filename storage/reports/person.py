"""A person's own data as files they can keep: JSON, CSV, and what it means in plain words."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from storage.events import reference
from storage.person import OwnData, Row
from storage.reports.visit_words import length_in_words, occasions_in_words
from storage.visits import Visit

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
# A program for tables would run what begins like one of these.

_MEANING: Final = """\
What {school} has on record about {person}
{line}

This was made on {made}. It holds everything that the school's web gate has on record
about this person, and nothing about anybody else. Where somebody else took a decision, their name
is left out; only those who looked at this person's record are named, in looks.csv.

events.csv     Each request to a social site that the gate decided on, one on each line.
access.csv     When a site was opened to this person for a while, or their access taken away.
bindings.csv   Which device or address was taken to be this person's, from when to when, and how
               that was known.
visits.csv     What this person did on a site one after another, taken together, and how long they
               may have been there, in seconds: no less than 'at_least', no more than 'at_most'.
               'in_words' says the same in a sentence.
figures.csv    How many requests there were, by site and hour. These are kept longer than the
               events.
holds.csv      From when to when nothing of this was removed, because it was held, and why.
looks.csv      Who looked at this person's record, when, and why. 'by' is who said that they did,
               'account' the user of the gate's computer.
own-data.json  The same, for a program to read.

Before it is handed over
------------------------
What people wrote in words of their own is in here too: 'reason' and 'words' in access.csv, 'why' in
holds.csv. Other people at the school were taken out of it by their names only. A program does not
find nicknames, pupils, parents, or what else may tell who was meant. So somebody has to read these
before this is handed over.

In short
--------
The computer signed in as this person, or taken to be theirs, asked for these sites, and they
opened:

{occasions}

What it shows, and what it cannot show
--------------------------------------
A line in events.csv means that a device which was taken to be this person's asked for something.
It does not show that they sat in front of it. 'kind' tells apart what a person did (navigation,
action) from what a page or an app does by itself (embed, background, prefetch, app); only the first
two are ever counted for a person, and most of what a page does by itself has no line: it is only in
figures.csv. 'action', 'inside' and 'seen' say what was done, whether it was done from a page of the
site itself, and when that page was last in use. 'repeats' is how often an app asked again for what
had been refused. 'confidence' is how sure the gate was of the person, from 0 to 100. A line says
nothing of how long somebody looked, and nothing of what was read or written: that is never
recorded. Neither are visits to any other site. Without an 'at_most', nothing is known of the end.
Where 'at_most' is more than five times 'at_least', the record cannot tell how long it was: a page
that stays open looks the same whether or not somebody is there.

In this person's favour
-----------------------
What a page or an app did by itself, what was only fetched ahead, tabs that a browser brought back
and what was refused are in no visit. What was opened under a grant or for a school purpose says so
in 'outcome' and 'rule'. Somebody else may have used the computer.

'allowed' says whether the request was let through, and 'reason' why or why not, in the words of the
school's policy. 'reference' is the number on the page that said so. Sizes are in bytes. Times are
in UTC, which in summer is an hour behind the clock on the wall.

The 'action' of a line can be 'follow': a page of another site led there. Any page can turn a click
that was meant for something else into that, so such a line alone does not show that anybody wanted
to go there.

If something here is wrong, or you want it explained, ask {contact}.
"""


def to_files(own: OwnData, school: str, name: str, contact: str, made: datetime) -> dict[str, str]:
    """What each file says, by its name."""
    title = f"What {school} has on record about {name}"
    meaning = _MEANING.format(
        school=school,
        person=name,
        line="=" * len(title),
        made=f"{made:%-d %B %Y}",
        contact=contact,
        occasions="\n".join(_occasions(own.visits)),
    )
    tables = {
        "events": own.events, "access": own.access, "bindings": own.bindings,
        "visits": [_row_of(visit) for visit in own.visits], "figures": own.figures,
        "holds": own.holds, "looks": own.looks,
    }  # fmt: skip
    everything: dict[str, object] = {"person": own.person, "made": made, **tables}
    return {
        "READ-ME.txt": meaning,
        "own-data.json": json.dumps(everything, default=_as_text, indent=2, ensure_ascii=False)
        + "\n",
        **{f"{name}.csv": _csv(rows) for name, rows in tables.items()},
    }


def _occasions(visits: Sequence[Visit]) -> list[str]:
    lines = occasions_in_words(visits) or ["There is nothing of the kind on record."]
    return [
        textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    ") for line in lines
    ]


def _row_of(visit: Visit) -> Row:
    return {
        "reference": reference(visit.first),
        **visit._asdict(),
        "can_tell": visit.can_tell,
        "in_words": length_in_words(visit.at_least, visit.at_most),
    }


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO(newline="")
    if rows:
        writer = csv.writer(out)
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in an export")
