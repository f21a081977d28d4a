"""dnsmasq settings that name domains: `address=/d/`, `server=/d/`, `local=/d/`, `nftset=/d/…`.

Each takes several names between slashes and means them with everything below (dnsmasq(8)).
"""

from collections.abc import Iterator

from rules.lists.entries import Entry, Found, Kind, Skipped, Why, named
from rules.lists.name_lists import bare
from rules.lists.texts import Lines

KEYS = ("address", "server", "local", "ipset", "nftset")


def read_dnsmasq(lines: Lines) -> Iterator[Found]:
    """Read the names of a dnsmasq configuration."""
    for number, line in lines:
        if text := bare(line):
            for found in _entries(text):
                yield (
                    found if isinstance(found, Entry) else Skipped(lines.file, number, found, text)
                )


def _entries(text: str) -> Iterator[Entry | Why]:
    key, sign, value = text.removeprefix("--").partition("=")
    key, value = key.strip(), value.strip()
    if key not in KEYS or not value.startswith("/"):
        # Most other settings are "name=value", and some a bare word; two words are neither.
        yield Why.OPTION if sign or " " not in text else Why.LINE
        return
    *names, target = value[1:].split("/")
    if not names:
        yield Why.LINE
        return
    # The target '#' means "as usual": it takes a name out of what a wider line says.
    kind = Kind.EXCEPTION if target == "#" else Kind.DOMAIN
    for name in names:
        if not name:
            yield Why.LOCAL
        elif name == "#":
            yield Why.OPTION
        else:
            yield named(kind, name.removeprefix("*").removeprefix("."))
