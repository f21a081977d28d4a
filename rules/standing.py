"""Standing purposes, asked so that a request costs next to nothing.

An answer hangs on three things: who asks, what kind of request it is (see `rules.kinds`), and the
conditions on the time. Those are looked at once a minute of the school's time, for nothing in the
language is finer, and from most minutes to the next they come to the same. So an answer is kept for
as long as they do. The words of a refusal may tell the time; they are made anew each minute.

The answer is always the one that asking every condition of every purpose would give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from rules.conditions import Asked, Condition
from rules.decision import Decision, Near, Outcome
from rules.kinds import Kind, Kinds
from rules.near import NearMinute
from rules.purposes import Purpose
from rules.request import SOMEONE, Person, Role, WebRequest
from rules.sites import Site
from rules.wording import Wording

_REST_OF_A_MINUTE = timedelta(minutes=1) - timedelta(microseconds=1)
_MOST = 16_384  # answers that are remembered: for people and kinds of request
_NOWHERE = Kind(Site("", "nowhere", ()), WebRequest(""), None)


@dataclass(frozen=True, slots=True, eq=False)
class _Lack:
    """One condition of a purpose, and the refusal for those of its people who lack only that."""

    condition: Condition
    title: str  # of the purpose
    plainly: Decision  # the refusal without a word about this purpose

    def refusal(self, asked: Asked) -> Decision:
        """Word the refusal for one who asks."""
        refusal, why = self.plainly, self.condition.why_not(asked)
        reason = f"{refusal.reason} You have a purpose for it, “{self.title}”: {why}."
        return replace(refusal, reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """What one purpose is to one site, with the decision that it makes if it fits."""

    purpose: Purpose
    opened: Decision
    lacks: tuple[_Lack, ...]  # one for each of its conditions


@dataclass(frozen=True, slots=True, eq=False)
class _OnSite:
    """What all purposes are to one site, in the policy's order, and the refusal without any."""

    offers: tuple[_Offer, ...]
    refused: Decision


# By all of a person that a purpose looks at, and by kind: the parts keep their hashes, so this is
# looked up faster than by the person. A lack stands for a refusal whose words tell the time.
_Answers = dict[tuple[str, Role, frozenset[str], Kind], Decision | _Lack]


class _Minute:
    """A minute of the school's time, with the answers that hold in it and perhaps for longer."""

    __slots__ = ("answers", "begin", "end", "held", "local", "near", "refusals")

    def __init__(
        self, now: datetime, local: datetime, held: tuple[bool, ...], answers: _Answers
    ) -> None:
        # In UTC, where no hour comes twice. Clocks change where a minute begins.
        into = timedelta(seconds=local.second, microseconds=local.microsecond)
        self.begin = now.astimezone(UTC) - into
        self.end = self.begin + _REST_OF_A_MINUTE
        self.local = local
        self.held = held  # which of the policy's conditions on the time hold
        self.answers = answers
        self.refusals: dict[_Lack, Decision] = {}
        self.near: NearMinute | None = None


class Standing:
    """The standing purposes of a policy, and what they came to when they were last asked."""

    __slots__ = ("_kinds", "_minute", "_on_site", "_purposes", "_timed", "_zone")

    def __init__(self, purposes: Sequence[Purpose], wording: Wording, zone: ZoneInfo) -> None:
        self._zone = zone
        self._purposes = purposes
        self._timed = tuple(dict.fromkeys(c for p in purposes for c in p.conditions if c.timed))
        self._kinds = Kinds(purposes)
        # One of each for a site: to word a decision takes longer than all the rest together.
        self._on_site: Callable[[Site], _OnSite] = lru_cache(_MOST)(
            partial(_on_site, purposes, wording)
        )
        self._minute: _Minute | None = None

    def judge(self, request: WebRequest, site: Site, person: Person, now: datetime) -> Decision:
        """Give the decision of the first purpose that fits, or else the refusal.

        The refusal says what the first purpose lacked that is this person's, is for this site, and
        lacked one thing only. `site` is one that some purpose is for, and `now` is aware.
        """
        minute = self._minute
        try:
            if minute is None or not minute.begin <= now <= minute.end:
                minute = self._turn_to(now)
        except TypeError:  # a time without a zone comes neither before nor after
            minute = self._turn_to(now)
        kind = self._kinds.of(request, site)
        answer = minute.answers.get((person.id, person.role, person.groups, kind))
        if answer is None:
            answer = self._settle(person, kind, minute)
        if isinstance(answer, Decision):
            return answer
        refusal = minute.refusals.get(answer)
        if refusal is None:
            asked = kind.asked_by(person, minute.local)
            refusal = minute.refusals[answer] = answer.refusal(asked)
        return refusal

    def near(
        self, request: WebRequest, site: Site, person: Person, now: datetime
    ) -> tuple[Near, ...]:
        """Give the purposes that came close and why they did not fit, the closest first."""
        minute = self._minute
        if minute is None or not minute.begin <= aware(now) <= minute.end:
            minute = self._turn_to(now)
        if minute.near is None:
            minute.near = NearMinute(self._purposes)
        return minute.near.of(Asked.about(request, site, person, minute.local))

    def _turn_to(self, now: datetime) -> _Minute:
        # The minute is read once and replaced whole, so that threads may ask together.
        before = self._minute
        local = aware(now).astimezone(self._zone)
        asked = _NOWHERE.asked_by(SOMEONE, local)
        held = tuple(condition.holds(asked) for condition in self._timed)
        answers = before.answers if before is not None and before.held == held else {}
        self._minute = minute = _Minute(now, local, held, answers)
        return minute

    def _settle(self, person: Person, kind: Kind, minute: _Minute) -> Decision | _Lack:
        if len(minute.answers) >= _MOST:
            minute.answers.clear()
        answer = self._answer(kind.asked_by(person, minute.local))
        minute.answers[person.id, person.role, person.groups, kind] = answer
        return answer

    def _answer(self, asked: Asked) -> Decision | _Lack:
        on_site, close = self._on_site(asked.site), None
        for offer in on_site.offers:
            if offer.purpose.who.covers(asked.person):
                lacks = [lack for lack in offer.lacks if not lack.condition.holds(asked)]
                if not lacks:
                    return offer.opened
                if close is None and len(lacks) == 1:
                    close = lacks[0]
        if close is None:
            return on_site.refused
        return close if close.condition.timed else close.refusal(asked)


def _on_site(purposes: Sequence[Purpose], wording: Wording, site: Site) -> _OnSite:
    refused = wording.refusal(Outcome.NO_PURPOSE, site)
    return _OnSite(
        tuple(_offer(p, wording, site, refused) for p in purposes if site.id in p.sites), refused
    )


def _offer(purpose: Purpose, wording: Wording, site: Site, refused: Decision) -> _Offer:
    title = purpose.rule.title
    opened = Decision(
        True,
        Outcome.PURPOSE,
        wording.reason(Outcome.PURPOSE, site, title),
        site,
        purpose.rule,
        purpose.clause or wording.clauses.get(Outcome.PURPOSE),
        purpose.needs_path,
    )
    return _Offer(purpose, opened, tuple(_Lack(c, title, refused) for c in purpose.conditions))


def aware(now: datetime) -> datetime:
    """Give the time back. Raises ValueError if it does not say which zone it is in."""
    if now.tzinfo is None:
        raise ValueError("The rules need a time that says which zone it is in.")
    return now
