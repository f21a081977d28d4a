"""The policy: what the school decided, and the engine that answers with it.

Rules are decided in a fixed, readable order: a withdrawal, then standing purposes, then grants. No
rule outweighs another and none can be hidden by one above it, so adding a purpose never closes
anything. The engine reads no clock: `now` is given, aware, and turned into the school's time here.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from rules.care import Cases, Retention
from rules.conditions import Asked, OnPath
from rules.days import Calendar
from rules.decision import Decision, Explanation, Grant, Near, Outcome, RuleRef
from rules.faults import Spot
from rules.fediverse import SHAPES, speaks_fediverse
from rules.fediverse import SITE as FEDIVERSE
from rules.identity import Identity
from rules.listed_paths import ListedPaths
from rules.mirrors import BY_ADDRESS, MIRRORS, mirrored_host, shows_others
from rules.purposes import DeclaredPurpose, Purpose, offers
from rules.request import SOMEONE, Person, Role, WebRequest
from rules.school import Clause, Contact, School
from rules.sites import Catalogue, Network, Site
from rules.standing import Standing, aware
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


@dataclass(frozen=True, slots=True, eq=False)
class _AtSite:
    """What is the same for everyone at one site, or at no known site: worded once, beforehand."""

    restricted: bool
    has_purposes: bool
    opened: Decision
    refused: Decision
    unidentified: Decision
    withdrawn: Decision


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
    categories: Mapping[str, str] = field(default_factory=dict)  # that the policy words: id -> name
    devices: Mapping[str, str] = field(default_factory=dict)  # hardware address -> person id
    identity: Identity = field(default_factory=Identity)
    calendar: Calendar | None = None
    declared: tuple[DeclaredPurpose, ...] = ()
    needed_confidence: int = 50  # 0 to 100
    listed_paths: ListedPaths | None = None  # of lists whose paths count; usually none does
    not_decrypted: frozenset[str] = frozenset()  # site ids
    retention: Retention = field(default_factory=Retention)
    cases: Cases | None = None
    review: date | None = None
    reviewed_by: str = ""
    trials: tuple[Trial, ...] = ()
    spots: Mapping[str, Spot] = field(default_factory=dict)  # 'people.a.larch' -> its place
    _at: Mapping[str, _AtSite] = field(init=False, repr=False)  # by site id
    _nowhere: _AtSite = field(init=False, repr=False)  # at no known site
    _standing: Standing = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Word the usual answers once, and remember which purposes concern whom."""
        with_purposes = frozenset(site for purpose in self.purposes for site in purpose.sites)
        at = {site.id: self._at_site(site, with_purposes) for site in self.catalogue}
        object.__setattr__(self, "_at", at)
        object.__setattr__(self, "_nowhere", self._at_site(None, with_purposes))
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
        if self.listed_paths is not None and self.listed_paths.concerns(host):
            return True
        return bool(self.restricted) and shows_others(host)

    def restricted_domains(self) -> Iterator[str]:
        """Give every domain of the restricted sites, each once; each counts with all below it."""
        return self.catalogue.domains_of(self.restricted)

    def restricted_networks(self) -> Iterator[Network]:
        """Give the restricted sites' own networks."""
        return (
            network
            for site in self.catalogue
            if site.id in self.restricted
            for network in site.networks
        )

    @property
    def mirrors(self) -> frozenset[str]:
        """Domains below which a restricted site's pages may be shown under another name."""
        listed = self.listed_paths.hosts if self.listed_paths else frozenset()
        return MIRRORS | listed if self.restricted else frozenset()

    @property
    def telling_paths(self) -> tuple[str, ...]:
        """Beginnings of paths that tell a restricted site whatever the host is called."""
        return SHAPES if FEDIVERSE in self.restricted else ()

    def decide(
        self,
        request: WebRequest,
        person: Person | None,
        now: datetime,
        grants: Sequence[Grant] = (),
    ) -> Decision:
        """Answer one request. `now` is aware; `person` is None while nobody is known."""
        host = request.host
        site = self.catalogue.site_of(host)
        if site is None:
            if host in BY_ADDRESS:
                site = self._shown_site(request)
            elif speaks_fediverse(request.path):
                site = self.catalogue.sites.get(FEDIVERSE)
        at = self._nowhere if site is None else self._at[site.id]
        if person is not None and person.withdrawn and not self._is_essential(host):
            return at.withdrawn
        if site is None or not at.restricted:
            if self.listed_paths is None:
                return at.opened
            listed = self.listed_paths.find(host, request.path)
            if listed is None:
                return at.opened
            site, at = listed, self._at[listed.id]
        if person is None and not self.unidentified_as_visitor:
            return at.unidentified
        refusal = at.refused
        if at.has_purposes:
            refusal = self._standing.judge(request, site, person or SOMEONE, now)
            if refusal.allowed:
                return refusal
        if person is None:
            return at.unidentified
        for grant in grants:
            if (
                person.role != Role.PUPIL
                and grant.person == person.id
                and grant.site == site.id
                and now < grant.until
            ):
                return self._allowed_until(grant, site)
        return refusal

    def declarable(self, person: Person, site: Site, now: datetime) -> tuple[DeclaredPurpose, ...]:
        """Give the purposes that a person may declare for a site now; `now` is aware."""
        asked = Asked.about(WebRequest(site.id), site, person, self._local(now))
        return tuple(purpose for purpose in self.declared if not purpose.failed(asked))

    def refuse(self, outcome: Outcome, site: Site | None) -> Decision:
        """Word a refusal, also one decided elsewhere: names that disagree, an internal error."""
        return self.wording.refusal(outcome, site)

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
        near = self._standing.near(request, site, person or SOMEONE, now)
        if person is None:
            return Explanation(decision, near)  # nobody can declare anything unknown
        asked = Asked.about(request, site, person, self._local(now))
        return Explanation(decision, near, offers(self.declared, asked))

    def hinges_on_path(self, request: WebRequest, person: Person | None, now: datetime) -> bool:
        """Say whether a purpose would fit if only the request's path were another.

        For a request whose path is not known, that is when its answer is not known either.
        """
        site = self.catalogue.site_of(request.host)
        if site is None:
            return False
        asked = Asked.about(request, site, person or SOMEONE, self._local(now))
        misses = [purpose.failed(asked) for purpose in self.purposes if site.id in purpose.sites]
        if not all(misses):
            return False
        return any(all(isinstance(failed, OnPath) for failed in missed) for missed in misses)

    def _at_site(self, site: Site | None, with_purposes: Container[str]) -> _AtSite:
        site_id = site.id if site else ""
        return _AtSite(
            restricted=site_id in self.restricted,
            has_purposes=site_id in with_purposes,
            opened=replace(self.refuse(Outcome.NOT_RESTRICTED, site), allowed=True),
            refused=self.refuse(Outcome.NO_PURPOSE, site),
            unidentified=self.refuse(Outcome.UNIDENTIFIED, site),
            withdrawn=self.refuse(Outcome.WITHDRAWN, site),
        )

    def _shown_site(self, request: WebRequest) -> Site | None:
        shown = request.shown or mirrored_host(request.host, request.path or "")
        return None if shown is None else self.catalogue.site_of(shown)

    def _local(self, now: datetime) -> datetime:
        return aware(now).astimezone(self.school.timezone)

    def _is_essential(self, host: str) -> bool:
        while host not in self.essentials:
            _, dot, host = host.partition(".")
            if not dot:
                return False
        return True

    def _allowed_until(self, grant: Grant, site: Site) -> Decision:
        """Word what a grant opens. One for a purpose that the policy has dropped still stands."""
        until = grant.until.astimezone(self.school.timezone)
        words = f"{until:%H:%M} on {until.day} {until:%B}"
        declared = next((known for known in self.declared if known.rule.id == grant.purpose), None)
        purpose = declared.rule.title if declared else grant.purpose or "a school purpose"
        clause = declared.clause if declared else None
        return Decision(
            True,
            Outcome.GRANT,
            self.wording.reason(Outcome.GRANT, site, purpose, words),
            site,
            declared.rule if declared else None,
            clause or self.wording.clauses.get(Outcome.GRANT),
            grant=grant,
        )
