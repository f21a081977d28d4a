"""What becomes of a request on record, end to end: a row, a count, or a repeat."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate, wait_until

PICTURE = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Dest": "image",
    "Referer": "https://news.example/",
}
APP = {"User-Agent": "okhttp/4.12.0", "Accept": "application/json"}
FACEBOOK = "http://www.facebook.com"


def ask(gate: RunningGate, query: str) -> list[Any]:
    wait_until(lambda: gate.gate.recorder.state.pending == 0)
    with closing(sqlite3.connect(gate.state / "record.sqlite3")) as database:
        return database.execute(query).fetchall()


COUNTED = "SELECT site, kind, allowed, number FROM counts WHERE span = 1"


def test_an_embedded_picture_is_counted_before_it_is_fetched_and_has_no_row(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client() as client:
        answer = client.get(f"http://x.com:{origin.port}/picture", headers=PICTURE)
    assert answer.status_code == 200
    assert ask(gate, COUNTED) == [("x", "embed", 1, 1)]
    assert gate.events() == []


def test_what_cannot_be_counted_does_not_go_through(gate: RunningGate, origin: Origin) -> None:
    gate.gate.record_within = 0.3
    with closing(sqlite3.connect(gate.state / "record.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with gate.client() as client:
            answer = client.get(f"http://x.com:{origin.port}/picture", headers=PICTURE)
        other.execute("ROLLBACK")
    assert answer.status_code == 503
    assert origin.seen == []
    # If the disk was just taking it in as allowed, the correction is the next thing written.
    wait_until(lambda: ask(gate, COUNTED) == [("x", "embed", 0, 1)])


def test_an_app_refused_again_and_again_is_one_event_with_a_number(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client(headers=APP) as client:
        references = {client.get(f"{FACEBOOK}:{origin.port}/feed").text for _ in range(5)}
    assert len(references) == 1
    (event,) = gate.events()
    assert (event["kind"], event["allowed"]) == ("app", 0)
    assert ask(gate, "SELECT event, number FROM repeats") == [(event["id"], 4)]
    assert ask(gate, COUNTED) == [("facebook", "app", 0, 5)]


def test_a_page_that_is_refused_to_somebodys_face_is_an_event_each_time(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client(headers={"Accept": "text/html"}) as client:
        for _ in range(3):
            client.get(f"{FACEBOOK}:{origin.port}/")
    assert len(gate.events()) == 3


def test_a_hidden_request_is_an_event_whatever_it_looks_like(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client(headers=PICTURE) as client:
        answer = client.get(
            f"http://x.com:{origin.port}/", headers={"Host": "www.facebook.com", **PICTURE}
        )
    assert answer.status_code == 421
    (event,) = gate.events()
    assert event["outcome"] == "mismatch"


PAGE = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
    "User-Agent": "Mozilla/5.0 Chrome/130.0 Safari/537.36",
}


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (PAGE, "background"),
        (PAGE | {"Sec-Fetch-User": ""}, "background"),
        (PAGE | {"Sec-Purpose": "prefetch;prerender"}, "prefetch"),
    ],
    ids=["one of several at once", "one that moved itself on", "one fetched ahead"],
)
def test_each_page_that_is_let_through_is_an_event_even_if_nobody_asked_for_it(
    gate: RunningGate, origin: Origin, headers: dict[str, str], kind: str
) -> None:
    """A script that opens pages in quick succession cannot hide one among the counts."""
    with gate.client() as client:
        for number in range(4):
            client.get(
                f"http://x.com:{origin.port}/{number}", headers=PAGE if not number else headers
            )
    wait_until(lambda: len(gate.events()) == 4)
    assert [event["kind"] for event in gate.events()] == ["navigation"] + [kind] * 3
    hour = "SELECT kind, number FROM counts WHERE span = 1 ORDER BY number"
    assert ask(gate, hour) == [("navigation", 1), (kind, 3)]
    acts = "SELECT count(*) FROM acts"
    wait_until(lambda: ask(gate, acts) == [(0 if headers is PAGE else 1,)])


def test_a_picture_is_still_only_counted(gate: RunningGate, origin: Origin) -> None:
    ahead = PICTURE | {"Sec-Purpose": "prefetch"}
    with gate.client() as client:
        client.get(f"http://x.com:{origin.port}/1", headers=ahead)
    assert ask(gate, COUNTED) == [("x", "prefetch", 1, 1)]
    assert gate.events() == []


def test_a_page_that_is_read_under_an_apps_name_has_a_row(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client(headers={**APP, "Accept": "text/html"}) as client:
        client.get(f"http://x.com:{origin.port}/")
    (event,) = gate.events()
    assert (event["kind"], event["allowed"]) == ("unknown", 1)
    assert ask(gate, "SELECT * FROM acts") == []
