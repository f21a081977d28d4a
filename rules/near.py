"""Rules that came close: which purposes would have opened a site, and what each of them lacked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from rules.conditions import Asked, Condition
from rules.decision import Near
from rules.purposes import Purpose
from rules.request import Person
from rules.sites import Site

_MOST = 4096  # pairs of a person and a site that are remembered

# A condition and why it fails all this minute, or "" where that hangs on the request.
_Doubt = tuple[Condition, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Close:
    """A purpose that may have come close, for one person on one site in one minute."""

    here: bool  # it is for the site that was asked for
    settled: Near  # with what fails whatever the request is
    doubts: tuple[_Doubt, ...]  # in the order of the question
    on_request: tuple[Condition, ...]  # those of them that hang on the request


class NearMinute:
    """What may come close in one minute of the school's time, by person and site."""

    __slots__ = ("_close", "_purposes")

    def __init__(self, purposes: Sequence[Purpose]) -> None:
        self._purposes = purposes
        self._close: dict[tuple[Person, Site], tuple[_Close, ...]] = {}

    def of(self, asked: Asked) -> tuple[Near, ...]:
        """Give the purposes that came close and why they did not fit, the closest first.

        Close is a purpose for this site, or one of this person's that only the site rules out.
        """
        close = self._close.get((asked.person, asked.site))
        if close is None:
            close = self._remember(asked)
        found = []
        for one in close:
            near = one.settled
            if not all(condition.holds(asked) for condition in one.on_request):
                if not one.here:
                    continue  # it lacks the site, and now more
                near = Near(near.rule, tuple(_why_not(one.doubts, asked)))
            if near.failed:
                found.append((not one.here, len(near.failed), near))
        # Those for this very site first, and of those the ones that lack least.
        found.sort(key=itemgetter(0, 1))
        return tuple(near for _, _, near in found)

    def _remember(self, asked: Asked) -> tuple[_Close, ...]:
        if len(self._close) >= _MOST:
            self._close.clear()
        close = self._close[asked.person, asked.site] = tuple(_all_close(self._purposes, asked))
        return close


def _all_close(purposes: Sequence[Purpose], asked: Asked) -> Iterator[_Close]:
    for purpose in purposes:
        here = asked.site.id in purpose.sites
        if here or purpose.who.covers(asked.person):  # for others and another site is not close
            doubts = tuple(_doubts(purpose, asked))
            words = tuple(why for _, why in doubts if why)
            if here or len(words) == 1:
                on_request = tuple(condition for condition, why in doubts if not why)
                yield _Close(here, Near(purpose.rule, words), doubts, on_request)


def _doubts(purpose: Purpose, asked: Asked) -> Iterator[_Doubt]:
    """Give a purpose's conditions but for those that hold all this minute, for one who asks."""
    for condition in purpose.every:
        if not (condition.timed or condition is purpose.who or condition is purpose.on):
            yield condition, ""
        elif not condition.holds(asked):
            yield condition, condition.why_not(asked)


def _why_not(doubts: Sequence[_Doubt], asked: Asked) -> Iterator[str]:
    for condition, why in doubts:
        if why or not condition.holds(asked):
            yield why or condition.why_not(asked)
