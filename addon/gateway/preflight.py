"""What would go wrong if the rules were put in force now, all of it, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from addon.gateway import table
from addon.gateway.dnsmasq import OLDEST as OLDEST_DNSMASQ
from addon.gateway.facts import Address, Facts, Mode
from addon.gateway.listeners import Listener, listeners, takes
from addon.gateway.lookups import ask
from addon.gateway.machine import (
    Interface,
    find_program,
    output_of,
    own_addresses,
    version_of,
)
from addon.gateway.missing_facts import missing_facts
from addon.gateway.nftables import FAMILY, TABLE

# Program, Debian's package, oldest version, what the version brings.
_PROGRAMS: Final = (
    ("nft", "nftables", (1, 0)),
    ("dnsmasq", "dnsmasq-base", OLDEST_DNSMASQ),
    ("haproxy", "haproxy", (2, 6)),
)
_KNOWN: Final = {"systemd-resolve": "systemd-resolved", "pihole-FTL": "Pi-hole"}


def programs_lacking(mode: Mode) -> Iterator[str]:
    """Say which programs are missing or too old."""
    for program, package, oldest in _PROGRAMS:
        if mode is Mode.EXPLICIT and program != "haproxy":
            continue
        found = version_of(program)
        wanted = ".".join(map(str, oldest))
        if found is None:
            yield f"{program} is not installed; install {package} ({wanted} or newer)."
        elif found < oldest:
            yield (
                f"{program} is too old: this is {found[0]}.{found[1]},"
                f" and the gateway needs {wanted} or newer."
            )
    if (
        mode is not Mode.EXPLICIT
        and find_program("dnsmasq")
        and "no-nftset" in output_of("dnsmasq", "--version")
    ):
        yield "This dnsmasq was built without nftables sets; install the distribution's own."


def interfaces_wrong(facts: Facts, here: dict[str, Interface]) -> Iterator[str]:
    """Say what is wrong with the interfaces that were named, or with the machine's."""
    if facts.mode is Mode.EXPLICIT:
        if fault := missing_facts(facts):
            yield fault
        return
    others = sorted(name for name in here if name != "lo")
    if len(others) < 2:
        only = f"only one interface ({others[0]})" if others else "no interface"
        yield (
            f"This machine has {only}, and a gateway stands between two: add one, or use"
            " --mode explicit."
        )
        return
    if fault := missing_facts(facts):
        yield fault
        return
    assert facts.wan
    unknown = [name for name in (*facts.lan, facts.wan) if name not in here]
    for name in unknown:
        yield f"There is no interface {name} on this machine; it has {', '.join(others)}."
    if unknown:
        return
    for name in facts.lan:
        if not here[name].addresses:
            yield f"{name} has no address yet; give it the address that devices use as gateway."
        yield from _overlaps(here[name], here[facts.wan])


def _overlaps(lan: Interface, wan: Interface) -> Iterator[str]:
    for inside in lan.addresses:
        for outside in wan.addresses:
            if inside.is_link_local or outside.is_link_local:
                continue
            if inside.version == outside.version and inside.network.overlaps(outside.network):
                yield (
                    f"{lan.name} ({inside.network}) and {wan.name} ({outside.network}) overlap, so"
                    " packets would not find their way; give the school's side another network."
                )


def port_53_taken(facts: Facts, here: dict[str, Interface], ours: int | None) -> Iterator[str]:
    """Say who else answers look-ups where our name server has to. `ours` is its process."""
    inside = [here[name] for name in (*facts.lan, "lo") if name in here]
    needed = {address.ip for interface in inside for address in interface.addresses}
    others: dict[str, Listener] = {}
    for found in listeners(53):
        in_the_way = found.everywhere or found.address in needed
        if in_the_way and (ours is None or found.pid != ours):
            others.setdefault(found.name or "another service", found)
    for name, found in others.items():
        where = "on every address" if found.everywhere else f"on {found.address}"
        yield (
            f"{_KNOWN.get(name, name)} already answers look-ups (port 53, {where}):"
            " stop it, or keep it to other addresses, and try again."
        )


def not_our_table(text: str | None, digest: str | None, overwrite: bool) -> str | None:
    """Say that the table is another's or was edited by hand; `digest` is as we left it, or None."""
    if text is None:
        return None
    if not table.is_ours(text):
        return (
            f"There is already a table '{FAMILY} {TABLE}' that Schoolgate did not make;"
            f" rename it, or remove it with 'nft delete table {FAMILY} {TABLE}'."
        )
    if not overwrite and digest is not None and table.table_digest() != digest:
        return (
            "The rules in force were changed by hand since Schoolgate made them: look at"
            " 'schoolgate gateway status', and give --overwrite to replace them."
        )
    return None


def haproxy_away(facts: Facts) -> Iterator[str]:
    """Say that nobody would take the connections that are about to be redirected."""
    away = [port for port in facts.haproxy_ports if not takes(port, 4)]
    if away:
        yield (
            f"Nothing listens on port {', '.join(map(str, away))} for the school's side, where web"
            " traffic would be sent: start 'schoolgate run --mode gateway' first, so that nobody is"
            " cut off."
        )


def upstreams_wrong(upstreams: Sequence[Address], here: dict[str, Interface]) -> Iterator[str]:
    """Say that there is nobody to ask, or that none of them answers."""
    if not upstreams:
        yield "This machine knows no name server to ask; name one with --dns ADDRESS."
        return
    ours = own_addresses(tuple(here.values()))
    for address in upstreams:
        if address in ours:
            yield f"{address} is this machine itself, which would ask itself; name another --dns."
            return
    if all(ask(address, "") is None for address in upstreams):
        listed = ", ".join(map(str, upstreams))
        yield f"No name server answers ({listed}); name one that does with --dns ADDRESS."
