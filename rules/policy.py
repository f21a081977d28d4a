"""The policy: what the school decided, and the engine that answers with it.

Rules are decided in a fixed, readable order: a withdrawal, then standing purposes, then grants. No
rule outweighs another and none can be hidden by one above it, so adding a purpose never closes
anything. The engine reads no clock: `now` is given, aware, and turned into the school's time here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from rules.care import Cases, Retention
from rules.conditions import Asked, OnPath
from rules.days import Calendar
from rules.decision import Decision, Explanation, Grant, Near, Outcome, RuleRef
from rules.faults import Spot
from rules.fediverse import SITE as FEDIVERSE
from rules.fediverse import speaks_fediverse
from rules.mirrors import BY_ADDRESS, mirrored_host, shows_others
from rules.purposes import DeclaredPurpose, Purpose
from rules.request import Person, Role, WebRequest
from rules.school import Clause, Contact, School
from rules.sites import Catalogue, Site
from rules.standing import Minute, Standing
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
    _standing: Standing = field(init=False, repr=False)

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
        object.__setattr__(self, "_answers", answers)
        object.__setattr__(self, "_open", opened)
        object.__setattr__(self, "_with_purposes", with_purposes)
        standing = Standing(self.purposes, self.wording, self.school.timezone)
        object.__setattr__(self, "_standing", standing)

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
        if site is None:
            if request.host in BY_ADDRESS:
                site = self._shown_site(request)
            elif speaks_fediverse(request.path):
                site = self.catalogue.sites.get(FEDIVERSE)
        site_id = "" if site is None else site.id
        if person is not None and person.withdrawn and not self._is_essential(request.host):
            return self._answers[Outcome.WITHDRAWN, site_id]
        if site is None or site_id not in self.restricted:
            return self._open[site_id]
        if person is None and not self.unidentified_as_visitor:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        hint = ""
        if site_id in self._with_purposes:
            minute = self._minute(now)
            opened, hint = minute.judge(request, site, person or _SOMEONE)
            if opened is not None:
                return opened
        if person is None:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        for grant in grants:
            if (
                person.role != Role.PUPIL
                and grant.person == person.id
                and grant.site == site_id
                and now < grant.until
            ):
                return self._allowed_until(grant, site)
        refusal = self._answers[Outcome.NO_PURPOSE, site_id]
        return minute.with_hint(refusal, site, hint) if hint else refusal

    def declarable(self, person: Person, site: Site, now: datetime) -> tuple[DeclaredPurpose, ...]:
        """Give the purposes that a person may declare for a site now; `now` is aware."""
        asked = Asked.about(WebRequest(site.id), site, person, self._minute(now).local)
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
        """Answer one request, and say which rules came close and why they did not fit."""
        decision = self.decide(request, person, now, grants)
        site = decision.site
        if site is None or decision.allowed or decision.outcome is Outcome.WITHDRAWN:
            return Explanation(decision)
        near = self._minute(now).near(request, site, person or _SOMEONE)
        return Explanation(decision, near)

    def hinges_on_path(self, request: WebRequest, person: Person | None, now: datetime) -> bool:
        """Say whether a purpose would fit if only the request's path were another.

        For a request whose path is not known, that is when its answer is not known either.
        """
        site = self.catalogue.site_of(request.host)
        if site is None:
            return False
        asked = Asked.about(request, site, person or _SOMEONE, self._minute(now).local)
        misses = [purpose.failed(asked) for purpose in self.purposes if site.id in purpose.sites]
        if not all(misses):
            return False
        return any(all(isinstance(failed, OnPath) for failed in missed) for missed in misses)

    def _shown_site(self, request: WebRequest) -> Site | None:
        shown = request.shown or mirrored_host(request.host, request.path or "")
        return None if shown is None else self.catalogue.site_of(shown)

    def _minute(self, now: datetime) -> Minute:
        if now.tzinfo is None:
            raise ValueError("The rules need a time that says which zone it is in.")
        return self._standing.at(now)

    def _is_essential(self, host: str) -> bool:
        while host not in self.essentials:
            _, dot, host = host.partition(".")
            if not dot:
                return False
        return True

    def _allowed_until(self, grant: Grant, site: Site) -> Decision:
        until = grant.until.astimezone(self.school.timezone)
        words = f"{until:%H:%M} on {until.day} {until:%B}"
        reason = self.wording.reason(
            Outcome.GRANT, site, grant.purpose or "a school purpose", words
        )
        return Decision(
            True, Outcome.GRANT, reason, site, None, self.wording.clauses.get(Outcome.GRANT)
        )
