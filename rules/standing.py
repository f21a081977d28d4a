"""Standing purposes made ready for the present minute, so that a request costs next to nothing.

Hours, days and last days hold or do not hold for a whole minute of the school's time: nothing in
the language is finer. So they are looked at once a minute for each person and site, and what is
left for every request is what depends on the request itself: its path, and what it does. The answer
is the same as if every condition were asked every time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from rules.conditions import Asked, Condition
from rules.decision import Decision, Near, Outcome, RuleRef
from rules.paths import plain_path
from rules.purposes import Purpose
from rules.request import Person, WebRequest
from rules.sites import Site
from rules.wording import Wording

_REST_OF_A_MINUTE = timedelta(minutes=1) - timedelta(microseconds=1)
_MOST = 4096  # pairs of a person and a site that are remembered


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """What one purpose is to one site, with the decision that it makes if it fits."""

    number: int  # of the purpose in the policy
    purpose: Purpose
    timed: tuple[Condition, ...]
    others: tuple[Condition, ...]  # on the request
    opened: Decision


_Offers = tuple[_Offer, ...]
_Find = Callable[[Person, Site], _Offers]


@dataclass(frozen=True, slots=True, eq=False)
class _Close:
    """A purpose that may have come close, with what fails it for sure and what may yet do so."""

    rule: RuleRef
    here: bool  # it is for the site that was asked for
    doubtful: tuple[tuple[Condition, bool], ...]  # True: it fails all this minute


# An offer and the one condition on the time that fails, or None: then the request alone counts.
_Timely = tuple[tuple[_Offer, Condition | None], ...]


class Minute:
    """A minute of the school's time, and what the standing purposes come to in it."""

    __slots__ = (
        *("_begin", "_close", "_end", "_find", "_hinted", "_purposes", "_timely", "_untimely"),
        "local",
    )

    def __init__(
        self, now: datetime, zone: ZoneInfo, purposes: Sequence[Purpose], find: _Find
    ) -> None:
        """Take the minute that holds `now` (aware) in the school's zone."""
        self.local = local = now.astimezone(zone)
        # In UTC, where no hour comes twice. Clocks change where a minute begins.
        into = timedelta(seconds=local.second, microseconds=local.microsecond)
        self._begin = now.astimezone(UTC) - into
        self._end = self._begin + _REST_OF_A_MINUTE
        self._purposes = purposes
        self._find = find
        self._close: dict[tuple[Person, Site], tuple[_Close, ...]] = {}
        self._timely: dict[tuple[Person, Site], _Timely] = {}
        self._untimely: dict[int, list[Condition]] = {}  # by number of the purpose
        self._hinted: dict[tuple[Site, str], Decision] = {}

    def holds(self, now: datetime) -> bool:
        """Say whether an aware time lies in this minute."""
        return self._begin <= now <= self._end

    def judge(self, request: WebRequest, site: Site, person: Person) -> tuple[Decision | None, str]:
        """Give the decision of the first purpose that fits, or what one of them lacked."""
        timely = self._timely.get((person, site))
        if timely is None:
            timely = self._remember(person, site)
        if not timely:
            return None, ""
        path = request.path
        plain = None if path is None else plain_path(path)
        asked = Asked(request, site, person, self.local, plain)
        close: tuple[_Offer, Condition] | None = None
        for offer, missing in timely:
            for condition in offer.others:
                if not condition.holds(asked):
                    if missing is not None:
                        break  # two are missing, so it is not even close
                    missing = condition
            else:
                if missing is None:
                    return offer.opened, ""
                if close is None:
                    close = offer, missing
        return None, "" if close is None else _hint(*close, asked)

    def near(self, request: WebRequest, site: Site, person: Person) -> tuple[Near, ...]:
        """Give the purposes that came close and why they did not fit, the closest first.

        Close is a purpose for this site, or one of this person's that only the site rules out.
        """
        close = self._close.get((person, site))
        asked = Asked.about(request, site, person, self.local)
        if close is None:
            close = self._remember_close(person, site, asked)
        near = [
            (one, failed)
            for one in close
            if (failed := [c for c, fails in one.doubtful if fails or not c.holds(asked)])
            and (one.here or len(failed) == 1)
        ]
        # Those for this very site first, and of those the ones that lack least.
        near.sort(key=lambda found: (not found[0].here, len(found[1])))
        return tuple(
            Near(one.rule, tuple(c.why_not(asked) for c in failed)) for one, failed in near
        )

    def with_hint(self, refusal: Decision, site: Site, hint: str) -> Decision:
        """Add a hint to a refusal's reason. There are no more hints than purposes have words."""
        hinted = self._hinted.get((site, hint))
        if hinted is None:
            hinted = replace(refusal, reason=refusal.reason + hint)
            self._hinted[site, hint] = hinted
        return hinted

    def _remember_close(self, person: Person, site: Site, asked: Asked) -> tuple[_Close, ...]:
        if len(self._close) >= _MOST:
            self._close.clear()
        found = []
        for purpose in self._purposes:
            here = site.id in purpose.sites
            if here or purpose.who.covers(person):  # for others and for another site is not close
                doubtful = tuple(_doubtful(purpose, asked))
                if here or sum(fails for _, fails in doubtful) == 1:
                    found.append(_Close(purpose.rule, here, doubtful))
        close = self._close[person, site] = tuple(found)
        return close

    def _remember(self, person: Person, site: Site) -> _Timely:
        if len(self._timely) >= _MOST:
            self._timely.clear()
        found: list[tuple[_Offer, Condition | None]] = []
        for offer in self._find(person, site):
            untimely = self._untimely.get(offer.number)
            if untimely is None:
                asked = Asked(WebRequest(site.id), site, person, self.local, None)
                untimely = [c for c in offer.timed if not c.holds(asked)]
                self._untimely[offer.number] = untimely
            if not untimely:
                found.append((offer, None))
                if not offer.others:
                    break  # it always fits, so none behind it is ever asked
            elif len(untimely) == 1:
                found.append((offer, untimely[0]))
            # With more than one it can neither open the site nor be worth a hint.
        timely = self._timely[person, site] = tuple(found)
        return timely


