"""Adblock and AdGuard filter lists, as far as they name whole domains or paths.

Such a list speaks about parts of pages, kinds of requests and single scripts. The gate decides on
sites, so it takes the rules that hold for every request to a name (`||example.com^`) and counts
the others. AdGuard's lists for name servers are written in the same way, hosts lines included.
"""

import re
from collections.abc import Iterator

from rules.lists.entries import Entry, Found, Kind, Skipped, Why, addressed, named
from rules.lists.hosts_files import hosts_line, is_address
from rules.lists.name_lists import bare
from rules.lists.patterns import pattern
from rules.lists.texts import Lines

COSMETIC = re.compile(r"#@?[$%?]{0,2}@?#|\$@?\$")
# Modifiers that leave a rule as wide as it is; every other one narrows it to some requests.
_HARMLESS = frozenset({"important", "all", "document", "doc", "popup"})
_NAMED = re.compile(r"\|\|(?:\*\.)?(?P<name>[^/^|$*]+)\^?\|?")
_PATHED = re.compile(r"\|\|(?P<address>[^/^|$*]+/[^^|$*]+)\^?")


def read_adblock(lines: Lines) -> Iterator[Found]:
    """Read the rules that cover whole names or paths."""
    for number, line in lines:
        # '##' begins a cosmetic rule, and '#' with a space, or alone, a comment.
        if not line or line.startswith(("!", "[", "# ")) or line == "#":
            continue
        for found in _entries(line):
            yield found if isinstance(found, Entry) else Skipped(lines.file, number, found, line)


def _entries(line: str) -> Iterator[Entry | Why]:
    if COSMETIC.search(line):
        yield Why.COSMETIC
    elif is_address(line.split()[0]) and " " in line.replace("\t", " "):
        yield from hosts_line(bare(line))
    elif line.startswith("#"):
        return
    else:
        yield _rule(line)


def _rule(line: str) -> Entry | Why:
    excepted = line.startswith("@@")
    text, modifiers = _modifiers(line.removeprefix("@@"))
    if modifiers - _HARMLESS:
        return Why.PARTIAL
    if excepted:
        match = _NAMED.fullmatch(text)
        return named(Kind.EXCEPTION, match["name"]) if match else Why.PARTIAL
    if text.startswith("/") and text.endswith("/") and len(text) > 2:
        return pattern(text[1:-1])
    if match := _NAMED.fullmatch(text):
        return named(Kind.DOMAIN, match["name"])
    if match := _PATHED.fullmatch(text):
        return addressed(match["address"])
    if any(sign in text for sign in "|^*/"):
        return Why.PARTIAL
    # A bare name in a list for name servers is that host alone.
    return named(Kind.HOST, bare(text))


def _modifiers(rule: str) -> tuple[str, set[str]]:
    """Split a rule from its modifiers. A '$' inside a pattern in slashes is a part of it."""
    if rule.startswith("/") and (end := rule.rfind("/")) > 0:
        tail = rule[end + 1 :]
        if tail and not tail.startswith("$"):
            return rule, set()
        return rule[: end + 1], {part for part in tail[1:].split(",") if part}
    text, _, tail = rule.partition("$")
    return text, {part.strip() for part in tail.split(",") if part}
