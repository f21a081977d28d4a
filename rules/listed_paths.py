"""Paths that imported lists name: one page, or one part, of a site that is otherwise open.

Which page is asked for shows only inside a connection, so every host with such an entry has to be
decrypted for everyone. A school says so in its policy, list by list; a list from outside cannot.
"""

from collections.abc import Iterable, Iterator, Mapping

from rules.paths import plain_path
from rules.sites import Site


class ListedPaths:
    """The entries of all lists whose paths count: `example.com/page`, and to which site it goes."""

    def __init__(self, listed: Mapping[Site, Iterable[str]]) -> None:
        """Take canonical `host/path` entries by the list that they are from."""
        self._by_host: dict[str, dict[str, Site]] = {}
        for site, entries in listed.items():
            for entry in entries:
                host, _, path = entry.partition("/")
                self._by_host.setdefault(host, {}).setdefault("/" + path.lower(), site)
        self.hosts = frozenset(self._by_host)

    def concerns(self, host: str) -> bool:
        """Say whether a canonical host, or a name above it, has such an entry."""
        return next(self._of(host), None) is not None

    def find(self, host: str, path: str | None) -> Site | None:
        """Give the list that has the path, or one above it, on this host or a name above.

        None while the path is not known. A path that two readers could understand differently is
        taken for a listed one.
        """
        if path is None:
            return None
        for paths in self._of(host):
            plain = plain_path(path)
            if plain is None:
                return next(iter(paths.values()))
            plain = plain.rstrip("/")
            while plain:
                if (site := paths.get(plain)) is not None:
                    return site
                plain = plain.rpartition("/")[0]
        return None

    def _of(self, host: str) -> Iterator[dict[str, Site]]:
        while host:
            if (paths := self._by_host.get(host)) is not None:
                yield paths
            host = host.partition(".")[2]
