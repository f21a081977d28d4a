"""Other programs' chains of the packet filter, through which what we redirect has to go as well.

That our rules accept a packet spares it none of another table's (nft(8), VERDICT STATEMENT). ufw,
Docker and many rules made by hand drop what no rule of theirs lets through; firewalld refuses it
in a last rule, so its chains are known by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from addon.gateway.facts import Facts, Mode
from addon.gateway.machine import output_of
from addon.gateway.nftables import FAMILY, TABLE

_FAMILIES: Final = ("ip", "ip6", "inet")
_REFUSING: Final = "firewalld"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Chains that refuse what they do not know, and what they have to let through for us."""

    chains: tuple[str, ...]  # family, table, chain, as nft is told of them
    needed: str

    @property
    def found(self) -> str:
        """What is so, as a sentence."""
        return f"Others' rules let through only what they know: {', '.join(self.chains)}."

    @property
    def remedy(self) -> str:
        """What to do, as a sentence."""
        return f"See that they let through {self.needed}."


def neighbours(facts: Facts) -> Iterator[Neighbours]:
    """Those in the way of what is forwarded, then those in the way of what comes to us."""
    if facts.mode is Mode.EXPLICIT:
        return
    lan = ", ".join(facts.lan)
    https, http, *known = facts.haproxy_ports
    needed = {
        "forward": f"what goes between {lan} and {facts.wan}, with its answers",
        "input": (
            f"from {lan}: port 53 (TCP and UDP), and TCP ports {facts.portal_port} (the portal),"
            f" {', '.join(map(str, (https, http, *known)))} (HAProxy), and over IPv6 80 and 443"
        ),
    }
    chains = list(_refusing_chains())
    for hook, words in needed.items():
        if found := tuple(name for where, name in chains if where == hook):
            yield Neighbours(found, words)


def _refusing_chains() -> Iterator[tuple[str, str]]:
    """The hook and the name of each."""
    listed = json.loads(output_of("nft", "--json", "list", "chains") or "{}")
    for entry in listed.get("nftables", ()):
        chain = entry.get("chain", {})
        family, table = chain.get("family"), chain.get("table")
        if family not in _FAMILIES or (family, table) == (FAMILY, TABLE):
            continue
        if chain.get("policy") == "drop" or (table == _REFUSING and "hook" in chain):
            yield str(chain.get("hook")), f"{family} {table} {chain.get('name')}"
