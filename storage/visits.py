"""How long a person may have been on a site: always a range, worked out from what they did.

An *act* is something a person did on a site that opened: a navigation, or an action such as a post.
Consecutive acts on one site are a *visit*. What the record can say of its length is two bounds, in
seconds, and nothing between them:

* At least: the time between two acts on the site when the second was made from a page of that same
  site, nothing else on record came between, and it is two minutes or less. A longer gap proves
  nothing, and so counts nothing. After the last act nothing counts.
* At most: from each act to the person's next act, here or elsewhere. After the last one before a
  silence of half an hour, to the last request that the page made because somebody used it. A page
  that only loaded shows nobody's presence, so without a later request there is no upper bound.

Acts are ordered by their id, which never goes back; the clock may. Where it went back, the time
between counts for nothing. A person's acts on several devices are one line of acts, and each moment
of it belongs to one visit at most, so nothing is counted twice. A visit is under one rule or grant:
where that changes, another begins, and time under a grant can be shown apart.

What a page did by itself, what was refused, what was only prefetched, and tabs that a browser
brought back are no acts (see `addon.evidence`), and regular polling is no use of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

CLOSE: Final = timedelta(minutes=2)
"""The longest gap between two acts that is taken for time on the site."""

SILENCE: Final = timedelta(minutes=30)
"""Without a sign for longer, what comes next is another visit."""

LOADING: Final = timedelta(seconds=10)
"""What a page asks for this soon belongs to opening it, and shows nobody's presence."""

_NOTHING: Final = timedelta(0)
_SECOND: Final = timedelta(seconds=1)


class Act(NamedTuple):
    """Something a person did on a site that opened.

    `outcome` and `rule` are what opened it. `inside`: it was done from a page of the site itself.
    `seen` is the last request since then that somebody's use of the page caused. Times aware UTC.
    """

    id: int
    at: datetime
    site: str
    outcome: str
    rule: str | None
    action: str
    inside: bool
    seen: datetime | None = None


class Visit(NamedTuple):
    """Consecutive acts on a site. `first` is the id of the first, `acts` how many there were.

    `began` and `last` are the moments of the first and last act; `ended` is where the upper bound
    ends, None without one. `at_least` and `at_most` are whole seconds, rounded down and up;
    `at_most` is None where there is no bound.
    """

    first: int
    site: str
    outcome: str
    rule: str | None
    began: datetime
    last: datetime
    ended: datetime | None
    acts: int
    at_least: int
    at_most: int | None

    @property
    def can_tell(self) -> bool:
        """Whether the two bounds are close enough for the record to say anything of the length."""
        return can_tell(self.at_least, self.at_most)


def can_tell(at_least: int, at_most: int | None) -> bool:
    """Whether two bounds (seconds) say anything: the upper is not over five times the lower."""
    return at_most is not None and at_most <= 5 * at_least


def visits_of(acts: Iterable[Act]) -> Iterator[Visit]:
    """The visits that one person's acts, in the order of their ids, make up."""
    following = iter(acts)
    act = next(following, None)
    while act is not None:
        first, number, low, high = act, 0, _NOTHING, _NOTHING
        while True:
            after = next(following, None)
            number += 1
            if after is None or not _near(act, after):
                end = _last_use(act)
                if end is not None:
                    high += end - act.at
                break
            end = after.at
            high += end - act.at
            if after.site != act.site:
                break
            if after.inside and end - act.at <= CLOSE:
                low += end - act.at
            if (after.outcome, after.rule) != (act.outcome, act.rule):
                break
            act = after
        yield Visit(
            first=first.id,
            site=first.site,
            outcome=first.outcome,
            rule=first.rule,
            began=first.at,
            last=act.at,
            ended=end,
            acts=number,
            at_least=low // _SECOND,
            at_most=None if end is None else -(-high // _SECOND),
        )
        act = after


def _last_use(act: Act) -> datetime | None:
    """Where the time that can belong to an act before a silence ends, None if nothing says."""
    used = act.seen is not None and act.seen - act.at > LOADING
    return act.seen if used else None


def _near(act: Act, after: Act) -> bool:
    """Whether the next act came before a silence, on a clock that went forward."""
    if after.at < act.at:
        return False
    sign = act.at if act.seen is None else max(act.at, act.seen)
    return after.at - sign <= SILENCE
