"""Formats with one name or address a line: plain domains, and squidGuard's and UT1's own files."""

from collections.abc import Callable, Iterator

from rules.lists.entries import Entry, Found, Kind, Skipped, Why, addressed, named
from rules.lists.texts import Lines


def read_domains(lines: Lines) -> Iterator[Found]:
    """Read plain names: `example.com`, `.example.com`, `*.example.com`; each with all below it."""
    return _each(lines, domain)


def read_urls(lines: Lines) -> Iterator[Found]:
    """Read squidGuard's `urls`: `example.com/path`, each with what lies under the path."""
    return _each(lines, domain)


def read_expressions(lines: Lines) -> Iterator[Found]:
    """Read squidGuard's `expressions`, which say nothing that the gate can see.

    They are looked for in the whole address with its query, on every site; the gate sees a path
    only where a rule needs it, and a query never (see "What is always true").
    """
    return _each(lines, lambda _: Why.WHOLE_URL)


def domain(text: str) -> Entry | Why:
    """Give the entry for a name as lists write it, dots and stars in front of it and all."""
    name = text.removeprefix("*").removeprefix(".")
    if "/" in name:
        return addressed(name)
    return named(Kind.DOMAIN, name)


def bare(text: str) -> str:
    """Take the comment off a line: from a `#` at its start or after a space."""
    if "#" not in text:
        return text
    if text.startswith("#"):
        return ""
    for sign in (" #", "\t#"):
        text = text.partition(sign)[0]
    return text.rstrip()


def _each(lines: Lines, entry: Callable[[str], Entry | Why]) -> Iterator[Found]:
    for number, line in lines:
        text = bare(line)
        if text:
            found = entry(text)
            yield found if isinstance(found, Entry) else Skipped(lines.file, number, found, text)
