"""Two lists side by side: what one has and the other has not, and the catalogue against a list."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rules.lists.entries import Entry, Found, Kind
from rules.lists.sorting import covers, entry_at
from rules.sites import Catalogue


class Change(StrEnum):
    """What became of an entry."""

    GAINED = "gained"
    LOST = "lost"


def differences(old: Iterable[str], new: Iterable[str]) -> Iterator[tuple[Change, Entry]]:
    """Compare two lists in the order of `sorting`, each without covered entries.

    An entry that a wider one of the other list covers is neither gained nor lost.
    """
    olds, news = iter(old), iter(new)
    one, other = next(olds, None), next(news, None)
    wide_old: str | None = None
    wide_new: str | None = None
    while one is not None or other is not None:
        if one is not None and (other is None or one <= other):
            wide_old = one
            if one != other and not (wide_new is not None and covers(wide_new, one)):
                yield Change.LOST, entry_at(one)
            if one == other:
                wide_new, other = other, next(news, None)
            one = next(olds, None)
        else:
            assert other is not None
            wide_new = other
            if not (wide_old is not None and covers(wide_old, other)):
                yield Change.GAINED, entry_at(other)
            other = next(news, None)


@dataclass(frozen=True, slots=True)
class Measure:
    """What the catalogue makes of one list that is about one company or one kind of site."""

    name: str
    site: str | None  # the site that the list is about; None for several, or none that is known
    recognised: int
    missing: tuple[str, ...]  # no site of the catalogue has these
    elsewhere: tuple[tuple[str, str], ...]  # these belong to another site: host, site

    @property
    def total(self) -> int:
        """How many names the list has."""
        return self.recognised + len(self.missing) + len(self.elsewhere)


def measure(name: str, found: Iterable[Found], catalogue: Catalogue) -> Measure:
    """Hold the catalogue against a list: which of its names does it recognise, and as what?

    The list is about the site with its own name, else about the one that most of its names belong
    to. A list of many sites is about none of them.
    """
    hosts = sorted(set(_hosts(found)))
    sites = {host: site.id for host in hosts if (site := catalogue.site_of(host))}
    about = name if name in catalogue.sites else _most(sites.values())
    elsewhere = [(host, site) for host, site in sites.items() if about and site != about]
    return Measure(
        name,
        about,
        len(sites) - len(elsewhere),
        tuple(host for host in hosts if host not in sites),
        tuple(elsewhere),
    )


def _most(sites: Collection[str]) -> str | None:
    for site, count in Counter(sites).most_common(1):
        if count * 2 > len(sites):
            return site
    return None


def _hosts(found: Iterable[Found]) -> Iterator[str]:
    for entry in found:
        if isinstance(entry, Entry) and entry.kind in (Kind.DOMAIN, Kind.HOST, Kind.URL):
            yield entry.text.partition("/")[0]


def lacking(measures: Sequence[Measure]) -> list[Measure]:
    """Give those with something missing, those about one known site first, then by how much."""
    return sorted(
        (one for one in measures if one.missing),
        key=lambda one: (one.site is None, -len(one.missing), one.name),
    )
