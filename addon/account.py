"""What the record is told of one decided request: an event, a count, or a repeat of an event.

What a person did, or what they see refused, is an event of its own, and so is each page that fills
a tab, even if nobody asked for it: else a page that moves itself on quickly enough could visit a
site without a row. What a page did by itself is counted; so is what an app is refused over and
over, after a first event. See `storage.tallies`.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from datetime import datetime
from functools import partial

from addon.answer_kind import AnswerKind, answer_kind
from addon.evidence import COUNTED, Kind, Signs, signs_of
from addon.gate import Gate
from addon.identity.directory import Identification
from addon.passage import Opened
from addon.sent_on import asking_place, place_of
from rules.policy import Decision, Outcome, Policy
from rules.request import WebRequest
from rules.sites import Action, Site
from storage.events import Event
from storage.tallies import Tally

_LONGEST_METHOD = 16

_USUAL = frozenset(
    {Outcome.NO_PURPOSE, Outcome.UNIDENTIFIED, Outcome.WITHDRAWN, Outcome.RECORD_FULL}
)
"""Any other refusal may be of a request that hides what it asks for, and is always an event."""


class Account:
    """A request's who, when and how. `headers` are by name in lower case."""

    def __init__(
        self,
        gate: Gate,
        policy: Policy,
        who: Identification,
        address: str,
        now: datetime,
        headers: Mapping[str, str],
    ) -> None:
        self.gate = gate
        self.policy = policy
        self.person = who.person.id if who.person else None
        self.source = who.source
        self.confidence = who.confidence
        self.address = address
        self.now = now
        self.headers = headers
        self._signs: Signs | None = None

    def signs(self, request: WebRequest, site: Site | None) -> Signs:
        """What kind of request it is: by its headers, and by what the device did just before."""
        if self._signs is None:
            seen = Action.VIEW
            if site is not None:
                seen = site.action(request.method, request.host, request.path)
            signs = signs_of(self.headers, request.method, seen, partial(self._is_of, site))
            self._signs = self._in_the_light_of_before(request, signs)
        return self._signs

    def _in_the_light_of_before(self, request: WebRequest, signs: Signs) -> Signs:
        before, place = self.gate.before, place_of(request.host, request.path or "")
        signs = before.asked_by(self._device, asking_place(self.headers), place, signs)
        if signs.kind is not Kind.NAVIGATION or request.method != "GET":
            return signs
        seen = before.seen_as(self._device, place, signs, time.monotonic())
        if seen is not signs:
            self._unmake()
        return seen

    def allowed(self, request: WebRequest, decision: Decision) -> Event | Tally:
        """What must be durable before the request leaves."""
        signs = self.signs(request, decision.site)
        if signs.counted:
            return self._tally(signs, decision)
        event = self.event(request, decision)
        if signs.kind is Kind.NAVIGATION:
            self.gate.before.opened(self._device, event.id)
        return event

    def note_refused(self, request: WebRequest, decision: Decision) -> int | None:
        """Puts a refusal on record; gives back the number of the event that tells of it, if any."""
        recorder, before = self.gate.recorder, self.gate.before
        signs = self.signs(request, decision.site)
        seen = (
            signs.kind is not Kind.PREFETCH  # its page is thrown away
            and answer_kind(request.method, self.headers) is AnswerKind.PAGE
        )
        usual = decision.outcome in _USUAL
        if usual and not seen and signs.kind in COUNTED and signs.kind is not Kind.APP:
            recorder.note(self._tally(signs, decision))
            return None
        folds = usual and (signs.kind is Kind.APP or (signs.kind is Kind.UNKNOWN and not seen))
        refusal = (self._device, self.person, request.host, request.method, decision.outcome)
        moment = time.monotonic()
        if folds and (first := before.repeats(refusal, moment)) is not None:
            recorder.note(self._tally(signs, decision, first))
            return first
        event = self.event(request, decision)
        recorder.note(event)
        if folds:
            before.refused(refusal, event.id, moment)
        return event.id

    def note_use(self, request: WebRequest, decision: Decision) -> None:
        """Tells the record when an allowed request shows that a person uses the site."""
        site = decision.site
        if self.person is None or site is None:
            return
        signs, page = self.signs(request, site), (self.person, site.id)
        if signs.deliberate:
            self.gate.before.acts(page)
        elif signs.used and self.gate.before.in_use(
            page, place_of(request.host, request.path or ""), time.monotonic()
        ):
            self.gate.recorder.use(self.person, site.id, self.now)

    def _unmake(self) -> None:
        """Takes back what came at once with this request, and passed for somebody's doing."""
        event = self.gate.before.unmade(self._device)
        if event is not None and self.person is not None:
            self.gate.recorder.no_act(self.person, event)

    def opened(self, request: WebRequest, decision: Decision) -> Opened | None:
        """The page that the request opens, if a person opens one."""
        site = decision.site
        if site is None or self.signs(request, site).kind is not Kind.NAVIGATION:
            return None
        return Opened(self._device, self.person, site)

    def event(self, request: WebRequest, decision: Decision) -> Event:
        """The event of a decided request: all of it that the record may hold."""
        signs = self.signs(request, decision.site)
        return Event(
            id=self.gate.event_ids.next(self.now),
            at=self.now,
            person=self.person,
            source=self.source,
            address=self.address,
            site=decision.site.id if decision.site else "",
            host=request.host,
            scheme=request.scheme,
            method=request.method[:_LONGEST_METHOD],
            kind=signs.kind,
            allowed=decision.allowed,
            outcome=decision.outcome,
            reason=decision.reason,
            rule=_name_of_rule(decision),
            clause=decision.clause.id if decision.clause else None,
            path=request.path if decision.records_path else None,
            policy=self.policy.digest[:12],
            confidence=self.confidence,
            action=signs.done,
            inside=signs.inside,
        )

    def _tally(self, signs: Signs, decision: Decision, repeat_of: int | None = None) -> Tally:
        assert decision.site
        return Tally(
            at=self.now,
            person=self.person,
            site=decision.site.id,
            kind=signs.kind,
            allowed=decision.allowed,
            repeat_of=repeat_of,
        )

    @property
    def _device(self) -> Hashable:
        """What tells one browser or app from another behind the same address."""
        return hash((self.address, self.headers.get("user-agent", "")))

    def _is_of(self, site: Site | None, host: str) -> bool:
        return site is not None and self.policy.catalogue.site_of(host) is site


def _name_of_rule(decision: Decision) -> str | None:
    """What the record calls what decided: a grant by its reference, `lesson#17`."""
    if decision.grant:
        return decision.grant.reference
    return decision.rule.id if decision.rule else None
