"""The format of v2fly's domain-list-community: one file a list, and lists that include others.

    # a comment
    example.com @ads          the domain and all below it, with an attribute
    full:www.example.com      that host alone
    keyword:example           any host with these letters
    regexp:^img\\d+\\.example\\.com$
    include:other @ads @-cn   the other list's entries that have 'ads' and have not 'cn'
    example.net &other        this entry belongs to the other list too

The files are named by others, so an include leads to a file of the same folder or nowhere, a circle
is a fault, and no list is read twice for the same attributes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from rules.lists.entries import Entry, Found, Kind, ListError, Skipped, Why, named
from rules.lists.patterns import keyword, pattern
from rules.lists.texts import Lines

NAME = re.compile(r"[A-Za-z0-9!_-][A-Za-z0-9!._-]{0,99}")
_DEEPEST = 32
_RULE = re.compile(r"(?P<type>domain|full|keyword|regexp|regex|include):(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Selection:
    """A list by name, and the attributes its entries must have, or with '-' must not have."""

    name: str
    attributes: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Read `facebook @-ads`. Raises ListError."""
        name, *words = text.split() or [""]
        if not NAME.fullmatch(name) or any(not w.startswith("@") or len(w) < 2 for w in words):
            raise ListError(f"{text!r} is not the name of a list; write it like 'facebook @-ads'.")
        return cls(name.lower(), frozenset(word[1:] for word in words))

    def admits(self, attributes: Iterable[str]) -> bool:
        """Say whether an entry with these attributes is meant."""
        own = set(attributes)
        return all(
            word[1:] not in own if word.startswith("-") else word in own for word in self.attributes
        )


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    type: str
    value: str
    attributes: tuple[str, ...] = ()
    affiliations: tuple[str, ...] = ()


@dataclass(slots=True)
class V2flyLists:
    """A folder of lists; `lines_of` gives a list's lines by its name, or None if it is not there.

    With `names`, all lists are looked through for entries that belong to another list as well.
    """

    lines_of: Callable[[str], Lines | None]
    names: tuple[str, ...] = ()
    _affiliated: dict[str, list[_Line]] | None = field(default=None, init=False)

    def read(self, selection: Selection) -> Iterator[Found]:
        """Give the entries of a list. Raises ListError for a list that is missing, or a circle."""
        yield from self._read(selection, (), set(), "")

    def reached(self, names: Iterable[str]) -> list[str]:
        """Give the lists that these come to: themselves, and those they include, and so on."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            lines = self.lines_of(name)
            if name not in found and lines is not None:
                found[name] = None
                inner = (line for line in self._lines(lines, name) if isinstance(line, _Line))
                waiting += [line.value.lower() for line in inner if line.type == "include"]
        return list(found)

    def own(self, name: str) -> Iterator[Found]:
        """Give the entries of a list without those of the lists it includes."""
        lines = self.lines_of(name)
        for line in self._lines(lines, name) if lines else ():
            if isinstance(line, Skipped):
                yield line
            elif line.type != "include":
                yield _entry(line)

    def _read(
        self, wanted: Selection, within: tuple[str, ...], seen: set[Selection], where: str
    ) -> Iterator[Found]:
        if wanted.name in within:
            circle = " includes ".join(f"'{name}'" for name in (*within, wanted.name))
            raise ListError(f"{where}the lists go round in a circle: {circle}.")
        if len(within) >= _DEEPEST:
            raise ListError(f"{where}the lists include each other more than {_DEEPEST} deep.")
        if wanted in seen:
            return
        seen.add(wanted)
        lines = self.lines_of(wanted.name)
        if lines is None:
            raise ListError(f"{where}there is no list '{wanted.name}'.")
        for line in self._lines(lines, wanted.name):
            if isinstance(line, Skipped):
                yield line
            elif line.type == "include":
                here = f"{line.file}:{line.number}: "
                inner = _included(line, wanted, here)
                yield from self._read(inner, (*within, wanted.name), seen, here)
            elif wanted.admits(line.attributes):
                yield _entry(line)
            else:
                yield Skipped(line.file, line.number, Why.UNSELECTED, line.value)

    def _lines(self, lines: Lines, name: str) -> Iterator[_Line | Skipped]:
        for number, text in lines:
            if rule := text.partition("#")[0].strip():
                yield _parsed(lines.file, number, rule)
        if self._affiliated is None:
            self._affiliated = self._all_affiliated()
        yield from self._affiliated.get(name, ())

    def _all_affiliated(self) -> dict[str, list[_Line]]:
        found: dict[str, list[_Line]] = {}
        for name in self.names:
            lines = self.lines_of(name)
            for number, text in lines or ():
                if lines is None or "&" not in text:
                    continue
                line = _parsed(lines.file, number, text.partition("#")[0].strip())
                if isinstance(line, _Line) and line.type != "include":
                    for other in line.affiliations:
                        found.setdefault(other.lower(), []).append(line)
        return found


def _parsed(file: str, number: int, rule: str) -> _Line | Skipped:
    words = rule.split()
    first, rest = (words[0], words[1:]) if words else ("", [])
    if any(word[0] not in "@&" or len(word) < 2 for word in rest):
        return Skipped(file, number, Why.LINE, rule)
    attributes = tuple(word[1:] for word in rest if word[0] == "@")
    affiliations = tuple(word[1:] for word in rest if word[0] == "&")
    match = _RULE.fullmatch(first)
    kind, value = (match["type"], match["value"]) if match else ("domain", first)
    return _Line(file, number, kind, value, attributes, affiliations)


def _included(line: _Line, outer: Selection, where: str) -> Selection:
    if not NAME.fullmatch(line.value):
        raise ListError(f"{where}{line.value!r} is not the name of a list in the same folder.")
    return Selection(line.value.lower(), outer.attributes | frozenset(line.attributes))


def _entry(line: _Line) -> Found:
    entry: Entry | Why
    match line.type:
        case "domain":
            entry = named(Kind.DOMAIN, line.value)
        case "full":
            entry = named(Kind.HOST, line.value)
        case "keyword":
            entry = keyword(line.value)
        case _:
            entry = pattern(line.value)
    if isinstance(entry, Entry):
        return entry
    return Skipped(line.file, line.number, entry, line.value)
