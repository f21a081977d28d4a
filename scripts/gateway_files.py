"""The gateway's files as they would be made on this machine now."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from addon.endpoint import Endpoint
from addon.gateway.facts import PORTAL_PORT, Facts, Mode
from addon.gateway.machine import interfaces, own_addresses, resolvers_of_machine, version_of
from addon.gateway.names import gateway_names
from addon.gateway.rendering import Surroundings, render
from rules.policy import Policy
from scripts.common import Sorry

_NEWEST_DNSMASQ: Final = (2, 90)


def render_now(facts: Facts, policy: Policy) -> dict[str, str]:
    """The files by name, from the policy and the facts. Raises Sorry and MachineError."""
    return render(facts, policy, gateway_names(policy), surroundings(facts))


def surroundings(facts: Facts) -> Surroundings:
    """What the machine itself adds to the facts. Raises Sorry where they leave something open."""
    upstreams = facts.dns or resolvers_of_machine()
    if facts.mode is not Mode.EXPLICIT and not upstreams:
        raise Sorry("This machine knows no name server to ask; name one with --dns ADDRESS.")
    portal = facts.portal or _first_address(facts)
    if portal is None:
        if facts.portal_name or facts.mode is Mode.EXPLICIT:
            raise Sorry("Say where staff's devices reach this machine, with --portal ADDRESS.")
        portal = Endpoint("127.0.0.1", PORTAL_PORT)  # nothing that is rendered names it
    return Surroundings(upstreams, portal, version_of("dnsmasq") or _NEWEST_DNSMASQ)


def _first_address(facts: Facts) -> Endpoint | None:
    here = interfaces()
    addresses = own_addresses([here[name] for name in facts.lan if name in here])
    return Endpoint(str(addresses[0]), PORTAL_PORT) if addresses else None


def with_upstreams(facts: Facts) -> Facts:
    """Today's name servers are remembered: tomorrow the machine may ask only itself."""
    if facts.dns or facts.mode is Mode.EXPLICIT:
        return facts
    return replace(facts, dns=resolvers_of_machine())
