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
from rules.conditions import Asked, ForPeople
from rules.days import Calendar
from rules.decision import Decision, Explanation, Grant, Near, Outcome, RuleRef
from rules.faults import Spot
from rules.mirrors import BY_ADDRESS, mirrored_host, shows_others
from rules.purposes import DeclaredPurpose, Purpose
from rules.request import Person, Role, WebRequest
from rules.school import Clause, School
from rules.sites import Catalogue, Site
from rules.trials import Trial
from rules.wording import Wording

__all__ = [
    "Decision",
    "DeclaredPurpose",
    "Explanation",
    "Grant",
    "Near",
    "Outcome",
    "Policy",
    "Purpose",
    "RuleRef",
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
    _by_site: Mapping[str, tuple[Purpose, ...]] = field(init=False, repr=False)
    # By purpose and site id.
    _allowed: Mapping[tuple[str, str], Decision] = field(init=False, repr=False)
    # By outcome and site id, "" for a host of no known site.
    _answers: Mapping[tuple[Outcome, str], Decision] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the purposes by site, and word the answers that do not depend on who asks."""
        by_site: dict[str, tuple[Purpose, ...]] = {}
        for purpose in self.purposes:
            for site_id in purpose.sites:
                by_site[site_id] = (*by_site.get(site_id, ()), purpose)
        answers = {
            (outcome, site.id if site else ""): self._answer(outcome, site)
            for outcome in (
                Outcome.NOT_RESTRICTED,
                Outcome.UNIDENTIFIED,
                Outcome.NO_PURPOSE,
                Outcome.WITHDRAWN,
            )
            for site in (*self.catalogue, None)
        }
        object.__setattr__(self, "_by_site", by_site)
        object.__setattr__(self, "_answers", answers)
        sites = self.catalogue.sites
        allowed = {
            (purpose.rule.id, site_id): self._allowed_by(purpose, sites[site_id])
            for purpose in self.purposes
            for site_id in purpose.sites
        }
        object.__setattr__(self, "_allowed", allowed)

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
            return self._answers[Outcome.NOT_RESTRICTED, site_id]
        if person is None and not self.unidentified_as_visitor:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        purposes = self._by_site.get(site_id)
        hint = ""
        if purposes is not None:
            asked = Asked(request, site, person or _SOMEONE, self._local(now))
            for purpose in purposes:
                if purpose.fits(asked):
                    return self._allowed[purpose.rule.id, site_id]
            hint = _hint(purposes, asked)
        if person is None:
            return self._answers[Outcome.UNIDENTIFIED, site_id]
        for grant in grants if person.role is not Role.PUPIL else ():
            if grant.person == person.id and grant.site == site_id and now < grant.until:
                return self._allowed_until(grant, site)
        refusal = self._answers[Outcome.NO_PURPOSE, site_id]
        return replace(refusal, reason=refusal.reason + hint) if hint else refusal

    def declarable(self, person: Person, site: Site, now: datetime) -> tuple[DeclaredPurpose, ...]:
        """Give the purposes that a person may declare for a site now; `now` is aware."""
        asked = Asked(WebRequest(site.id), site, person, self._local(now))
        return tuple(purpose for purpose in self.declared if purpose.open_to(asked))

    def refuse(self, outcome: Outcome, site: Site | None) -> Decision:
        """Word a refusal that was decided elsewhere: names that disagree, an internal error."""
        return self._answer(outcome, site)

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
        if site is None or decision.allowed:
            return Explanation(decision)
        asked = Asked(request, site, person or _SOMEONE, self._local(now))
        near = [
            Near(purpose.rule, tuple(condition.why_not(asked) for condition in failed))
            for purpose in self.purposes
            if (failed := purpose.failed(asked)) and (len(failed) == 1 or site.id in purpose.sites)
        ]
        return Explanation(decision, tuple(sorted(near, key=lambda rule: len(rule.failed))))

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

    def _allowed_by(self, purpose: Purpose, site: Site) -> Decision:
        """Word what a purpose allows."""
        reason = self.wording.reason(Outcome.PURPOSE, site, purpose.rule.title)
        clause = purpose.clause or self.wording.clauses.get(Outcome.PURPOSE)
        return Decision(
            True, Outcome.PURPOSE, reason, site, purpose.rule, clause, purpose.needs_path
        )

    def _allowed_until(self, grant: Grant, site: Site) -> Decision:
        until = self._local(grant.until)
        words = f"{until:%H:%M} on {until.day} {until:%B}"
        reason = self.wording.reason(
            Outcome.GRANT, site, grant.purpose or "a school purpose", words
        )
        return Decision(
            True, Outcome.GRANT, reason, site, None, self.wording.clauses.get(Outcome.GRANT)
        )

    def _answer(self, outcome: Outcome, site: Site | None) -> Decision:
        return Decision(
            outcome is Outcome.NOT_RESTRICTED,
            outcome,
            self.wording.reason(outcome, site),
            site,
            None,
            self.wording.clauses.get(outcome),
        )


def _hint(purposes: Sequence[Purpose], asked: Asked) -> str:
    """Say what a purpose of this person's for this site lacked, if it lacked one thing only."""
    for purpose in purposes:
        failed = purpose.failed(asked)
        if len(failed) == 1 and not isinstance(failed[0], ForPeople):
            why = failed[0].why_not(asked)
            return f" You have a purpose for it, “{purpose.rule.title}”: {why}."
    return ""
