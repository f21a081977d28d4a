"""Entries in order and without repetition, however many there are.

The order is by the labels of a name from the right, so that a name stands directly before all that
lies below it. That makes two things cheap for lists of any length, one entry after another: to
leave out what another entry covers already, and to compare a list with the one before it.

Past a bound, what has been gathered is sorted and put aside in a file; at the end the files are
merged. Memory is that of one gathering, whatever the list.
"""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

from rules.lists.entries import Entry, Kind

GATHERED = 500_000
# Signs that no label begins with, so that these sort below the name as if they were labels.
_ALONE, _PATH, _NETWORK, _PATTERN = "=", "/", "@", "~"
_END = "\0"


def order(entry: Entry) -> str:
    """Give the text that sorts an entry into its place."""
    match entry.kind:
        case Kind.DOMAIN | Kind.EXCEPTION:
            return _labels(entry.text)
        case Kind.HOST:
            return _labels(entry.text) + _END + _ALONE
        case Kind.URL:
            host, _, path = entry.text.partition("/")
            return _labels(host) + _END + _PATH + path
        case Kind.NETWORK:
            return _NETWORK + entry.text
        case _:
            return _PATTERN + entry.text


def entry_at(key: str) -> Entry:
    """Give the entry that `order` gave this text for."""
    if key.startswith(_PATTERN):
        return Entry(Kind.PATTERN, key[1:])
    if key.startswith(_NETWORK):
        return Entry(Kind.NETWORK, key[1:])
    if _ALONE not in key and _PATH not in key:  # nearly all of them
        return Entry(Kind.DOMAIN, _name(key))
    name, path_sign, path = key.partition(_END + _PATH)
    if path_sign:
        return Entry(Kind.URL, _name(name) + "/" + path)
    return Entry(Kind.HOST, _name(name.removesuffix(_END + _ALONE)))


def covers(key: str, other: str) -> bool:
    """Say whether one entry, by its order, covers another or is the same."""
    return other == key or (other.startswith(key) and other[len(key)] == _END)


def above(key: str) -> Iterator[str]:
    """Give the order of the name that an entry is about, and of each name above it.

    A pattern, or a network, has nothing above it but itself.
    """
    name = key.partition(_END + _PATH)[0].removesuffix(_END + _ALONE)
    while name:
        yield name
        name = name.rpartition(_END)[0]


def without_covered(keys: Iterable[str]) -> Iterator[str]:
    """Leave out repetitions, and entries that another entry before them covers."""
    last: str | None = None
    for key in keys:
        if last is None or not covers(last, key):
            last = key
            yield key


def _labels(name: str) -> str:
    # The parts of an IPv4 address lead nowhere: they are one label.
    address = name[-1].isdigit() and name.rpartition(".")[2].isdigit()
    return name if address else _END.join(reversed(name.split(".")))


def _name(key: str) -> str:
    return key if _END not in key else ".".join(reversed(key.split(_END)))


class Sorter:
    """Gathers texts, and gives them back sorted, each once. Files go into the folder `work`."""

    def __init__(self, work: Path, gathered: int = GATHERED) -> None:
        self._work, self._most = work, gathered
        self._held: set[str] = set()
        self._files: list[Path] = []

    def add(self, key: str) -> None:
        """Take one text. It has no line ends in it. Raises OSError if the disk is full."""
        self._held.add(key)
        if len(self._held) >= self._most:
            self._put_aside()

    def sorted(self) -> Iterator[str]:
        """Give all texts in order."""
        if not self._files:
            yield from sorted(self._held)
            return
        if self._held:
            self._put_aside()
        last = None
        for key in heapq.merge(*map(_lines, self._files)):
            if key != last:
                last = key
                yield key

    def _put_aside(self) -> None:
        path = self._work / f"sorted-{len(self._files)}"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(key + "\n" for key in sorted(self._held))
        self._held.clear()
        self._files.append(path)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line[:-1]
