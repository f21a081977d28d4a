"""Long lists of domains, each treated as one site: a file with one canonical domain a line.

Beside it may lie a second, short one with what the list has besides: addresses, networks, paths.

`schoolgate lists` writes these files. They may hold a million names, so they are looked at as a
whole, in a few passes at the speed of C, and kept as plain strings.
"""

import re
from dataclasses import dataclass, field
from ipaddress import collapse_addresses, ip_network
from pathlib import Path
from typing import Any

from rules.faults import Spot
from rules.gathering import Gathering
from rules.sites import Network

MOST_BYTES = 200 * 1024 * 1024
MOST_MORE_BYTES = 20 * 1024 * 1024
MOST_NETWORKS = 50_000
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789_-.\n"
_NO_NAME = (b"..", b".\n", b"\n.", b"\n\n")
_PATH = re.compile(r"[^\s/]+\.[^\s/]+/\S+")
_WRONG_LINE = re.compile(r"^(?![a-z0-9_-]+(\.[a-z0-9_-]+)+$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LongList:
    """What a list has: canonical domains, networks (addresses among them), `host/path` entries."""

    domains: list[str] = field(default_factory=list)
    networks: tuple[Network, ...] = ()
    paths: tuple[str, ...] = ()


def read_long_list(gathering: Gathering, path: Path, spot: Spot) -> LongList:
    """Read a list; empty, with the faults noted, if it is none."""
    domains, more = _domains(gathering, path, spot), path.with_suffix(".more")
    data = gathering.data(more, more.name, spot, MOST_MORE_BYTES) if gathering.exists(more) else b""
    if not data:
        return LongList(domains)
    paths: list[str] = []
    networks: dict[int, list[Any]] = {4: [], 6: []}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        sign, text = line[:1], line[1:]
        try:
            if sign in ("@", "="):
                network = ip_network(text)
                networks[network.version].append(network)
            elif _PATH.fullmatch(line):
                paths.append(line)
            else:
                raise ValueError("neither an address nor a path")
        except ValueError:
            _note_damage(gathering, more, number)
            return LongList(domains)
    merged = tuple(net for each in networks.values() for net in collapse_addresses(each))
    if len(merged) > MOST_NETWORKS or len(data) > MOST_MORE_BYTES:
        gathering.faults.add(
            spot,
            f"The list has more than {MOST_NETWORKS:,} addresses, or very many paths.",
            "Import a smaller part of it.",
        )
        return LongList(domains)
    return LongList(domains, merged, tuple(paths))


def _domains(gathering: Gathering, path: Path, spot: Spot) -> list[str]:
    if not gathering.exists(path):
        gathering.asked.append(path)
        how = f"Bring it in with 'schoolgate lists import {path.stem} WHERE'."
        gathering.faults.add(spot, "This list has not been imported.", how)
        return []
    data = gathering.data(path, path.name, spot, MOST_BYTES)
    if data is None:
        return []
    if len(data) <= MOST_BYTES and _is_clean(data):
        domains = data.decode("ascii").splitlines()
        if all("." in domain for domain in domains):
            return domains
    text = data[:MOST_BYTES].decode("ascii", "replace")
    wrong = _WRONG_LINE.search(text)
    _note_damage(gathering, path, text.count("\n", 0, wrong.start()) + 1 if wrong else 0)
    return []


def _note_damage(gathering: Gathering, path: Path, line: int) -> None:
    gathering.faults.add(
        Spot(path.name, line),
        "The list is damaged, or is none.",
        "Import it again with 'schoolgate lists import'.",
    )


def _is_clean(data: bytes) -> bool:
    if data.startswith((b".", b"\n")) or data.endswith(b"."):
        return False
    return not data.translate(None, _LETTERS) and not any(wrong in data for wrong in _NO_NAME)
