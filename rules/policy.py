"""The policy: what the school decided, and the engine that answers with it.

Rules are decided in a fixed, readable order: a withdrawal, then standing purposes, then grants. No
rule outweighs another and none can be hidden by one above it, so adding a purpose never closes
anything. The engine reads no clock: `now` is given, aware, and turned into the school's time here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path

from rules.care import Cases, Retention
from rules.conditions import Asked, OnPath
from rules.days import Calendar
from rules.decision import Decision, Explanation, Grant, Near, Outcome, RuleRef
from rules.faults import Spot
from rules.mirrors import BY_ADDRESS, mirrored_host, shows_others
from rules.purposes import DeclaredPurpose, Purpose
from rules.request import Person, Role, WebRequest
from rules.school import Clause, Contact, School
from rules.sites import Catalogue, Site
from rules.trials import Trial
from rules.wording import Wording

__all__ = [
    "Clause",
    "Contact",
    "Decision",
    "DeclaredPurpose",
    "Explanation",
    "Grant",
    "Near",
    "Outcome",
    "Policy",
    "Purpose",
    "RuleRef",
    "School",
]

_SOMEONE = Person("", "somebody unknown", Role.VISITOR)


@dataclass(frozen=True, eq=False)
class Policy:
    """A checked policy. Get one from `rules.loading.load_policy`."""

    school: School
    clauses: Mapping[str, Clause]
    people: Mapping[str, Person]
    addresses: Mapping[str, str]  # canonical IP address -> person id
    catalogue: Catalogue
    restricted: frozenset[str]  # site ids
    purposes: tuple[Purpose, ...]
    wording: Wording
    unidentified_as_visitor: bool
    essentials: frozenset[str]  # canonical hosts, each with everything below it
    digest: str  # SHA-256 in hex over the bytes of all files
    files: tuple[Path, ...]
    groups: Mapping[str, str] = field(default_factory=dict)  # group id -> title
    devices: Mapping[str, str] = field(default_factory=dict)  # hardware address -> person id
    calendar: Calendar | None = None
    declared: tuple[DeclaredPurpose, ...] = ()
    needed_confidence: int = 50  # 0 to 100
    not_decrypted: frozenset[str] = frozenset()  # site ids
    retention: Retention = field(default_factory=Retention)
    cases: Cases | None = None
    review: date | None = None
    reviewed_by: str = ""
    trials: tuple[Trial, ...] = ()
    spots: Mapping[str, Spot] = field(default_factory=dict)  # 'people.a.larch' -> its place
    # By outcome and site id, "" for no known site: answers that are the same for everyone.
    _answers: Mapping[tuple[Outcome, str], Decision] = field(init=False, repr=False)
    _open: Mapping[str, Decision] = field(init=False, repr=False)
    _with_purposes: frozenset[str] = field(init=False, repr=False)  # site ids
    # A person's purposes for a site, each with the answer it gives.
    _purposes_for: Callable[[Person, Site], tuple[tuple[Purpose, Decision], ...]] = field(
        init=False, repr=False
    )

    def __post_init__(self) -> None:
        """Word the usual answers once, and remember which purposes concern whom."""
        answers = {
            (outcome, site.id if site else ""): self.refuse(outcome, site)
            for outcome in (Outcome.UNIDENTIFIED, Outcome.NO_PURPOSE, Outcome.WITHDRAWN)
            for site in (*self.catalogue, None)
        }
        opened = {
            site.id if site else "": replace(
                self.refuse(Outcome.NOT_RESTRICTED, site), allowed=True
            )
            for site in (*self.catalogue, None)
        }
        with_purposes = frozenset(site for purpose in self.purposes for site in purpose.sites)
        # Not a bound method: a policy that kept itself alive would outlive its replacement.
        find = partial(_purposes_for, self.purposes, self.wording)
        object.__setattr__(self, "_answers", answers)
        object.__setattr__(self, "_open", opened)
        object.__setattr__(self, "_with_purposes", with_purposes)
        object.__setattr__(self, "_purposes_for", lru_cache(maxsize=4096)(find))

    def restricted_site(self, host: str) -> Site | None:
        """Give the restricted site that a canonical host belongs to, or None."""
        site = self.catalogue.site_of(host)
        return site if site is not None and site.id in self.restricted else None

    def restricted_network(self, address: str) -> Site | None:
        """Give the restricted site whose own networks hold an IP address, or None."""
        site = self.catalogue.site_at(address)
        return site if site is not None and site.id in self.restricted else None

    def sees_through(self, host: str) -> bool:
        """Say whether a host that is not restricted may show restricted sites' pages by address.

        Such a host (an archive, a search engine's copies) has to be decrypted to be judged.
        """
        return bool(self.restricted) and shows_others(host)

    def decide(
        self,
        request: WebRequest,
        person: Person | None,
        now: datetime,
        grants: Sequence[Grant] = (),
    ) -> Decision:
        """Answer one request. `now` is aware; `person` is None while nobody is known."""
        site = self.catalogue.site_of(request.host)
        if site is None and request.host in BY_ADDRESS:
            site = self._shown_site(request)
        site_id = "" if site is None else site.id
        if person is not None and person.withdrawn and not self._is_essential(request.host):
            return self._answers[Outcome.WITHDRAWN, site_id]
        if site is None or site_id not in self.restricted:
            return self._open[site_id]
        if person is None and not self.unidentified_as_visitor:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        hint = ""
        if site_id in self._with_purposes:
            asked = Asked(request, site, person or _SOMEONE, self._local(now))
            opened, hint = self._by_purpose(asked)
            if opened is not None:
                return opened
        if person is None:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        for grant in grants if person.role != Role.PUPIL else ():
            if grant.person == person.id and grant.site == site_id and now < grant.until:
                return self._allowed_until(grant, site)
        refusal = self._answers[Outcome.NO_PURPOSE, site_id]
        return replace(refusal, reason=refusal.reason + hint) if hint else refusal

    def _by_purpose(self, asked: Asked) -> tuple[Decision | None, str]:
        """Give the decision of the first purpose that fits, or what one of them lacked."""
        hint = ""
        for purpose, opened in self._purposes_for(asked.person, asked.site):
            failed = [c for c in purpose.conditions if not c.holds(asked)]
            if not failed:
                return opened, ""
            if len(failed) == 1 and not hint:
                why = failed[0].why_not(asked)
                hint = f" You have a purpose for it, “{purpose.rule.title}”: {why}."
        return None, hint

    def declarable(self, person: Person, site: Site, now: datetime) -> tuple[DeclaredPurpose, ...]:
        """Give the purposes that a person may declare for a site now; `now` is aware."""
        asked = Asked(WebRequest(site.id), site, person, self._local(now))
        return tuple(purpose for purpose in self.declared if not purpose.failed(asked))

    def refuse(self, outcome: Outcome, site: Site | None) -> Decision:
        """Word a refusal, also one decided elsewhere: names that disagree, an internal error."""
        reason, clause = self.wording.reason(outcome, site), self.wording.clauses.get(outcome)
        return Decision(False, outcome, reason, site, None, clause)

    def explain(
        self,
        request: WebRequest,
        person: Person | None,
        now: datetime,
        grants: Sequence[Grant] = (),
    ) -> Explanation:
        """Answer one request, and say which rules came close and why they did not fit.

        Close is a purpose for this site, or one of this person's that only the site rules out.
        """
        decision = self.decide(request, person, now, grants)
        site = decision.site
        if site is None or decision.allowed or decision.outcome is Outcome.WITHDRAWN:
            return Explanation(decision)
        asked = Asked(request, site, person or _SOMEONE, self._local(now))
        near = [
            (purpose.on.holds(asked), purpose.rule, failed)
            for purpose in self.purposes
            # One that is for others and for another site is not close.
            if (site.id in purpose.sites or purpose.who.covers(asked.person))
            and (failed := purpose.failed(asked))
            and (len(failed) == 1 or site.id in purpose.sites)
        ]
        # Those for this very site first, and of those the ones that lack least.
        near.sort(key=lambda rule: (not rule[0], len(rule[2])))
        return Explanation(
            decision,
            tuple(Near(rule, tuple(c.why_not(asked) for c in failed)) for _, rule, failed in near),
        )

    def hinges_on_path(self, request: WebRequest, person: Person | None, now: datetime) -> bool:
        """Say whether a purpose would fit if only the request's path were another.

        For a request whose path is not known, that is when its answer is not known either.
        """
        site = self.catalogue.site_of(request.host)
        if site is None:
            return False
        asked = Asked(request, site, person or _SOMEONE, self._local(now))
        misses = [purpose.failed(asked) for purpose in self.purposes if site.id in purpose.sites]
        if not all(misses):
            return False
        return any(all(isinstance(failed, OnPath) for failed in missed) for missed in misses)

    def _shown_site(self, request: WebRequest) -> Site | None:
        shown = request.shown or mirrored_host(request.host, request.path or "")
        return None if shown is None else self.catalogue.site_of(shown)

    def _local(self, now: datetime) -> datetime:
        if now.tzinfo is None:
            raise ValueError("The rules need a time that says which zone it is in.")
        return now.astimezone(self.school.timezone)

    def _is_essential(self, host: str) -> bool:
        while host not in self.essentials:
            _, dot, host = host.partition(".")
            if not dot:
                return False
        return True

    def _allowed_until(self, grant: Grant, site: Site) -> Decision:
        until = self._local(grant.until)
        words = f"{until:%H:%M} on {until.day} {until:%B}"
        reason = self.wording.reason(
            Outcome.GRANT, site, grant.purpose or "a school purpose", words
        )
        return Decision(
            True, Outcome.GRANT, reason, site, None, self.wording.clauses.get(Outcome.GRANT)
        )


def _purposes_for(
    purposes: Sequence[Purpose], wording: Wording, person: Person, site: Site
) -> tuple[tuple[Purpose, Decision], ...]:
    """Give the purposes for a person on a site, each with the decision that it makes."""
    return tuple(
        (
            purpose,
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
        for purpose in purposes
        if site.id in purpose.sites and purpose.who.covers(person)
    )
