"""The formats by name, and how to tell which one a file is in."""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice

from rules.lists.adblock import COSMETIC, read_adblock
from rules.lists.dnsmasq import KEYS, read_dnsmasq
from rules.lists.entries import Found, ListError
from rules.lists.hosts_files import is_address, read_hosts
from rules.lists.name_lists import bare, read_domains, read_expressions, read_urls
from rules.lists.tables import COLUMNS, SEPARATORS, read_table, separator
from rules.lists.texts import Lines


class Format(StrEnum):
    """A format that lists come in. `squidguard` is its folder, and UT1's; the rest are files."""

    V2FLY = "v2fly"
    HOSTS = "hosts"
    DOMAINS = "domains"
    URLS = "urls"
    ADBLOCK = "adblock"
    DNSMASQ = "dnsmasq"
    SQUIDGUARD = "squidguard"
    CSV = "csv"


FILES_OF_SQUIDGUARD: dict[str, Callable[[Lines], Iterator[Found]]] = {
    "domains": read_domains,
    "urls": read_urls,
    "expressions": read_expressions,
}
_SAMPLE = 1000
_NAME = re.compile(r"\.?(\*\.)?[^\s/|^,;=:@&$!#]+\.[^\s/|^,;=:@&$!#]+")
_V2FLY = re.compile(r"(include|full|regexp|regex|keyword|domain):\S+.*|\S+(\s+[@&]\S+)+")
_ADBLOCK = re.compile(r"\|\||@@|!|\[Adblock", re.IGNORECASE)
_DNSMASQ = re.compile(rf"(--)?({'|'.join(KEYS)})\s*=\s*/")
_URL = re.compile(r"(https?://)?[^\s/|^,;=@]+\.[^\s/|^,;=@]+/\S*|https?://\S+")

_SIGNS: dict[Format, Callable[[str], bool]] = {
    Format.ADBLOCK: lambda line: bool(_ADBLOCK.match(line) or COSMETIC.search(line)),
    Format.HOSTS: lambda line: len(line.split()) > 1 and is_address(line.split()[0]),
    Format.DNSMASQ: lambda line: bool(_DNSMASQ.match(line)),
    Format.V2FLY: lambda line: bool(_V2FLY.fullmatch(line)),
    Format.URLS: lambda line: bool(_URL.fullmatch(line)),
    Format.DOMAINS: lambda line: bool(_NAME.fullmatch(line)) or is_address(line),
}
# In these a bare name is a line like any other.
_WITH_NAMES = (Format.ADBLOCK, Format.V2FLY, Format.URLS)


def read_file(lines: Lines, format_: Format, column: str = "") -> Iterator[Found]:
    """Read one file in a format. v2fly's includes are `rules.lists.v2fly`'s to follow."""
    match format_:
        case Format.HOSTS:
            return read_hosts(lines)
        case Format.DOMAINS:
            return read_domains(lines)
        case Format.URLS:
            return read_urls(lines)
        case Format.ADBLOCK:
            return read_adblock(lines)
        case Format.DNSMASQ:
            return read_dnsmasq(lines)
        case Format.SQUIDGUARD:
            return FILES_OF_SQUIDGUARD.get(lines.file.rpartition("/")[2], read_domains)(lines)
        case Format.CSV:
            return read_table(lines, column)
        case _:
            raise AssertionError("v2fly lists are read by name")


def tell_format(lines: Lines) -> Format:
    """Say which format a file is in, from its first thousand lines with something in them.

    Raises ListError if it is empty, or if most of those lines fit no format.
    """
    texts = list(islice((text for _, text in lines if text), _SAMPLE))
    if not texts:
        raise ListError(f"{lines.file} is empty.")
    if _is_table(lines, texts):
        return Format.CSV
    scores: dict[Format, int] = {}
    names = sum(map(_SIGNS[Format.DOMAINS], filter(None, map(bare, texts))))
    content = [text for text in texts if not text.startswith("#") or COSMETIC.match(text)]
    for format_, sign in _SIGNS.items():
        count = sum(1 for text in content if sign(text.partition(" #")[0].rstrip()))
        scores[format_] = count + names if count and format_ in _WITH_NAMES else count
    if not content:
        raise ListError(f"{lines.file} has nothing in it but comments.")
    best = max(scores, key=scores.__getitem__)
    # A tie goes to the format with names alone: one more sign is needed to call it another.
    best = Format.DOMAINS if scores[Format.DOMAINS] == scores[best] else best
    if scores[best] * 2 < len(content):
        raise ListError(
            f"{lines.file} is in no format that can be told; name it with --format "
            f"({', '.join(Format)})."
        )
    return best


def _is_table(lines: Lines, texts: list[str]) -> bool:
    sign = separator(lines)
    heading = [cell.strip().strip('"').lower() for cell in texts[0].split(sign)]
    if any(cell in COLUMNS for cell in heading):
        return True
    rows = [text for text in texts if any(sign in text for sign in SEPARATORS if sign != "|")]
    quoted = [row.split(sign)[0].strip().strip('"') for row in rows]
    return len(rows) * 2 > len(texts) and sum(map(_SIGNS[Format.DOMAINS], quoted)) * 2 > len(rows)
