"""Time, tried: somebody spends some seconds on the site, a different way each time.

The pages tell how long they truly were in view; the record's visits say at least and at most.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.lab.browsing.stage import Stage
from tests.lab.browsing.steered import Tab
from tests.support.running_gate import wait_until

ELSEWHERE = "https://www.linkedin.com/jobs"
"""Another site that opens, so what is opened there is on record too."""

A_MOMENT = 1.0
"""Seconds by which a page's own clock may differ: it is in view only once it has loaded."""


@dataclass(frozen=True)
class Session:
    """What was true of one session, and what the record says: seconds."""

    true: float
    at_least: int
    at_most: int | None

    @property
    def within(self) -> bool:
        above = self.at_most is None or self.true <= self.at_most + A_MOMENT
        return self.at_least <= self.true + A_MOMENT and above


def spend(stage: Stage, dice: random.Random) -> Session:
    """Opens the site, clicks about in it, perhaps looks at the news, and goes elsewhere."""
    page = stage.browser.tab()
    page.type(ELSEWHERE)
    time.sleep(0.7)  # as quick as people are
    told, began = len(stage.told()), datetime.now(UTC)
    page.type("https://x.com/")
    for _ in range(dice.randint(0, 4)):
        time.sleep(dice.uniform(0.7, 2.5))
        match dice.choice(("inside", "inside", "inside", "news", "reload", "poll")):
            case "inside":
                _go_on(page)
            case "news":
                page.type("https://news.example/front")
                time.sleep(dice.uniform(0.7, 2))
                page.type("https://x.com/post/1")
            case "reload":
                page.reload()
            case "poll":
                page.type("https://x.com/polling")
    time.sleep(dice.uniform(0.7, 2.5))
    if dice.random() < 0.7:
        page.type(ELSEWHERE)
    stage.browser.clear()
    wait_until(lambda: not _in_front(stage.told()[told:]), 30)
    stage.wait_until_quiet()
    visits = [visit for visit in stage.visits(began) if visit.site == "x"]
    bounds = [visit.at_most for visit in visits]
    return Session(
        _in_view(stage.told()[told:]),
        sum(visit.at_least for visit in visits),
        None if None in bounds else sum(bound for bound in bounds if bound is not None),
    )


def _go_on(page: Tab) -> None:
    """Follows a link within the site, or looks at the page again where there is none."""
    if page.script("return Boolean(document.querySelector('#inside'))"):
        page.follow("#inside")
    else:
        page.reload()


def _in_view(told: list[dict[str, str]]) -> float:
    """Seconds that any page was in view."""
    moments = (int(each["at"]) * (-1 if each["what"] == "shown" else 1) for each in told)
    return sum(moments) / 1000


def _in_front(told: list[dict[str, str]]) -> Counter[str]:
    """The pages that have told that they are shown, and not yet that they are hidden."""
    shown = Counter(each["me"] for each in told if each["what"] == "shown")
    return shown - Counter(each["me"] for each in told if each["what"] == "hidden")