class Standing:
    """The standing purposes of a policy, and the minute in which they were last asked."""

    __slots__ = ("_find", "_minute", "_purposes", "_zone")

    def __init__(self, purposes: Sequence[Purpose], wording: Wording, zone: ZoneInfo) -> None:
        self._zone = zone
        self._purposes = purposes
        # One of each for a site: to word a decision takes longer than all the rest together.
        on_site = lru_cache(maxsize=_MOST)(partial(_offers, purposes, wording))
        self._find: _Find = lru_cache(maxsize=_MOST)(partial(_for_person, on_site))
        self._minute: Minute | None = None

    def at(self, now: datetime) -> Minute:
        """Give the minute of an aware time: nearly always the one of the request before."""
        # Read once and replaced whole, so that threads may ask together.
        minute = self._minute
        if minute is None or not minute.holds(now):
            minute = self._minute = Minute(now, self._zone, self._purposes, self._find)
        return minute


def _for_person(on_site: Callable[[Site], _Offers], person: Person, site: Site) -> _Offers:
    return tuple(offer for offer in on_site(site) if offer.purpose.who.covers(person))


def _offers(purposes: Sequence[Purpose], wording: Wording, site: Site) -> _Offers:
    """Give the purposes for a site, in the policy's order."""
    return tuple(
        _Offer(
            number,
            purpose,
            tuple(c for c in purpose.conditions if c.timed),
            tuple(c for c in purpose.conditions if not c.timed),
            Decision(
                True,
                Outcome.PURPOSE,
                wording.reason(Outcome.PURPOSE, site, purpose.rule.title),
                site,
                purpose.rule,
                purpose.clause or wording.clauses.get(Outcome.PURPOSE),
                purpose.needs_path,
            ),
        )
        for number, purpose in enumerate(purposes)
        if site.id in purpose.sites
    )


def _doubtful(purpose: Purpose, asked: Asked) -> Iterator[tuple[Condition, bool]]:
    """Give a purpose's conditions but for those that hold all this minute, for one who asks."""
    for condition in purpose.every:
        settled = condition.timed or condition is purpose.who or condition is purpose.on
        if not (settled and condition.holds(asked)):
            yield condition, settled


def _hint(offer: _Offer, missing: Condition, asked: Asked) -> str:
    why = missing.why_not(asked)
    return f" You have a purpose for it, “{offer.purpose.rule.title}”: {why}."
