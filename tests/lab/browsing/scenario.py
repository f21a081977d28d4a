"""What somebody does in front of a browser, what should be made of it, and what was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from storage.visits import Visit
from tests.lab.browsing.stage import Stage
from tests.support.pace import promised
from tests.support.running_gate import wait_until


@dataclass(frozen=True)
class Scenario:
    """One scene.

    `navigations` and `actions` are how many of each there should be, exactly; `also` are the other
    kinds that should be among the rest. `not_by_hand` is how many of the pages that came into view
    nobody asked for, which only the one who wrote the scene can know. `unseen` is how many refused
    pages were in view, which tell nothing of themselves. `rows` is how many events there should be,
    if that is the point.

    By the names of browsers: `quick` is where it is tried each time, `differs` what is otherwise
    there, and `cannot` why one cannot be made to play it.
    """

    name: str
    play: Callable[[Stage], None]
    navigations: int = 0
    actions: int = 0
    also: tuple[str, ...] = ()
    not_by_hand: int = 0
    unseen: int = 0
    rows: int | None = None
    quick: tuple[str, ...] = ()
    differs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)

    def for_browser(self, name: str) -> Scenario:
        """The scene as it should come out in one browser."""
        return replace(self, **self.differs.get(name, {}))


@dataclass(frozen=True)
class Found:
    """What came of a scene: requests by kind, events, how many pages were in view, and visits."""

    scenario: Scenario
    kinds: Counter[str]
    events: tuple[int, ...]
    shown: int
    visits: tuple[Visit, ...]

    @property
    def as_expected(self) -> bool:
        """Whether every request was taken for what it was."""
        wanted = self.scenario
        return (
            self.kinds["navigation"] == wanted.navigations
            and self.kinds["action"] == wanted.actions
            and all(self.kinds[kind] for kind in wanted.also)
            and (wanted.rows is None or len(self.events) == wanted.rows)
            and (not self.visits or wanted.navigations + wanted.actions > 0)
        )

    @property
    def opened(self) -> int:
        """How many pages somebody opened, by what was in view."""
        return self.shown - self.scenario.not_by_hand + self.scenario.unseen


@dataclass(frozen=True)
class Score:
    """Deliberate opens on record against those that were: right ones, false ones, missed ones."""

    right: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.false)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def perform(stage: Stage, scenario: Scenario) -> Found:
    """Plays a scene and looks at what is on record afterwards."""
    began = datetime.now(UTC)
    scenario = scenario.for_browser(stage.browser.name)
    counts, events, told = stage.counts(), len(stage.events()), len(stage.told())

    def found() -> Found:
        new = [event[0] for event in islice(stage.events(), events, None)]
        shown = {each["me"] for each in stage.told()[told:] if each["what"] == "shown"}
        visits = stage.visits(began)
        return Found(scenario, stage.counts() - counts, tuple(new), len(shown), visits)

    scenario.play(stage)
    # On a busy machine a browser pauses for longer than it takes to be quiet.
    with suppress(AssertionError):
        wait_until(lambda: found().as_expected, promised(3))
    stage.wait_until_quiet()
    stage.browser.clear()
    stage.wait_until_quiet()
    return found()


def opens_on_record(stage: Stage, found: Found, *, led: bool | None = None) -> int:
    """How many deliberate opens the record holds of a scene, once the writer's rounds are over;
    or of these the ones of which it says that another site's page `led` there or did not.
    """
    return sum(
        kind == "navigation"
        and (stands or not allowed)
        and (led is None or led == (action == "follow"))
        for number, kind, allowed, action, stands in stage.events()
        if number in found.events
    )


def score(stage: Stage, played: list[Found]) -> Score:
    """How well the record tells deliberate opens, over all scenes."""
    right = false = missed = 0
    for found in played:
        recorded = opens_on_record(stage, found)
        right += min(recorded, found.opened)
        false += max(0, recorded - found.opened)
        missed += max(0, found.opened - recorded)
    return Score(right, false, missed)
