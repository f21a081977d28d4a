"""Hosts files: an address, then the names that are sent there (hosts(5))."""

from collections.abc import Iterator
from ipaddress import ip_address

from rules.lists.entries import Entry, Found, Kind, Skipped, Why, named
from rules.lists.name_lists import bare
from rules.lists.texts import Lines


def read_hosts(lines: Lines) -> Iterator[Found]:
    """Read the names sent nowhere. A hosts file names hosts one by one, so nothing below them."""
    for number, line in lines:
        if text := bare(line):
            for found in hosts_line(text):
                yield (
                    found if isinstance(found, Entry) else Skipped(lines.file, number, found, text)
                )


def hosts_line(text: str) -> Iterator[Entry | Why]:
    """Give the entries of one line without its comment."""
    address, *names = text.split()
    if not names or not is_address(address):
        yield Why.LINE
    elif not _leads_nowhere(address):
        yield Why.ADDRESSED
    else:
        for name in names:
            found = named(Kind.HOST, name)
            # A name without a dot is one of the school's own network, not of the internet.
            if isinstance(found, Entry) and "." not in found.text and ":" not in found.text:
                found = Why.LOCAL
            yield found


def is_address(text: str) -> bool:
    """Say whether a word is an IP address, as hosts files write them."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _leads_nowhere(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    return (
        address.is_unspecified or address.is_loopback or address.is_link_local
    ) or address.is_multicast
