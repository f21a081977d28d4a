"""What is installed, and the oldest of each that works."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from addon.doctor.finding import Finding, broken, good, look
from addon.doctor.patient import Patient
from addon.gateway.dnsmasq import OLDEST as OLDEST_DNSMASQ
from addon.gateway.dnsmasq import unfiltered
from addon.gateway.facts import Mode
from addon.gateway.launch import OLDEST as OLDEST_HAPROXY
from addon.gateway.machine import version_of

OLDEST_KERNEL: Final = (5, 10)
"""Its nftables know `redirect` in tables of both families, sets with time-outs and named comments;
Debian's oldest supported one."""

_OLDEST_PYTHON: Final = (3, 12)
_OLDEST_NFT: Final = (1, 0)
_MITMPROXY: Final = ((12, 2), (12, 3))  # from, and not from there on

# Program, Debian's package, oldest version, whether the gateway's rules need it.
_PROGRAMS: Final = (
    ("haproxy", "haproxy", OLDEST_HAPROXY, False),
    ("nft", "nftables", _OLDEST_NFT, True),
    ("dnsmasq", "dnsmasq-base", OLDEST_DNSMASQ, True),
)


def examine(patient: Patient) -> Iterator[Finding]:
    """Python, mitmproxy, the kernel and the programs of the gateway."""
    python = sys.version_info[:2]
    yield _judged("Python", python, _OLDEST_PYTHON, platform.python_version(), "install a newer")
    yield _mitmproxy()
    kernel = _numbers(os.uname().release)
    yield _judged("kernel", kernel, OLDEST_KERNEL, os.uname().release, "start a newer")
    has_rules = patient.facts is not None and patient.facts.mode is not Mode.EXPLICIT
    for program, package, oldest, for_rules in _PROGRAMS:
        yield _program(program, package, oldest, needed=has_rules if for_rules else True)


def _program(name: str, package: str, oldest: tuple[int, int], *, needed: bool) -> Finding:
    found = version_of(name)
    if found is None:
        if needed:
            return look(name, "It is not installed.", f"Install the package {package}.")
        return good(name, "It is not installed, and only a gateway needs it.")
    if name == "dnsmasq" and needed and found >= oldest and (said := unfiltered(found)):
        return look(name, said, f"Install {package} 2.90 or newer.")
    return _judged(name, found, oldest, _dotted(found), f"install a newer {package}; you want")


def _judged(
    what: str, found: tuple[int, ...], oldest: tuple[int, int], text: str, remedy: str
) -> Finding:
    if found < oldest:
        return broken(
            what,
            f"{text} is too old; {_dotted(oldest)} is the oldest that works.",
            f"{remedy[0].upper()}{remedy[1:]} one, {_dotted(oldest)} or later.",
        )
    return good(what, f"{text} (the oldest that works: {_dotted(oldest)}).")


def _mitmproxy() -> Finding:
    again = "Run scripts/install again."
    try:
        text = version("mitmproxy")
    except PackageNotFoundError:
        return broken("mitmproxy", "It is not installed.", again)
    first, beyond = _MITMPROXY
    if not first <= _numbers(text) < beyond:
        return broken("mitmproxy", f"{text} is not one that Schoolgate was tried with.", again)
    return good("mitmproxy", f"{text} (from {_dotted(first)}, before {_dotted(beyond)}).")


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
