"""What works, but perhaps not as it was meant: said as it is put in force, and in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from addon.gateway.dnsmasq import unfiltered
from addon.gateway.facts import Facts, Mode
from addon.gateway.machine import Interface, version_of
from addon.gateway.missing_facts import let_past
from addon.gateway.neighbours import neighbours


def remarks(facts: Facts, here: Mapping[str, Interface]) -> Iterator[str]:
    """A line each. `here` are this machine's interfaces."""
    if facts.mode is Mode.EXPLICIT:
        return
    yield from _whole_sides(facts, here)
    if said := unfiltered(version_of("dnsmasq")):
        yield said
    for one in neighbours(facts):
        yield f"{one.found} {one.remedy}"


def _whole_sides(facts: Facts, here: Mapping[str, Interface]) -> Iterator[str]:
    past = let_past(facts)
    for name in facts.lan:
        for address in here[name].addresses if name in here else ():
            inside = address.network
            if any(inside.version == n.version and inside.subnet_of(n) for n in past):  # type: ignore[arg-type]
                yield f"All of {name} ({inside}) is exempt or open: nobody there is restricted."
