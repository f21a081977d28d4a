"""Kinds of request: those to a site that no purpose for it can tell apart.

People ask for paths without number, and what the purposes for a site look at parts them into a
handful of kinds: below the school's page, a picture for it, all else. So a path is looked at once
for all purposes and all people, and from there on the first request of a kind stands for all of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from rules.conditions import Asked, Condition, OnPath
from rules.paths import PathCover, plain_path
from rules.purposes import Purpose
from rules.request import SOMEONE, Person, WebRequest
from rules.sites import Site

_MOST_REQUESTS = 16_384
_MOST_KINDS = 1024
_LONGEST = 256  # letters of a path and method: the client chooses them, and could fill the memory
_ANY_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of request to a site, by the first that came. Each is itself and no other."""

    site: Site
    request: WebRequest
    plain: str | None  # its path made plain (see `rules.paths`)

    def asked_by(self, person: Person, local: datetime) -> Asked:
        """Put the question that a request of this kind is, from a person, at the school's time."""
        return Asked(self.request, self.site, person, local, self.plain)


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """What the purposes for one site look at in a request."""

    cover: PathCover  # of all their paths: most requests are outside, which one look tells
    outside: tuple[Condition, ...]  # all but those on the path, which all fail there
    inside: tuple[Condition, ...]

    @classmethod
    def of(cls, purposes: Sequence[Purpose]) -> "_Looks":
        inside = dict.fromkeys(c for p in purposes for c in p.conditions if not c.timed)
        outside = tuple(c for c in inside if not isinstance(c, OnPath))
        patterns = {p: None for c in inside if isinstance(c, OnPath) for p in c.patterns}
        return cls(PathCover(patterns), outside, tuple(inside))


_Known = dict[tuple[Site, bool, tuple[str, ...]], Kind]


class Kinds:
    """The kinds of request that some purposes tell apart, and of which kind the last ones were."""

    __slots__ = ("_kind_of", "_remembered")

    def __init__(self, purposes: Sequence[Purpose]) -> None:
        site_ids = {site_id for purpose in purposes for site_id in purpose.sites}
        looks = {i: _Looks.of([p for p in purposes if i in p.sites]) for i in site_ids}
        known: _Known = {}
        self._kind_of = partial(_kind_of, looks, known)
        self._remembered: dict[tuple[Site, str, str, str | None], Kind] = {}

    def of(self, request: WebRequest, site: Site) -> Kind:
        """Give the kind of a request to a site that some purpose is for."""
        asked = site, request.host, request.method, request.path
        kind = self._remembered.get(asked)
        return self._look(*asked) if kind is None else kind

    def _look(self, site: Site, host: str, method: str, path: str | None) -> Kind:
        kind = self._kind_of(site, host, method, path)
        if len(path or "") + len(method) <= _LONGEST:
            if len(self._remembered) >= _MOST_REQUESTS:
                self._remembered.clear()
            self._remembered[site, host, method, path] = kind
        return kind


def _kind_of(
    looks: Mapping[str, _Looks], known: _Known, site: Site, host: str, method: str, path: str | None
) -> Kind:
    plain = None if path is None else plain_path(path)
    look = looks[site.id]
    covered = plain is not None and look.cover.covers(host, plain)
    kind = Kind(site, WebRequest(host, method=method, path=path), plain)
    # These look at the request alone, so any person and any time will do.
    asked = kind.asked_by(SOMEONE, _ANY_TIME)
    # What fails may yet fail for different reasons, and those are told to people.
    failed = tuple(
        "" if condition.holds(asked) else condition.why_not(asked)
        for condition in (look.inside if covered else look.outside)
    )
    if len(known) >= _MOST_KINDS:
        known.clear()
    return known.setdefault((site, covered, failed), kind)
