"""What a page of another site can make of a click, so that somebody seems to open a network.

Browsers send what a click on such a page leads to as they send any other click, so it stands on
record as an open. What keeps that fair is tried here: the record says of each that another site's
page led there, no page of another site can make an action, one click makes one open at most, and
however often it is done there is not a second on the site that is certain.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.browsing.scenario import Found, Scenario, opens_on_record, perform
from tests.lab.browsing.stage import Stage

GAME = "https://game.example"


@dataclass(frozen=True)
class Tricked:
    """What came of a trick: opens that the record says were led to, others, and certain seconds."""

    found: Found
    led: int
    others: int
    at_least: int

    @property
    def is_fair(self) -> bool:
        return (self.others, self.found.kinds["action"], self.at_least) == (0, 0, 0)


def attempt(stage: Stage, trick: Scenario) -> Tricked:
    """Plays a trick and looks at what is on record afterwards."""
    found = perform(stage, trick)
    return Tricked(
        found,
        opens_on_record(stage, found, led=True),
        opens_on_record(stage, found, led=False),
        sum(visit.at_least for visit in found.visits),
    )


def _play(button: str, times: int = 1) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        tab = stage.browser.tab()
        tab.type(f"{GAME}/play")
        for _ in range(times):
            tab.click(f"#{button}")
            time.sleep(0.8)
        time.sleep(2 if button == "later" else 0.5)

    return play


def _over(stage: Stage) -> None:
    tab = stage.browser.tab()
    tab.type(f"{GAME}/over")
    tab.opens("#more", frame="#box")


def _refresh(stage: Stage) -> None:
    stage.browser.tab().type(f"{GAME}/refresh", leads_to="https://x.com/")


TRICKS = (
    Scenario("a window that a click opens", _play("pop"), 1),
    Scenario("four clicks, four windows", _play("pop", 4), 4),
    Scenario("a window behind the page", _play("under"), 1),
    Scenario("three windows from one click", _play("many"), 1),
    Scenario("a window and a page of another network, from one click", _play("two"), 1),
    Scenario("a search that nobody typed", _play("search"), 1),
    Scenario("a click that leads away", _play("go"), 1),
    Scenario("a click that leads away later", _play("later"), 1),
    Scenario("a widget that nobody sees, under a button", _over, 1, also=("embed",)),
    Scenario("a page that moves on by itself", _refresh, also=("background",)),
    Scenario("a form that sends a message", _play("post"), 1, quick=("Chromium",)),
    Scenario("a form that sends it within the page", _play("within"), also=("embed",)),
    Scenario(
        "a script that posts, sends and searches",
        _play("quiet"),
        also=("embed",),
        quick=("Chromium",),
    ),
    Scenario(
        "a link that sends on the side",
        _play("ping"),
        also=("embed",),
        cannot={"Firefox": "Firefox sends nothing for a link's ping"},
    ),
)
