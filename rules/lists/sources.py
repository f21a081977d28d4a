"""The file that says which lists the school takes from outside, and how often.

social-networks:
  where: https://lists.example.org/social_networks.tar.gz
  part: social_networks
  every: 1d
  without: [example.com]
"""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from rules.faults import FaultList, Spot, shown
from rules.lists.bundles import Recipe
from rules.lists.formats import Format
from rules.nodes import MOST_BYTES, read_nodes
from rules.readers import parse_host
from rules.reading import Reading, Unreadable
from rules.records import Record, optional, required
from rules.shapes import Choice, ListOf, MapOf, Parsed, Text

_EVERY = re.compile(r"(\d{1,3}) ?(h|d|w)")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Source:
    """A list from outside: where it is, how to read it, how often to look for a new one."""

    name: str
    origin: str  # an address, or the path of a file or folder
    recipe: Recipe
    left_out: tuple[str, ...]
    every: timedelta | None

    @property
    def is_address(self) -> bool:
        """Whether it has to be fetched."""
        return self.origin.lower().startswith(("http://", "https://"))

    @property
    def mark(self) -> str:
        """A short text that changes with anything that changes what the list comes to."""
        recipe = (self.recipe.format or "", *self.recipe.parts, self.recipe.column)
        return sha256(repr((self.origin, recipe, self.left_out)).encode()).hexdigest()[:16]


def parse_name(text: str) -> str:
    """Read the name of a list. Raises ValueError with a sentence for the writer."""
    if not NAME.fullmatch(text) or len(text) > 60:
        raise ValueError(
            f"{shown(text)} cannot be the name of a list; use small letters, figures and hyphens."
        )
    return text


def parse_origin(text: str) -> str:
    """Read an address or a path. Raises ValueError with a sentence for the writer."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise ValueError(
            f"{shown(text)} is not an address; write it like 'https://example.org/list'."
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("An address with a password in it would be on record; leave it out.")
    return text


def parse_every(text: str) -> timedelta:
    """Read `6h`, `1d` or `2w`. Raises ValueError with a sentence for the writer."""
    match = _EVERY.fullmatch(text.strip())
    if not match or not text.isascii() or int(match[1]) == 0:
        raise ValueError(f"{shown(text)} is not how often; write it like '6h', '1d' or '2w'.")
    return int(match[1]) * _UNITS[match[2]]


def parse_left_out(text: str) -> str:
    """Read a host name, or a pattern as it is kept (`~pattern`). Raises ValueError."""
    return text if text.startswith("~") else parse_host(text)


@dataclass(frozen=True, kw_only=True)
class _SourceForm:
    where: str = required(
        Parsed(parse_origin, "an address, a file or a folder", 1000), "where it is."
    )
    format: Format | None = optional(Choice(Format, "a format"), "its format, if not told.", None)
    part: tuple[str, ...] = optional(
        ListOf(Text("a part", most=200), "parts"),
        "the lists or categories of a folder or archive that are wanted.",
        (),
    )
    column: str = optional(Text("a column"), "the column of a table that has the names.", "")
    without: tuple[str, ...] = optional(
        ListOf(Parsed(parse_left_out, "a host name"), "host names", commas=True),
        "what to leave out: names, each with everything below it, and '~pattern'.",
        (),
    )
    every: timedelta | None = optional(
        Parsed(parse_every, "how often"), "how often to look for a new one, as in '1d'.", None
    )


_SOURCES = MapOf(Record(_SourceForm, "a list from outside"), "list", "lists")


def load_sources(path: Path) -> Mapping[str, Source]:
    """Load the sources by name. Paths in it are relative to its own folder.

    Raises PolicyError with every fault that there is, a missing file included.
    """
    reading = Reading()
    forms = _read(path, reading)
    reading.faults.raise_if_any()
    return {
        name: Source(
            name,
            form.where if "://" in form.where else str(path.parent / form.where),
            Recipe(form.format, form.part, form.column),
            form.without,
            form.every,
        )
        for name, form in (forms or {}).items()
    }


def _read(path: Path, reading: Reading) -> dict[str, _SourceForm] | None:
    faults: FaultList = reading.faults
    place = Spot(path.name, 0)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        faults.add(place, f"The file cannot be read: {error.strerror or error}.", "")
        return None
    node = read_nodes(data, path.name, faults)
    if node is None:
        return None
    try:
        return _SOURCES.read(node, reading)
    except Unreadable:
        return None
