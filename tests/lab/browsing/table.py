"""The whole of it in one browser after the other, and what came of it as Markdown."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.browsing.scenario import Found, Scenario, Score, opens_on_record, perform, score
from tests.lab.browsing.scenarios import SCENARIOS
from tests.lab.browsing.sessions import Session, spend
from tests.lab.browsing.stage import stage
from tests.lab.browsing.steered import Browser
from tests.lab.browsing.tricks import TRICKS, Tricked, attempt

SESSIONS = 24
SEED = 20261122

_NOTHING = "&nbsp;"


@dataclass(frozen=True)
class Played:
    """All that came of it in one browser: scenes with their opens on record, tricks, sessions."""

    browser: str
    scenes: Mapping[str, tuple[Found, int]]
    score: Score
    tricks: Mapping[str, Tricked]
    sessions: Sequence[Session]

    @property
    def within(self) -> float:
        """The part of the sessions whose true length lies between the bounds on record."""
        return sum(session.within for session in self.sessions) / len(self.sessions)

    @property
    def is_good(self) -> bool:
        """Whether every target is met."""
        return (
            all(found.as_expected for found, _ in self.scenes.values())
            and self.score.precision >= 0.98
            and self.score.recall >= 0.90
            and all(each.found.as_expected and each.is_fair for each in self.tricks.values())
            and self.within >= 0.95
        )


def play(folder: Path, browser: Callable[..., Browser]) -> Played:
    """Plays everything in a browser; says on standard error how far it is."""
    with stage(folder, browser) as on:
        name = on.browser.name
        scenes, tricks = {}, {}
        for scenario in _possible(SCENARIOS, name):
            found = perform(on, scenario)
            scenes[scenario.name] = (found, opens_on_record(on, found))
            _say(name, scenario.name, _kinds(found), _word(found.as_expected))
        for trick in _possible(TRICKS, name):
            done = tricks[trick.name] = attempt(on, trick)
            _say(name, trick.name, _kinds(done.found), _word(done.is_fair))
        dice = random.Random(SEED)
        sessions = []
        for number in range(SESSIONS):
            sessions.append(spend(on, dice))
            _say(name, f"session {number + 1} of {SESSIONS}", _word(sessions[-1].within))
        return Played(
            name, scenes, score(on, [found for found, _ in scenes.values()]), tricks, sessions
        )


def table(played: Sequence[Played]) -> str:
    """Two tables with columns for each browser: the scenes, and other sites' tricks."""
    names = [each.browser for each in played]
    lines = _head(
        ("scene", "kinds expected"),
        names,
        ("opens on record, of true ones", "found", "as expected"),
    )
    for scenario in SCENARIOS:
        cells = []
        for each in played:
            if why := scenario.cannot.get(each.browser):
                cells += [_NOTHING, why, _NOTHING]
                continue
            found, opens = each.scenes[scenario.name]
            cells += [f"{opens} of {found.opened}", _kinds(found), _word(found.as_expected)]
        lines.append(_row(scenario.name, _expected(scenario, names), *cells))
    lines += [
        "",
        *_head(
            ("another site's page", "kinds expected"),
            names,
            ("opens, led there", "others", "found", "fair"),
        ),
    ]
    for trick in TRICKS:
        cells = []
        for each in played:
            if why := trick.cannot.get(each.browser):
                cells += [_NOTHING, _NOTHING, why, _NOTHING]
                continue
            done = each.tricks[trick.name]
            good = done.is_fair and done.found.as_expected
            cells += [str(done.led), str(done.others), _kinds(done.found), _word(good)]
        lines.append(_row(trick.name, _expected(trick, names), *cells))
    return "\n".join(lines)


def totals(played: Played) -> str:
    """The figures that the targets are about."""
    result, sessions = played.score, played.sessions
    bounded = sum(session.at_most is not None for session in sessions)
    lines = [
        f"{played.browser}: {len(played.scenes)} scenes. Deliberate opens: {result.right} right,"
        f" {result.false} false, {result.missed} missed; precision {result.precision:.3f},"
        f" recall {result.recall:.3f}. Time: {played.within:.0%} of {len(sessions)} sessions within"
        f" their bounds ({bounded} with an upper bound)."
    ]
    lines += [f"Outside: {session}" for session in sessions if not session.within]
    return "\n".join(lines)


def _possible(scenes: Sequence[Scenario], browser: str) -> list[Scenario]:
    return [scene for scene in scenes if browser not in scene.cannot]


def _say(*what: str) -> None:
    print(*what, sep=": ", file=sys.stderr, flush=True)


def _expected(scene: Scenario, browsers: Sequence[str]) -> str:
    """The kinds there should be, once if that is the same in each browser."""
    due = {name: scene.for_browser(name) for name in browsers if name not in scene.cannot}
    words = {name: _due(each) for name, each in due.items()}
    if len(set(words.values())) < 2:
        return next(iter(words.values()), _NOTHING)
    return "; ".join(f"{name}: {word}" for name, word in words.items())


def _due(scene: Scenario) -> str:
    exact = {"navigation": scene.navigations, "action": scene.actions}
    return ", ".join([*(f"{kind} {n}" for kind, n in exact.items() if n), *scene.also])


def _head(first: Sequence[str], names: Sequence[str], columns: Sequence[str]) -> list[str]:
    titles = [*first, *(f"{name}: {column}" for name in names for column in columns)]
    return [_row(*titles), _row(*("---" for _ in titles))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _kinds(found: Found) -> str:
    return ", ".join(f"{kind} {number}" for kind, number in sorted(found.kinds.items()))


def _word(good: bool) -> str:
    return "yes" if good else "NO"
