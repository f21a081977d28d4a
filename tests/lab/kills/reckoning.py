"""What the record says after the kills, held against what the origin saw and the clients heard."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from storage.database import FILE_NAME, open_record_readonly
from storage.events import event_id
from storage.verifying import verify
from storage.visit_keeping import visits_again, visits_on_record
from tests.lab.kills.clients import OPEN
from tests.lab.kills.killing import Scene

WITH_ROWS: Final = ("opened", "unmarked")
"""What is let through and has an event of its own; pictures are only counted."""

_OF_EVENTS: Final = """
    SELECT {span} AS span, at / 3600000000 / {span} * {span} AS start, site,
           coalesce(person, '') AS person, kind, allowed, count(*) AS number
    FROM events GROUP BY 2, 3, 4, 5, 6
"""
_ONLY_EVENTS: Final = "kind IN ('navigation', 'action', 'unknown')"


@dataclass(slots=True)
class Reckoning:
    """`faults` is what must not be; the rest are figures."""

    faults: list[str]
    sent: int = 0
    unanswered: int = 0
    arrived: int = 0
    events: int = 0
    pictures: tuple[int, int] = (0, 0)  # that the origin saw, that are counted
    never_arrived: int = 0  # on record as let through; the gate died before they left
    not_on_record: int = 0  # refusals whose page came, and whose event died with the gate
    refusals: int = 0
    seals: int = 0


def reckon(scene: Scene) -> Reckoning:
    """To be done after the gate has stopped."""
    state, arrived = scene.gate.state, scene.web.seen()
    asked = {facts["place"]: facts for facts in scene.heard() if facts["sort"] != "unrelated"}
    with closing(sqlite3.connect(state / FILE_NAME)) as record:
        found = Reckoning([])
        _requests(found, record, arrived, asked)
        _counts(found, record)
        _acts(found, record)
    database = open_record_readonly(state)
    verdict = verify(database)
    found.seals = verdict.seals
    if verdict.broken:
        found.faults.append(f"The chain is broken: {verdict.broken.why}")
    with database.reading() as reading:
        if tuple(visits_on_record(reading, "fern.example")) != visits_again(
            database, "fern.example"
        ):
            found.faults.append("The visits are not those that the acts make up.")
    return found


def _requests(
    found: Reckoning,
    record: sqlite3.Connection,
    arrived: list[dict[str, Any]],
    asked: dict[str, dict[str, Any]],
) -> None:
    seen = Counter(each["path"] for each in arrived if each["host"] == OPEN)
    found.sent, found.arrived = len(asked), sum(seen.values())
    found.unanswered = sum(not facts["status"] for facts in asked.values())
    rows = record.execute("SELECT path, allowed FROM events WHERE path IS NOT NULL").fetchall()
    (found.events,) = record.execute("SELECT count(*) FROM events").fetchone()
    told, let = Counter(path for path, _ in rows), {path for path, allowed in rows if allowed}
    for place, times in seen.items():
        if times > 1:
            found.faults.append(f"The origin saw {place} {times} times.")
        # A client that is told to stop may leave its last request unsaid.
        sort = asked[place]["sort"] if place in asked else "picture"
        if sort in WITH_ROWS and place not in let:
            found.faults.append(f"The origin saw {place}, and the record does not have it.")
    found.faults += [f"{place} is on record {n} times." for place, n in told.items() if n > 1]
    for place in let - seen.keys():
        found.never_arrived += 1
        if place in asked and asked[place]["status"] == 200:
            found.faults.append(f"{place} was answered, and never reached the origin.")
    pictures = [facts for facts in asked.values() if facts["sort"] == "picture"]
    reached = sum(1 for facts in pictures if facts["place"] in seen)
    unsure = sum(1 for facts in pictures if not facts["status"])
    (counted,) = record.execute(
        "SELECT coalesce(sum(number), 0) FROM counts WHERE span = 1 AND kind = 'embed' AND allowed"
    ).fetchone()
    found.pictures = (reached, counted)
    if not reached <= counted <= reached + unsure:
        found.faults.append(
            f"{reached} pictures reached the origin and {counted} are counted; {unsure} requests "
            "for one had no answer."
        )
    refused = [event_id(f["reference"]) for f in asked.values() if f["reference"]]
    ids = {number for (number,) in record.execute("SELECT id FROM events WHERE NOT allowed")}
    found.refusals = len(refused)
    found.not_on_record = sum(number not in ids for number in refused)


def _counts(found: Reckoning, record: sqlite3.Connection) -> None:
    for span in (1, 24):
        wanted = set(record.execute(_OF_EVENTS.format(span=span) + "HAVING " + _ONLY_EVENTS))
        query = f"SELECT * FROM counts WHERE span = {span} AND {_ONLY_EVENTS}"
        there = set(record.execute(query))
        if wanted != there:
            found.faults.append(f"The counts of {span} h differ: {sorted(wanted ^ there)[:4]}")


def _acts(found: Reckoning, record: sqlite3.Connection) -> None:
    events = (
        "SELECT id FROM events WHERE allowed AND person IS NOT NULL "
        "AND kind IN ('navigation', 'action')"
    )
    for one, other in (
        (events, "SELECT id FROM acts"),
        ("SELECT id FROM acts", events),
    ):
        (number,) = record.execute(f"SELECT count(*) FROM ({one} EXCEPT {other})").fetchone()
        if number:
            found.faults.append(f"Of {number} acts and events one is there without the other.")
